"""When nets begin to learn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from pandas import DataFrame

from resnet.report.analysis.starts import deeper_are_later, first_below, starts
from resnet.results import HistoryRow


def curve(*points: tuple[int, float]) -> DataFrame:
    return DataFrame(points, columns=["iteration", "training_error"])


def history(errors: Sequence[float], every: int = 50) -> list[HistoryRow]:
    return [HistoryRow(every * k, k / 10, 0.1, 2.0, error, None, None) for k, error in enumerate(errors, start=1)]


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([(50, 90.0), (100, 60.0), (150, 60.0)], 100),  # the mean of both is 75
        ([(50, 90.0), (100, 71.0), (150, 60.0)], 150),
        ([(50, 10.0)], None),  # fewer iterations than are averaged
        ([(100, 79.0)], 100),
        ([(100, 80.0)], None),  # not below
        ([(40, 90.0), (50, 10.0), (100, 79.0)], 100),  # (40 * 90 + 10 * 10 + 50 * 79) / 100 = 76.5
        ([(40, 90.0), (50, 10.0), (100, 87.0)], None),  # 80.5
        ([(1000, 85.0), (2000, 70.0)], 2000),  # rows further apart than the window
    ],
)
def test_the_mean_of_the_last_iterations_is_below(points: Any, expected: int | None) -> None:
    assert first_below(curve(*points), 100, 80.0) == expected


def test_finished_seeds_begin_or_never_do(files: Callable[..., Any]) -> None:
    plan = files("plain-20", "plain-56", "resnet-20", seeds=3, train={"iterations": 400})
    plan.train("plain-20", 0, history=history([90, 70, 50, 40, 30, 20, 10, 10]))
    plan.train("plain-56", 0, history=history([90, 90, 90, 90, 70, 60, 50, 40]))
    plan.train("plain-56", 1, history=history([90] * 8))
    plan.train("plain-56", 2, status="interrupted", iteration=100, history=history([10, 10]))
    plan.train("resnet-20", 0, history=history([10, 10], every=40), train={"iterations": 80})
    first, second = starts(plan.tables())
    assert (first.name, first.seeds, first.iterations) == ("plain-20", {0: 150}, 400)
    assert (second.name, second.seeds, second.begun) == ("plain-56", {0: 300, 1: None}, [300])
    assert deeper_are_later(plan.tables(), [first, second])
    assert not deeper_are_later(plan.tables(), [first])
    assert not deeper_are_later(plan.tables(), [first._replace(seeds={0: None}), second])
