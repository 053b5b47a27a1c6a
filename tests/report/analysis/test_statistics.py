"""Means, spreads and how they are written, against figures worked out by hand."""

from __future__ import annotations

import math

import pytest
from scipy import stats

from resnet.report.analysis.statistics import Difference, Sample, holm, one_sample, paired, sample, welch
from resnet.report.style import words as text


def test_mean_and_sample_std_by_hand() -> None:
    values = sample([8.0, 9.0, 10.0])
    assert values is not None
    assert values.mean == 9.0
    assert values.std == 1.0  # sqrt((1 + 0 + 1) / 2)
    assert values.n == 3


def test_interval_uses_students_t() -> None:
    # t(0.975, 2 degrees of freedom) = 4.302653 in printed tables; 4.302653 / sqrt(3) = 2.484138
    interval = sample([8.0, 9.0, 10.0]).interval()  # type: ignore[union-attr]
    assert interval == pytest.approx((9 - 2.484138, 9 + 2.484138), abs=1e-5)


def test_one_value_has_no_spread() -> None:
    values = sample([8.75])
    assert values is not None
    assert (values.mean, values.std, values.interval(), values.n) == (8.75, None, None, 1)
    assert text.error(values) == "8.75 (n = 1)"


def test_what_was_not_measured_does_not_count() -> None:
    values = sample([8.0, None, math.nan, math.inf, 10.0])
    assert values is not None
    assert values.n == 2
    assert sample([None, math.nan]) is None
    assert sample([]) is None


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (text.spread(8.512, 0.219, 5), "8.51 ± 0.22 (n = 5)"),
        (text.spread(8.75, None, None), "8.75"),
        (text.rounded_parameters(269_722), "0.27M"),
        (text.rounded_parameters(1_727_962), "1.7M"),
        (text.rounded_parameters(19_421_274), "19.4M"),
        (text.multiply_adds(40_551_808), "40.55M"),
        (text.multiply_adds(2_829_000_000), "2,829M"),
        (text.size(512 * 2**20), "512 MiB"),
        (text.size(3 * 2**30), "3.0 GiB"),
        (text.duration(0.84), "0.84 s"),
        (text.duration(75.5), "75.5 s"),
        (text.duration(1200), "20.0 min"),
        (text.duration(9000), "2.5 h"),
        (text.durations(sample([1200, 1260, 1320])), "21.0 ± 1.0 min (n = 3)"),  # type: ignore[arg-type]
        (text.seeds([3]), "seed 3"),
        (text.seeds([0, 1, 2]), "seeds 0, 1 and 2"),
        (text.escaped("a|b_c"), "a\\|b\\_c"),
    ],
)
def test_written(written: str, expected: str) -> None:
    assert written == expected


def test_welch_by_hand() -> None:
    # Variances 1 and 4 of three values each: error sqrt(5/3), degrees (5/3)^2 / (1/18 + 16/18) = 50/17.
    found = welch(Sample((8.0, 9.0, 10.0)), Sample((2.0, 4.0, 6.0)))
    assert found is not None
    assert (found.value, found.error, found.degrees) == pytest.approx((5.0, math.sqrt(5 / 3), 50 / 17))
    assert found.p == pytest.approx(stats.ttest_ind([8, 9, 10], [2, 4, 6], equal_var=False).pvalue)
    assert found.interval(0.95) == pytest.approx(
        stats.ttest_ind([8, 9, 10], [2, 4, 6], equal_var=False).confidence_interval(0.95)
    )


def test_paired_and_one_sample_against_scipy() -> None:
    first, second = (8.0, 9.5, 10.0), (7.0, 8.0, 9.5)
    assert paired(first, second).p == pytest.approx(stats.ttest_rel(first, second).pvalue)  # type: ignore[union-attr]
    assert one_sample(Sample(first), 8.0).p == pytest.approx(stats.ttest_1samp(first, 8.0).pvalue)  # type: ignore[union-attr]


def test_nothing_is_tested_without_a_spread() -> None:
    assert welch(Sample((8.0,)), Sample((7.0, 7.5))) is None
    assert welch(Sample((8.0, 8.0)), Sample((7.0, 7.0))) is None
    assert welch(Sample((8.0, 8.0)), Sample((7.0, 7.5))) is not None
    assert paired((8.0,), (7.0,)) is None
    assert one_sample(Sample((8.0,)), 7.0) is None


def test_two_one_sided_tests() -> None:
    # The difference 0.2 with standard error 0.1 is two errors below a margin of 0.4: t(10) = 2.
    found = Difference(0.2, 0.1, 10, "")
    assert found.equivalence_p(0.4) == pytest.approx(0.03669, abs=1e-5)
    assert found.equivalence_p(0.2) == pytest.approx(0.5)
    assert Difference(-0.2, 0.1, 10, "").equivalence_p(0.4) == pytest.approx(found.equivalence_p(0.4))


def test_holm_by_hand() -> None:
    # In order 0.01 x 4, 0.02 x 3, 0.03 x 2 and 0.5 x 1, none below the one before it.
    assert holm([0.03, 0.01, 0.5, 0.02]) == pytest.approx([0.06, 0.04, 0.5, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_interval_of_a_variance() -> None:
    # chi-squared of 2 degrees is exponential: its quantiles are -2 ln(1 - q).
    limits = Sample((8.0, 9.0, 10.0)).variance_interval()
    assert limits == pytest.approx((2 / (-2 * math.log(0.025)), 2 / (-2 * math.log(0.975))))
