"""How long an iteration takes: the truest source, one device, and a net that nobody timed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from resnet.results import ForecastRecord, ForecastRow, Segment
from resnet.results.iteration_time import IterationTime, Sources, iteration_times, nets_left
from resnet.results.plan_runs import read_plan_runs
from tests.report.conftest import Files
from tests.report.made_up import a_plan, a_system


def stretch(
    seconds: float,
    name: str = "A",
    finished: int = 1,
    iterations: int = 100,
    side_by_side: int = 1,
    **system: Any,
) -> Segment:
    return Segment(
        first_iteration=50,
        last_iteration=50 + iterations,
        seconds=seconds,
        training_seconds=0.9 * seconds,
        side_by_side=side_by_side,
        finished=f"2026-11-20T12:00:{finished:02}+00:00",
        source="",
        system=a_system(device_name=name, **system),
    )


def forecast(**step_seconds: float) -> ForecastRecord:
    rows = [
        ForecastRow(name=name, seeds_left=1, step_seconds=seconds, measured=True, hours=1.0)
        for name, seconds in step_seconds.items()
    ]
    return ForecastRecord(rows=tuple(rows), limit_hours=24.0, system=a_system(device_name="F"))


def test_own_runs_then_the_forecast_then_the_throughput() -> None:
    throughput = IterationTime(0.3, "T")
    nets = {"run": Sources([stretch(10.0)], throughput, None), "forecast": Sources([], throughput, None)}
    nets |= {"throughput": Sources([], throughput, None), "nothing": Sources([], None, None)}
    # A net of which nothing is left is forecast as 0.
    told = iteration_times(nets, forecast(run=0.2, forecast=0.2, throughput=0.0))
    assert told == {"run": (0.1, "A"), "forecast": (0.2, "F"), "throughput": (0.3, "T")}
    assert iteration_times(nets, None)["forecast"] == throughput


def test_seeds_have_a_mean_that_knows_who_shared_a_device() -> None:
    segments = [stretch(10.0), stretch(80.0, iterations=300, side_by_side=2), stretch(1.0, iterations=0)]
    assert iteration_times({"net": Sources(segments, None, None)}, None) == {"net": (pytest.approx(50 / 400), "A")}


def test_two_machines_have_no_mean_the_last_one_counts() -> None:
    segments = [stretch(10.0, "A", 1), stretch(40.0, "B", 3), stretch(30.0, "A", 2), stretch(20.0, "B", 2)]
    assert iteration_times({"net": Sources(segments, None, None)}, None) == {"net": (pytest.approx(0.3), "B")}


def test_a_processor_with_one_thread_is_not_the_same_with_two() -> None:
    segments = [stretch(20.0, finished=1, device="cpu", threads=1), stretch(10.0, finished=2, device="cpu", threads=2)]
    assert iteration_times({"net": Sources(segments, None, None)}, None) == {"net": (0.1, "A (2 threads)")}
    on_gpu = [stretch(20.0, finished=1, threads=1), stretch(10.0, finished=2, threads=2)]
    assert iteration_times({"net": Sources(on_gpu, None, None)}, None) == {"net": (pytest.approx(0.15), "A")}


def test_a_net_that_nobody_timed_takes_the_median_for_a_multiply_add() -> None:
    timed = {f"{seconds}": Sources([], IterationTime(seconds, f"{seconds}"), 10.0) for seconds in (1.0, 2.0, 90.0)}
    uncounted = Sources([], IterationTime(7.0, "T"), None)
    untimed = {"deep": Sources([], None, 30.0), "uncounted": uncounted, "unknown": Sources([], None, None)}
    told = iteration_times({**untimed, **timed}, None)
    assert told["deep"] == (pytest.approx(6.0), "2.0")
    assert told["uncounted"] == (7.0, "T")
    assert "unknown" not in told
    assert iteration_times({"deep": untimed["deep"], "uncounted": uncounted}, None).keys() == {"uncounted"}


def test_what_is_left_is_what_no_run_that_counts_has_done(tmp_path: Path) -> None:
    plan = Files(a_plan("resnet-20", "resnet-32", "resnet-56", seeds=3), tmp_path / "runs")
    plan.throughput("resnet-32")  # 0.0125 s an iteration
    plan.train("resnet-20", 0)
    plan.train("resnet-20", 1, status="diverged", iteration=100)
    plan.train("resnet-20", 2, status="interrupted", iteration=60_000)
    left = nets_left(plan.params, plan.runs, read_plan_runs(plan.params, plan.runs).runs)
    own = 3 * 1200 / (64_000 + 100 + 60_000)  # seconds an iteration of resnet-20's runs
    assert left["resnet-20"].hours == pytest.approx(own * 4_000 / 3600)
    assert left["resnet-32"].hours == pytest.approx(0.0125 * 3 * 64_000 / 3600)
    assert left["resnet-56"].hours is None
    plan.describe("resnet-56")
    left = nets_left(plan.params, plan.runs, read_plan_runs(plan.params, plan.runs).runs)
    assert left["resnet-56"].time == (pytest.approx(own * 125_490_000 / 40_550_000), "Example GPU")
