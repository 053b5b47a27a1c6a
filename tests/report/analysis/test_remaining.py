"""What is left of a plan, by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from resnet.report.analysis.remaining import measured_speed, remaining


def test_runs_and_hours_that_are_left(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-32", seeds=3)
    for name in plan.params.models:
        plan.throughput(name)  # 0.0125 s an iteration
    plan.train("resnet-20", 0)
    plan.train("resnet-20", 1, status="diverged", iteration=100)
    plan.train("resnet-20", 2, status="interrupted", iteration=60_000)
    left = remaining(plan.tables())
    assert (left.runs, left.devices) == (4, ("Example GPU",))
    assert left.seconds == pytest.approx(0.0125 * (4_000 + 3 * 64_000))


def test_the_forecast_comes_before_the_throughput_and_that_before_a_run(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=2)
    plan.train("resnet-20", 0, seconds=6400.0, systems=[plan.system(device_name="A")])
    assert measured_speed(plan.tables(), "resnet-20") == (0.1, "A")
    plan.throughput("resnet-20", system=plan.system(device_name="B"))
    assert measured_speed(plan.tables(), "resnet-20") == (pytest.approx(0.0125), "B")
    plan.forecast()
    assert measured_speed(plan.tables(), "resnet-20") == (0.1, "Example GPU")


def test_a_net_that_nobody_timed_is_scaled_by_multiply_adds(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56", seeds=1)
    plan.describe("resnet-56")
    plan.train("resnet-20", 0, seconds=6400.0)
    assert remaining(plan.tables()).seconds == pytest.approx(6400 * 125_490_000 / 40_550_000)


def test_without_a_speed_or_a_count_the_time_is_unknown(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56", seeds=1)
    assert remaining(plan.tables()) == (2, None, ())
    plan.train("resnet-20", 0)
    assert remaining(plan.tables()).seconds is None
    plan.train("resnet-56", 0)
    assert remaining(plan.tables()) == (0, 0.0, ())
