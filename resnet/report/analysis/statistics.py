"""Samples of seeds, and the tests that compare them: each in its simplest standard form.

A sample is a mean, a spread and a number: never one without the others.
"""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pandas import DataFrame
from scipy.special import stdtr, stdtrit


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
        mean, degrees = self.mean, self.n - 1
        return math.sqrt(math.fsum((value - mean) ** 2 for value in self.values) / degrees) if degrees else None

    def interval(self, confidence: float = 0.95) -> Interval | None:
        """Student's t interval of the mean; None for one value."""
        if self.std is None:
            return None
        half = float(stdtrit(self.n - 1, (1 + confidence) / 2)) * self.std / math.sqrt(self.n)
        return Interval(self.mean - half, self.mean + half)


def sample(values: Iterable[float | None]) -> Sample | None:
    """Make a sample of the finite values; None where there is none.

    A value that is missing, NaN or infinite was not measured and does not count in n.
    """
    finite = tuple(float(value) for value in values if value is not None and math.isfinite(value))
    return Sample(finite) if finite else None


class Difference(NamedTuple):
    """An estimated difference of means with what a t test needs to judge it."""

    value: float
    error: float
    """Standard error, more than 0."""
    degrees: float
    """Of freedom."""
    test: str
    """The test's name and the numbers of values that went into it."""

    def interval(self, confidence: float) -> Interval:
        half = float(stdtrit(self.degrees, (1 + confidence) / 2)) * self.error
        return Interval(self.value - half, self.value + half)

    @property
    def p(self) -> float:
        """Two-sided, against a difference of 0."""
        return float(2 * stdtr(self.degrees, -abs(self.value) / self.error))

    def equivalence_p(self, margin: float) -> float:
        """Two one-sided tests (Schuirmann 1987), against a difference of `margin` or more either way."""
        return max(float(stdtr(self.degrees, -(margin + side * self.value) / self.error)) for side in (-1, 1))


def _difference(value: float, error: float, degrees: float, test: str) -> Difference | None:
    # Values without any spread say nothing about what another seed would give.
    return Difference(value, error, degrees, test) if error > 1e-12 * max(1.0, abs(value)) else None


def welch(first: Sample, second: Sample) -> Difference | None:
    """The first mean minus the second, by Welch's t test, which does not suppose equal variances.

    None where either has one value, or neither any spread.
    """
    if first.std is None or second.std is None:
        return None
    return welch_from((first.mean, first.std, first.n), (second.mean, second.std, second.n))


def welch_from(first: tuple[float, float, int], second: tuple[float, float, int]) -> Difference | None:
    """The same from (mean, std, n) of each, as others publish them."""
    (mean, std, n), (other_mean, other_std, other_n) = first, second
    parts = std**2 / n, other_std**2 / other_n
    if not sum(parts):
        return None
    degrees = sum(parts) ** 2 / (parts[0] ** 2 / (n - 1) + parts[1] ** 2 / (other_n - 1))
    return _difference(mean - other_mean, math.sqrt(sum(parts)), degrees, f"Welch's t, n = {n} and {other_n}")


def one_sample(values: Sample, constant: float, test: str = "one-sample t") -> Difference | None:
    """The mean minus a constant; None for one value or values without spread."""
    if values.std is None:
        return None
    error, n = values.std / math.sqrt(values.n), values.n
    return _difference(values.mean - constant, error, n - 1, f"{test}, n = {n}")


def paired(first: Sequence[float], second: Sequence[float]) -> Difference | None:
    """The mean of first minus second, pair by pair; None for one pair or differences without spread."""
    return one_sample(Sample(tuple(a - b for a, b in zip(first, second, strict=True))), 0.0, "paired t")


def holm(ps: Sequence[float]) -> list[float]:
    """Adjust p values for their number (Holm 1979): a family at level a has no false one but with chance a."""
    adjusted, highest = [0.0] * len(ps), 0.0
    for rank, place in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        highest = max(highest, min(1.0, (len(ps) - rank) * ps[place]))
        adjusted[place] = highest
    return adjusted


def over_rows(values: DataFrame) -> DataFrame:
    """Mean, lowest and highest of each column over the rows: a line and its band."""
    band = {column: (math.fsum(x) / len(x), min(x), max(x)) for column in values if (x := values[column].tolist())}
    return DataFrame.from_dict(band, orient="index", columns=["mean", "low", "high"])
