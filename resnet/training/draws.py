"""Randomness as a function of (seed, purpose, number), never of what was drawn before.

A run that resumes in the middle of an epoch, and seeds that train side by side, draw exactly what
a run left alone draws.
"""

from __future__ import annotations

import hashlib

import torch


def generator(seed: int, purpose: str, number: int = 0) -> torch.Generator:
    """A CPU generator for one purpose, such as the data order of epoch `number`."""
    digest = hashlib.sha256(f"{seed}/{purpose}/{number}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
