"""Means, spreads and tests, against figures worked out by hand."""

from __future__ import annotations

import math

import pytest
from pandas import DataFrame
from scipy import stats

from resnet.report.samples import (
    Difference,
    Sample,
    Summary,
    Trend,
    contrast,
    holm,
    over_rows,
    paired,
    prediction,
    sample,
    welch,
)


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
    assert list(band.loc[10]) == [2.0, 1.0, 3.0]
    assert list(band.loc[20]) == [3.0, 2.0, 4.0]
    assert over_rows(DataFrame()).empty


def test_welch_by_hand() -> None:
    # Variances 1 and 4 of three values each: error sqrt(5/3), degrees (5/3)^2 / (1/18 + 16/18) = 50/17.
    difference = welch(Sample((8.0, 9.0, 10.0)), Sample((2.0, 4.0, 6.0)))
    assert difference is not None
    assert (difference.value, difference.error, difference.degrees) == pytest.approx((5.0, math.sqrt(5 / 3), 50 / 17))
    expected = stats.ttest_ind([8, 9, 10], [2, 4, 6], equal_var=False)
    assert difference.p == pytest.approx(expected.pvalue)
    assert difference.interval(0.95) == pytest.approx(expected.confidence_interval(0.95))


def test_a_difference_of_differences_by_hand() -> None:
    # Variances 1, 4, 1 and 0 of 3, 3, 2 and 2 values: 1/3 + 4/3 + 1/2 = 13/6; degrees by Satterthwaite's formula.
    groups = [Summary(9.0, 1.0, 3), Summary(4.0, 2.0, 3), Summary(7.0, 1.0, 2), Summary(5.0, 0.0, 2)]
    difference = contrast((1, -1, -1, 1), groups, "Satterthwaite's t")
    assert difference is not None
    assert (difference.value, difference.error) == (pytest.approx(3.0), pytest.approx(math.sqrt(13 / 6)))
    assert difference.degrees == pytest.approx((13 / 6) ** 2 / ((1 / 3) ** 2 / 2 + (4 / 3) ** 2 / 2 + 0.5**2))
    assert difference.test == "Satterthwaite's t, n = 3, 3, 2 and 2"


def test_coefficients_weigh_means_and_errors() -> None:
    group = Summary(4.0, 1.0, 4)
    assert contrast((2, 0), (group, group), "")[:2] == (8.0, 1.0)  # type: ignore[index]


def test_a_single_run_of_others_scatters_as_ours_do() -> None:
    # Mean 9, s = 1: the error is sqrt(1 + 1/3); t(0.975, 2) = 4.302653.
    difference = prediction(Sample((8.0, 9.0, 10.0)), 8.0)
    assert difference is not None
    assert (difference.value, difference.error, difference.degrees) == (1.0, pytest.approx(math.sqrt(4 / 3)), 2)
    half = 4.302653 * math.sqrt(4 / 3)
    assert difference.interval(0.95) == pytest.approx((1 - half, 1 + half), abs=1e-5)
    assert difference.test == "prediction of a single run, n = 3"


def test_a_run_inside_the_interval_that_predicts_one_is_not_different() -> None:
    # The prediction interval of one more value: 9 ± 4.302653 sqrt(4/3) = 4.0317 to 13.9683.
    ours = Sample((8.0, 9.0, 10.0))
    assert prediction(ours, 13.96).p > 0.05  # type: ignore[union-attr]
    assert prediction(ours, 13.98).p < 0.05  # type: ignore[union-attr]


def test_paired_against_scipy() -> None:
    first, second = (8.0, 9.5, 10.0), (7.0, 8.0, 9.5)
    assert paired(first, second).p == pytest.approx(stats.ttest_rel(first, second).pvalue)  # type: ignore[union-attr]
    assert paired(first, second).test == "paired t, n = 3"  # type: ignore[union-attr]


def test_a_test_against_a_bound_is_the_test_of_what_is_beyond_it() -> None:
    difference = Difference(0.2, 0.1, 10, "")
    assert difference.p_against(0.5) == pytest.approx(Difference(-0.3, 0.1, 10, "").p)
    assert difference.p_against(0.0) == difference.p
    assert difference.p_against(0.2) == pytest.approx(1.0)


def test_nothing_is_tested_without_a_spread() -> None:
    assert welch(Sample((8.0,)), Sample((7.0, 7.5))) is None
    assert welch(Sample((8.0, 8.0)), Sample((7.0, 7.0))) is None
    assert welch(Sample((8.0, 8.0)), Sample((7.0, 7.5))) is not None
    assert paired((8.0,), (7.0,)) is None
    assert prediction(Sample((8.0,)), 7.0) is None
    assert prediction(Sample((8.0, 8.0)), 7.0) is None
    assert contrast((1, -1), (Summary(8.0, 0.1, 1), Summary(7.0, 0.1, 2)), "") is None


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


def test_a_test_that_was_planned_and_not_made_counts() -> None:
    # Like a third p of 1: 0.01 x 3 and 0.02 x 2.
    assert holm([0.02, 0.01], planned=3) == pytest.approx([0.04, 0.03])
    assert holm([0.02, 0.01, 1.0])[:2] == pytest.approx(holm([0.02, 0.01], planned=3))
    assert holm([0.02], planned=3) == pytest.approx([0.06])
    assert holm([], planned=3) == []


def test_a_trend_by_hand() -> None:
    falling = Trend((20.0, 20.0, 56.0, 56.0), (8.0, 8.2, 7.1, 7.3))
    # Slopes of pairs of unequal depths: -0.9, -0.7, -1.1 and -0.9 points over 36 layers; their median is -0.9.
    assert falling.value == pytest.approx(10 * -0.9 / 36)
    # S = -4 with a variance of (4 * 3 * 13 - 2 * 2 * 1 * 9) / 18 = 20 / 3, the depths being tied two by two.
    assert falling.p == pytest.approx(2 * stats.norm.sf(4 / (20 / 3) ** 0.5))
    low, high = Trend(tuple(range(10)), tuple(float(k) for k in range(10))).interval(0.95)
    assert (low, high) == pytest.approx((10.0, 10.0))
