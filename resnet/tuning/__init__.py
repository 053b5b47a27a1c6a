"""Sweeps: hyper-parameters tuned for each net at equal budget."""
