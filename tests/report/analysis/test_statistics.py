"""Means, spreads and tests, against figures worked out by hand."""

from __future__ import annotations

import math

import pytest
from pandas import DataFrame
from scipy import stats

from resnet.report.analysis.statistics import Difference, Sample, holm, one_sample, over_rows, paired, sample, welch


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


def test_what_was_not_measured_does_not_count() -> None:
    values = sample([8.0, None, math.nan, math.inf, 10.0])
    assert values is not None
    assert values.n == 2
    assert sample([None, math.nan]) is None
    assert sample([]) is None


def test_sums_are_exact() -> None:
    assert Sample((1e16, 1.0, -1e16)).mean == 1 / 3
    assert over_rows(DataFrame({"a": [1e16, 1.0, -1e16]}))["mean"].tolist() == [1 / 3]


def test_a_line_and_its_band_by_column() -> None:
    band = over_rows(DataFrame([[1.0, 4.0], [3.0, 2.0]], columns=[10, 20]))
    assert band.loc[10].tolist() == [2.0, 1.0, 3.0]
    assert band.loc[20].tolist() == [3.0, 2.0, 4.0]
    assert over_rows(DataFrame()).empty


def test_welch_by_hand() -> None:
    # Variances 1 and 4 of three values each: error sqrt(5/3), degrees (5/3)^2 / (1/18 + 16/18) = 50/17.
    difference = welch(Sample((8.0, 9.0, 10.0)), Sample((2.0, 4.0, 6.0)))
    assert difference is not None
    assert (difference.value, difference.error, difference.degrees) == pytest.approx((5.0, math.sqrt(5 / 3), 50 / 17))
    expected = stats.ttest_ind([8, 9, 10], [2, 4, 6], equal_var=False)
    assert difference.p == pytest.approx(expected.pvalue)
    assert difference.interval(0.95) == pytest.approx(expected.confidence_interval(0.95))


def test_paired_and_one_sample_against_scipy() -> None:
    first, second = (8.0, 9.5, 10.0), (7.0, 8.0, 9.5)
    assert paired(first, second).p == pytest.approx(stats.ttest_rel(first, second).pvalue)  # type: ignore[union-attr]
    assert one_sample(Sample(first), 8.0).p == pytest.approx(stats.ttest_1samp(first, 8.0).pvalue)  # type: ignore[union-attr]
    assert paired(first, second).test == "paired t, n = 3"  # type: ignore[union-attr]


def test_nothing_is_tested_without_a_spread() -> None:
    assert welch(Sample((8.0,)), Sample((7.0, 7.5))) is None
    assert welch(Sample((8.0, 8.0)), Sample((7.0, 7.0))) is None
    assert welch(Sample((8.0, 8.0)), Sample((7.0, 7.5))) is not None
    assert paired((8.0,), (7.0,)) is None
    assert one_sample(Sample((8.0,)), 7.0) is None


def test_two_one_sided_tests() -> None:
    # The difference 0.2 with standard error 0.1 is two errors below a margin of 0.4: t(10) = 2.
    difference = Difference(0.2, 0.1, 10, "")
    assert difference.equivalence_p(0.4) == pytest.approx(0.03669, abs=1e-5)
    assert difference.equivalence_p(0.2) == pytest.approx(0.5)
    assert Difference(-0.2, 0.1, 10, "").equivalence_p(0.4) == pytest.approx(difference.equivalence_p(0.4))


def test_holm_by_hand() -> None:
    # In order 0.01 x 4, 0.02 x 3, 0.03 x 2 and 0.5 x 1, none below the one before it.
    assert holm([0.03, 0.01, 0.5, 0.02]) == pytest.approx([0.06, 0.04, 0.5, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []
