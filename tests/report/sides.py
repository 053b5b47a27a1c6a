"""Made-up runs on a chosen side of a claim: where it holds, where the opposite does, and where nothing differs."""

from __future__ import annotations

from typing import Literal

import numpy as np

from resnet.report.topics.claims import Claim

Side = Literal["holds", "opposite", "nothing differs"]
LEVELS = {"test_error": 10.0, "training_error": 10.0, "response": 1.0}
"""About where the values of a quantity are."""


def means(claim: Claim, side: Side, apart: float) -> dict[str, float]:
    """Means of a claim's nets whose contrast is `apart` beyond the claim's bound, or on its other side.

    Where nothing differs the contrast is 0, whatever the bound. A trend is a straight line between its ends.
    """
    level = dict.fromkeys(claim.nets, LEVELS[claim.quantity])
    if side == "nothing differs":
        return level
    wanted = claim.bound + claim.sign * (-apart if side == "opposite" else apart)
    if claim.trend:
        shallow, *_, deep = claim.trend.values()
        return {
            name: level[name] + wanted * (depth - shallow) / (deep - shallow) for name, depth in claim.trend.items()
        }
    size = sum(coefficient**2 for coefficient in claim.contrast.values())
    return level | {name: level[name] + coefficient * wanted / size for name, coefficient in claim.contrast.items()}


def drawn(
    mean: dict[str, float], spread: dict[str, float], runs: int, generator: np.random.Generator
) -> dict[str, dict[int, float]]:
    """Runs of each net by seed, normal around its mean; its spread is 1 unless it is named."""
    return {
        name: dict(enumerate(generator.normal(level, spread.get(name, 1.0), runs).tolist()))
        for name, level in mean.items()
    }
