"""The commands of README and docs: each is taken by its program, and run."""
