"""Whether deeper nets learn the training set less well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pandas import DataFrame

from resnet.report.analysis.degradation import degraded, error_at_highest_rate
from resnet.results import HistoryRow

RATES = (0.01, 0.1, 0.1, 0.1, 0.01, 0.001)


def curve(*errors: float, rates: tuple[float, ...] = RATES) -> DataFrame:
    points = [(50 * k, rate, error) for k, (rate, error) in enumerate(zip(rates, errors, strict=True), start=1)]
    return DataFrame(points, columns=["iteration", "learning_rate", "training_error"])


@pytest.mark.parametrize(
    ("rates", "expected"),
    [
        (RATES, 45.0),  # the warm-up's low rate is not the fall
        ((0.1, 0.1, 0.1, 0.1, 0.1, 0.01), 35.0),
        ((0.1,) * 6, None),
        ((0.01, 0.01, 0.1, 0.1, 0.1, 0.1), None),
    ],
)
def test_the_last_iterations_before_the_rate_falls(rates: tuple[float, ...], expected: float | None) -> None:
    assert error_at_highest_rate(curve(90, 70, 50, 40, 30, 20, rates=rates), window=100) == expected


def test_a_curve_without_points() -> None:
    assert error_at_highest_rate(curve(*[1.0] * 6)[:0], window=100) is None


def history(*errors: float) -> list[HistoryRow]:
    return [
        HistoryRow(50 * k, k / 10, rate, 2.0, error, None, None)
        for k, (rate, error) in enumerate(zip(RATES, errors, strict=True), start=1)
    ]


def test_only_nets_worse_on_both_sets(files: Callable[..., Any]) -> None:
    plan = files("plain-20", "plain-56", "plain-110", "resnet-20", "resnet-56", seeds=2, train={"iterations": 300})
    for seed, wobble in enumerate((0.0, 0.2)):
        plan.train("plain-20", seed, 10 + wobble, training_error=9 + wobble, history=history(90, 70, 60, 50, 20, 10))
        plan.train("plain-56", seed, 15 + wobble, training_error=16 + wobble, history=history(90, 70, 70, 64, 20, 10))
        # Overfits: the higher test error beside the lower training error.
        plan.train("resnet-20", seed, 8 + wobble, training_error=5 + wobble)
        plan.train("resnet-56", seed, 9 + wobble, training_error=3 + wobble)
    (net,) = degraded(plan.tables())
    assert (net.deeper, net.shallower) == ("plain-56", "plain-20")
    assert (net.training.value, net.test.value) == (pytest.approx(7), pytest.approx(5))
    assert net.at_highest_rate == pytest.approx((70 + 64) / 2 - (60 + 50) / 2)
    for seed, wobble in enumerate((0.0, 0.2)):  # the deepest that can be compared counts
        plan.train("plain-110", seed, 9 + wobble, training_error=8 + wobble)
    assert degraded(plan.tables()) == []
