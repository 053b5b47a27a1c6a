"""Samples of seeds, and the tests that compare them: each in its simplest standard form.

A sample is a mean, a spread and a number: never one without the others.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from scipy.special import stdtr, stdtrit
from scipy.stats import kendalltau, mannwhitneyu, theilslopes

from resnet.report.published import PublishedError

Values = Mapping[str, Mapping[int, float]]
"""Of each net, a value by seed."""


class Sample(NamedTuple):
    """What is known of one quantity over seeds."""

    mean: float
    std: float | None
    """With divisor n - 1; None for one value, which has no spread."""
    n: int

    def interval(self, confidence: float) -> tuple[float, float] | None:
        """Student's t interval of the mean; None for one value."""
        if self.std is None:
            return None
        half = float(stdtrit(self.n - 1, (1 + confidence) / 2)) * self.std / math.sqrt(self.n)
        return self.mean - half, self.mean + half


def sample(values: Iterable[float | None]) -> Sample | None:
    """Make a sample of the finite values; None without any.

    A value that is missing, NaN or infinite was not measured and does not count in n. Rounding is no spread.
    """
    finite = [float(value) for value in values if value is not None and math.isfinite(value)]
    if not (n := len(finite)):
        return None
    mean = math.fsum(finite) / n
    std = math.sqrt(math.fsum((value - mean) ** 2 for value in finite) / (n - 1)) if n > 1 else None
    return Sample(mean, std if std is None or std > 1e-12 * max(1.0, abs(mean)) else 0.0, n)


class Difference(NamedTuple):
    """An estimated difference of means with what a t test needs to judge it."""

    value: float
    error: float
    """Standard error, more than 0."""
    degrees: float
    """Of freedom."""
    test: str
    """The test's name and the numbers of values that went into it."""

    def interval(self, confidence: float) -> tuple[float, float]:
        half = float(stdtrit(self.degrees, (1 + confidence) / 2)) * self.error
        return self.value - half, self.value + half

    def p(self) -> float:
        """Two-sided, against no difference."""
        return float(2 * stdtr(self.degrees, -abs(self.value) / self.error))

    def equivalence_p(self, margin: float) -> float:
        """Two one-sided tests (Schuirmann 1987), against a difference of `margin` or more either way."""
        return max(float(stdtr(self.degrees, -(margin + side * self.value) / self.error)) for side in (-1, 1))


def contrast(coefficients: Sequence[float], groups: Sequence[Sample]) -> Difference | None:
    """A sum of means, each times its coefficient, by a t test that does not suppose equal variances.

    The degrees of freedom are Satterthwaite's (1946); with two groups it is Welch's test. None if a group has one
    value, or none has any spread: such values say nothing about what another seed would give.
    """
    terms = list(zip(coefficients, groups, strict=True))
    variances = [(c * (group.std or 0.0)) ** 2 / group.n for c, group in terms]
    if any(group.std is None for group in groups) or not sum(variances):
        return None
    degrees = sum(variances) ** 2 / sum(v**2 / (group.n - 1) for v, group in zip(variances, groups, strict=True))
    *first, last = [str(group.n) for group in groups]
    test = f"{'Welch' if len(groups) == 2 else 'Satterthwaite'}'s t, n = {', '.join(first)} and {last}"
    return Difference(math.fsum(c * group.mean for c, group in terms), math.sqrt(sum(variances)), degrees, test)


def welch(first: Sample, second: Sample) -> Difference | None:
    """The first mean minus the second, by Welch's t test; None if either has one value, or neither any spread."""
    return contrast((1, -1), (first, second))


def prediction(values: Sample, single: float) -> Difference | None:
    """The mean minus a single run of somebody else, which is one draw and no truth.

    The standard error is s * sqrt(1 + 1/n), as if theirs scattered like ours: the interval of the difference leaves
    0 out if their run is outside the interval that predicts one more run. None for one value or without spread.
    """
    if not values.std:
        return None
    error, test = math.sqrt(1 + 1 / values.n) * values.std, f"prediction of a single run, n = {values.n}"
    return Difference(values.mean - single, error, values.n - 1, test)


class Evidence(NamedTuple):
    """What runs say of a contrast of nets, or of a trend with depth: on which side of 0 it is."""

    difference: float
    low: float
    """Of its interval."""
    high: float
    p: float
    """Two-sided."""
    test: str
    """Its name with n."""
    paired_low: float = math.nan
    """Of the interval of the differences by seed, if the nets have the same seeds."""
    paired_high: float = math.nan
    p_ranks: float = math.nan
    """Of a Mann-Whitney test, if the variances differ by more than 4 to 1 and each side has four runs."""


def _by_seed(coefficients: Mapping[str, int], values: Values, names: Sequence[str]) -> list[float]:
    """The part of a contrast that is of these nets, by seed; empty if they have not the same seeds."""
    seeds = values[names[0]].keys()
    alike = all(values[name].keys() == seeds for name in names)
    return [math.fsum(coefficients[name] * values[name][seed] for name in names) for seed in seeds if alike]


def compare(coefficients: Mapping[str, int], values: Values, confidence: float) -> Evidence | None:
    """Test a contrast of two nets, or of two and two: a sum of their means, each times its coefficient.

    None if a net has fewer than two runs, or no run differs.
    """
    names, samples = [*coefficients], [x for name in coefficients if (x := sample(values[name].values()))]
    found = contrast([*coefficients.values()], samples) if len(samples) == len(names) else None
    if found is None:
        return None
    pairs = sample(_by_seed(coefficients, values, names))
    # An interaction compares what depth costs each seed of the two kinds.
    half, stds, ranks = len(names) // 2, [x.std or 0.0 for x in samples], math.nan
    first, second = (_by_seed(coefficients, values, side) for side in (names[:half], names[half:]))
    if max(stds) ** 2 > 4 * min(stds) ** 2 and min(len(first), len(second)) >= 4:
        ranks = float(mannwhitneyu(first, [-x for x in second]).pvalue)
    ends = (pairs.interval(confidence) if pairs and pairs.std else None) or (math.nan, math.nan)
    return Evidence(found.value, *found.interval(confidence), found.p(), found.test, *ends, ranks)


def trend(depths: Mapping[str, int], values: Values, confidence: float) -> Evidence | None:
    """Theil and Sen's slope of 10 layers with Sen's (1968) interval, and Jonckheere and Terpstra's test.

    The test is Kendall's with the depths as ties. None if no run differs.
    """
    x, y = zip(*((depth, value) for name, depth in depths.items() for value in values[name].values()), strict=True)
    if len({*y}) == 1:
        return None
    slopes = theilslopes(y, x, confidence)
    value, low, high = (10 * float(slope) for slope in (slopes.slope, slopes.low_slope, slopes.high_slope))
    test = f"Jonckheere-Terpstra, n = {len(y)} runs of {len({*x})} depths"
    return Evidence(value, low, high, float(kendalltau(x, y).pvalue), test)


def versus_published(values: Sample, figure: PublishedError) -> Difference | None:
    """Ours minus a published error: by Welch's test if its spread is published, else as a single run."""
    if figure.n is not None and figure.sample_std is not None:
        return welch(values, Sample(figure.error, figure.sample_std, figure.n))
    return prediction(values, figure.error)


def holm(ps: Sequence[float]) -> list[float]:
    """Adjust p values for their number (Holm 1979): a family at level a has no false one but with chance a.

    A test that could not be made has NaN, and counts like a p of 1: a verdict does not get easier by what is missing.
    """
    adjusted, highest = [math.nan] * len(ps), 0.0
    for rank, (p, place) in enumerate(sorted((p, place) for place, p in enumerate(ps) if not math.isnan(p))):
        highest = max(highest, min(1.0, (len(ps) - rank) * p))
        adjusted[place] = highest
    return adjusted
