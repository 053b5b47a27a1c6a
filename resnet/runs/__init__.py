"""Keeping books: where a run's files lie, whether they are the plan's, and what is left to do."""
