"""Made-up results on a chosen side of a claim: where it holds, where the opposite does, and where nothing differs."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from resnet.report.analysis.stated import Claim
from resnet.report.tables import Tables

from resnet.report.samples import Sample

Side = Literal["holds", "opposite", "nothing differs"]
LEVELS = {"test_error": 10.0, "training_error": 10.0, "response": 1.0}
"""About where the values of a quantity lie."""


def means(claim: Claim, side: Side, apart: float) -> dict[str, float]:
    """Means of a claim's nets for which each contrast lies `apart` beyond the claim's bound, or on its other side.

    Where nothing differs the contrasts are 0, whatever the bound. On the other side it is the last contrast of several
    that does not hold: one is enough to contradict an order.
    """
    level = dict.fromkeys(claim.nets, LEVELS[claim.quantity])
    if side == "nothing differs":
        return level
    for place, contrast in enumerate(claim.contrasts):
        opposite = side == "opposite" and place == len(claim.contrasts) - 1
        wanted = claim.bound + claim.sign * (-apart if opposite else apart)
        if len(contrast) == 2:  # a step from what the step before it came to
            first, second = contrast
            level[second] = level[first] + wanted
            continue
        size = sum(coefficient**2 for coefficient in contrast.values())
        level |= {name: level[name] + coefficient * wanted / size for name, coefficient in contrast.items()}
    return level


def drawn(
    mean: dict[str, float],
    spread: float | dict[str, float],
    seeds: int | dict[str, int],
    generator: np.random.Generator,
) -> dict[str, Sample]:
    """Seeds of each net, normal around its mean."""

    def values(name: str) -> NDArray[np.float64]:
        std = spread[name] if isinstance(spread, dict) else spread
        return generator.normal(mean[name], std, seeds[name] if isinstance(seeds, dict) else seeds)

    return {name: Sample(tuple(values(name).tolist())) for name in mean}


def write(plan: Any, tables: Tables, claim: Claim, side: Side, apart: float = 2.0, spread: float = 0.05) -> None:
    """Write all planned seeds of a claim's nets, evenly spread around means on a side of it."""
    for name, mean in means(claim, side, apart).items():
        seeds = list(tables.seeds(name)["seed"])
        offsets = np.linspace(-spread, spread, len(seeds)) if len(seeds) > 1 else [0.0]
        values = [mean + float(offset) for offset in offsets]
        for seed, value in zip(seeds, values, strict=True):
            errors = {"test_error": 10.0 + seed, "training_error": 10.0 + seed} | (
                {claim.quantity: value} if claim.quantity != "response" else {}
            )
            plan.train(name, seed, errors["test_error"], training_error=errors["training_error"], history=[])
        if claim.quantity == "response":
            depth = tables.net(name).depth
            plan.responses(name, *[[10.0 + value] * (depth - 1) for value in values])  # none is below 0
