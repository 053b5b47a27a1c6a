"""A sample of seeds or repeats as a mean, a spread and a number: never one without the others."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from scipy.stats import t


class Interval(NamedTuple):
    low: float
    high: float


class Sample(NamedTuple):
    """Finite values of one quantity, one a seed, and what is derived from them."""

    values: tuple[float, ...]

    @property
    def n(self) -> int:
        return len(self.values)

    @property
    def mean(self) -> float:
        return math.fsum(self.values) / self.n

    @property
    def std(self) -> float | None:
        """Sample standard deviation (divisor n - 1); None for one value, which has no spread."""
        if self.n < 2:
            return None
        mean = self.mean
        return math.sqrt(math.fsum((value - mean) ** 2 for value in self.values) / (self.n - 1))

    def interval(self, confidence: float = 0.95) -> Interval | None:
        """Student's t interval of the mean; None for one value."""
        std = self.std
        if std is None:
            return None
        half = float(t.ppf((1 + confidence) / 2, self.n - 1)) * std / math.sqrt(self.n)
        return Interval(self.mean - half, self.mean + half)


def sample(values: Iterable[float | None]) -> Sample | None:
    """Make a sample of the finite values; None where there is none.

    A value that is missing, NaN or infinite was not measured and does not count in n.
    """
    finite = tuple(float(value) for value in values if value is not None and math.isfinite(value))
    return Sample(finite) if finite else None
