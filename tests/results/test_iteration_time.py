"""How long an iteration takes: the truest source, and one device."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from resnet.results import ForecastRecord, ForecastRow, Segment, TrainingRecord
from resnet.results.iteration_time import IterationTime, iteration_time, nets_left
from resnet.results.plan_runs import read_plan_runs
from tests.report.conftest import Files
from tests.report.made_up import a_plan, a_system


@pytest.fixture
def plan(tmp_path: Path) -> Files:
    return Files(a_plan("resnet-20", "resnet-32", "resnet-56", seeds=3), tmp_path / "runs")


def of_runs(plan: Files, *segments: Segment) -> IterationTime | None:
    record = TrainingRecord.read(plan.train("resnet-20"))
    runs = [record.model_copy(update={"segments": (segment,)}) for segment in segments]
    return iteration_time(plan.params.settings("resnet-20"), runs, None, None)


def stretch(seconds: float, name: str = "A", finished: int = 1, iterations: int = 100, **fields: Any) -> Segment:
    return Segment(
        first_iteration=50,
        last_iteration=50 + iterations,
        seconds=seconds,
        training_seconds=0.9 * seconds,
        side_by_side=fields.pop("side_by_side", 1),
        finished=f"2026-11-20T12:00:{finished:02}+00:00",
        source="",
        system=a_system(device_name=name, **fields),
    )


@pytest.mark.parametrize(
    ("segments", "seconds", "device"),
    [
        ([stretch(10.0), stretch(80.0, iterations=300, side_by_side=2), stretch(1.0, iterations=0)], 50 / 400, "A"),
        ([stretch(10.0, "A", 1), stretch(40.0, "B", 3), stretch(30.0, "A", 2), stretch(20.0, "B", 2)], 0.3, "B"),
        ([stretch(20.0, device="cpu", threads=1), stretch(10.0, finished=2, device="cpu")], 0.1, "A (8 threads)"),
        ([stretch(20.0, threads=1), stretch(10.0, finished=2)], 0.15, "A"),
    ],
    ids=["shared device", "two devices", "threads of a processor", "threads with a GPU"],
)
def test_runs_have_a_mean_on_the_device_that_trained_last(
    segments: list[Segment], seconds: float, device: str, plan: Files
) -> None:
    assert of_runs(plan, *segments) == (pytest.approx(seconds), device)


def test_what_is_left_is_what_no_run_that_counts_has_done(plan: Files) -> None:
    plan.throughput("resnet-32")  # 0.0125 s an iteration
    plan.train("resnet-20", 0)
    plan.train("resnet-20", 1, status="diverged", iteration=100)
    plan.train("resnet-20", 2, status="interrupted", iteration=60_000)
    left = nets_left(plan.params, plan.runs, read_plan_runs(plan.params, plan.runs).runs)
    own = 3 * 1200 / (64_000 + 100 + 60_000)  # seconds an iteration of resnet-20's runs
    assert left["resnet-20"].hours == pytest.approx(own * 4_000 / 3600)
    assert left["resnet-32"].hours == pytest.approx(0.0125 * 3 * 64_000 / 3600)
    assert left["resnet-56"] == (None, None)
    seconds = {"resnet-20": 0.2, "resnet-32": 0.2, "resnet-56": 0.0}  # 0: nothing was left of the net
    rows = [ForecastRow(name=net, seeds_left=1, step_seconds=x, measured=True, hours=1.0) for net, x in seconds.items()]
    forecast = ForecastRecord(rows=tuple(rows), limit_hours=24.0, system=a_system(device_name="F"))
    forecast.write(plan.runs / "forecast/forecast.json")
    left = nets_left(plan.params, plan.runs, read_plan_runs(plan.params, plan.runs).runs)
    times = {net: each.time for net, each in left.items()}
    assert times == {"resnet-20": (pytest.approx(own), "Example GPU"), "resnet-32": (0.2, "F"), "resnet-56": None}
