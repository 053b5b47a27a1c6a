"""Depth and the number of residual blocks: depth = 6n + 2 (section 4.2)."""

from __future__ import annotations


def blocks_per_stage(depth: int) -> int:
    """Give n, the residual blocks in each of the three stages of a net of `depth` weighted layers.

    Three stages of 2n 3x3 convolutions, the first convolution and the fully connected layer make
    6n + 2 weighted layers: n = 3, 5, 7, 9, 18, 200 for depths 20, 32, 44, 56, 110, 1202.

    Raises:
        ValueError: no n >= 1 gives this depth.
    """
    n, rest = divmod(depth - 2, 6)
    if rest or n < 1:
        below = max(6 * n + 2, 8)
        raise ValueError(f"depth {depth} is not 6n + 2 with n >= 1; the nearest are {below} and {below + 6}")
    return n
