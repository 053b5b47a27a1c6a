"""Means, spreads and how they are written, against figures worked out by hand."""

from __future__ import annotations

import math

import pytest

from resnet.report import text
from resnet.report.statistics import sample


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
