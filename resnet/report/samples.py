"""Samples of seeds, and the tests that compare them: each in its simplest standard form.

A sample is a mean, a spread and a number: never one without the others.
"""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pandas import DataFrame
from scipy.special import stdtr, stdtrit
from scipy.stats import kendalltau, theilslopes

from resnet.report.published import PublishedError


class Interval(NamedTuple):
    low: float
    high: float


class Summary(NamedTuple):
    """What is known of a sample where its values are not, as others publish it."""

    mean: float
    std: float | None
    """None for one value."""
    n: int


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

    @property
    def summary(self) -> Summary:
        return Summary(self.mean, self.std, self.n)

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
        return self.p_against(0.0)

    def p_against(self, bound: float) -> float:
        """Two-sided, against a difference of `bound`."""
        return float(2 * stdtr(self.degrees, -abs(self.value - bound) / self.error))

    def equivalence_p(self, margin: float) -> float:
        """Two one-sided tests (Schuirmann 1987), against a difference of `margin` or more either way."""
        return max(float(stdtr(self.degrees, -(margin + side * self.value) / self.error)) for side in (-1, 1))


class Trend(NamedTuple):
    """How a quantity changes with depth, over all runs of several depths."""

    depths: tuple[float, ...]
    """Of each run, in layers."""
    values: tuple[float, ...]

    @property
    def value(self) -> float:
        """Theil and Sen's slope, of 10 layers."""
        return 10 * float(theilslopes(self.values, self.depths).slope)

    def interval(self, confidence: float) -> Interval:
        """Sen's (1968) interval of the slope of 10 layers."""
        slopes = theilslopes(self.values, self.depths, confidence)
        return Interval(10 * float(slopes.low_slope), 10 * float(slopes.high_slope))

    @property
    def p(self) -> float:
        """Two-sided, of Jonckheere and Terpstra's test, which is Kendall's with the depths as ties."""
        return float(kendalltau(self.depths, self.values).pvalue)

    def p_against(self, bound: float) -> float:
        """Two-sided, against no trend.

        Raises:
            ValueError: the bound is not 0.
        """
        if bound:
            raise ValueError("a trend is tested against no trend")
        return self.p

    @property
    def test(self) -> str:
        return f"Jonckheere-Terpstra, n = {len(self.values)} runs of {len(set(self.depths))} depths"


def _difference(value: float, error: float, degrees: float, test: str) -> Difference | None:
    # Values without any spread say nothing about what another seed would give.
    return Difference(value, error, degrees, test) if error > 1e-12 * max(1.0, abs(value)) else None


def contrast(coefficients: Sequence[float], groups: Sequence[Summary], test: str) -> Difference | None:
    """A sum of means, each times its coefficient, by a t test that does not suppose equal variances.

    The degrees of freedom are Satterthwaite's (1946); with the coefficients 1 and -1 it is Welch's test.
    None where a group has one value, or none has any spread.
    """
    spreads = [group.std for group in groups if group.std is not None and group.n > 1]
    if len(spreads) < len(groups):
        return None
    terms = list(zip(coefficients, spreads, groups, strict=True))
    variances = [(coefficient * std) ** 2 / group.n for coefficient, std, group in terms]
    if not sum(variances):
        return None
    value = math.fsum(c * group.mean for c, group in zip(coefficients, groups, strict=True))
    degrees = sum(variances) ** 2 / sum(v**2 / (group.n - 1) for v, group in zip(variances, groups, strict=True))
    *first, last = [str(group.n) for group in groups]
    return _difference(value, math.sqrt(sum(variances)), degrees, f"{test}, n = {', '.join(first)} and {last}")


def welch(first: Sample, second: Sample) -> Difference | None:
    """The first mean minus the second, by Welch's t test; None where either has one value, or neither any spread."""
    return contrast((1, -1), (first.summary, second.summary), "Welch's t")


def _of_one(values: Sample, factor: float, constant: float, test: str) -> Difference | None:
    """The mean minus a constant, with a standard error of `factor` times the spread."""
    if values.std is None:
        return None
    return _difference(values.mean - constant, factor * values.std, values.n - 1, f"{test}, n = {values.n}")


def prediction(values: Sample, single: float) -> Difference | None:
    """The mean minus a single run of somebody else, which is one draw and no truth.

    The standard error is s * sqrt(1 + 1/n), as if theirs scattered like ours: the interval of the difference leaves
    0 out where their run lies outside the interval that predicts one more run. None for one value or without spread.
    """
    return _of_one(values, math.sqrt(1 + 1 / values.n), single, "prediction of a single run")


def paired(first: Sequence[float], second: Sequence[float]) -> Difference | None:
    """The mean of first minus second, pair by pair; None for one pair or differences without spread."""
    differences = Sample(tuple(a - b for a, b in zip(first, second, strict=True)))
    return _of_one(differences, math.sqrt(1 / differences.n), 0.0, "paired t")


def holm(ps: Sequence[float], planned: int | None = None) -> list[float]:
    """Adjust p values for their number (Holm 1979): a family at level a has no false one but with chance a.

    Args:
        ps: of the tests that could be made.
        planned: how many the family was to have, at least as many: one that could not be made counts like a p of 1,
            so that a verdict does not get easier by what is missing. None: as many as were made.
    """
    number, adjusted, highest = planned or len(ps), [0.0] * len(ps), 0.0
    for rank, place in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        highest = max(highest, min(1.0, (number - rank) * ps[place]))
        adjusted[place] = highest
    return adjusted


def over_rows(values: DataFrame) -> DataFrame:
    """Mean, lowest and highest of each column over the rows: a line and its band."""
    band = {column: (math.fsum(x) / len(x), min(x), max(x)) for column in values if (x := values[column].tolist())}
    return DataFrame.from_dict(band, orient="index", columns=["mean", "low", "high"])


def versus_published(values: Sample, figure: PublishedError) -> Difference | None:
    """Ours minus a published error: by Welch's test if its spread is published, else as a single run."""
    if figure.n is not None and figure.sample_std is not None:
        theirs = Summary(figure.error, figure.sample_std, figure.n)
        return contrast((1, -1), (values.summary, theirs), "Welch's t")
    return prediction(values, figure.error)
