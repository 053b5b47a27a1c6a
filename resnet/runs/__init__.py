"""Keeping books: where a run's files are, whether they are the plan's, and what is left to do."""
