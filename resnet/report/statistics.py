"""Mean, spread and count of a few runs."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

from scipy import stats


class Spread(NamedTuple):
    """What a few measurements say."""

    mean: float
    std: float | None
    """Sample standard deviation, n - 1 in the denominator; None for one measurement."""
    n: int

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % confidence interval of the mean by Student's t; None for one measurement."""
        if self.std is None:
            return None
        half = float(stats.t.ppf(0.975, self.n - 1)) * self.std / math.sqrt(self.n)
        return self.mean - half, self.mean + half

    def __str__(self) -> str:
        if self.std is None:
            return f"{self.mean:.2f} (n = 1)"
        return f"{self.mean:.2f} ± {self.std:.2f} (n = {self.n})"


def spread(values: Sequence[float]) -> Spread | None:
    """Summarise measurements; None if there are none."""
    if not values:
        return None
    std = statistics.stdev(values) if len(values) > 1 else None
    return Spread(statistics.fmean(values), std, len(values))
