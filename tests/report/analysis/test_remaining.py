"""What is left of a plan, by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from resnet.data import Data
from resnet.params import load
from resnet.report.analysis.remaining import remaining, times
from resnet.report.tables import read_tables
from resnet.results import TrainingRecord
from resnet.runs.folders import seed_folders
from resnet.runs.run import Run
from resnet.runs.seeds import train_seeds
from resnet.runs.status import plan_status
from resnet.training.recipe import VERSION
from tests.conftest import CPU, Command
from tests.pipeline.project import PARAMS


def test_runs_and_hours_that_are_left(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-32", seeds=3)
    for name in plan.params.models:
        plan.throughput(name)  # 0.0125 s an iteration
    plan.train("resnet-20", 0)
    plan.train("resnet-20", 1, status="diverged", iteration=100)
    plan.train("resnet-20", 2, status="interrupted", iteration=60_000)
    left = remaining(plan.tables())
    assert (left.runs, left.devices) == (4, ("Example GPU",))
    own = 3 * 1200 / (64_000 + 100 + 60_000)  # seconds an iteration of resnet-20's runs
    assert left.seconds == pytest.approx(own * 4_000 + 0.0125 * 3 * 64_000)


def test_a_run_comes_before_the_forecast_and_that_before_the_throughput(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=2)
    plan.throughput("resnet-20", system=plan.system(device_name="B"))
    assert times(plan.tables())["resnet-20"] == (pytest.approx(0.0125), "B")
    plan.forecast()
    assert times(plan.tables())["resnet-20"] == (0.1, "Example GPU")
    plan.train("resnet-20", 0, seconds=12800.0, systems=[plan.system(device_name="A")])
    assert times(plan.tables())["resnet-20"] == (0.2, "A")


def test_a_net_that_nobody_timed_is_scaled_by_multiply_adds(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56", seeds=1)
    plan.describe("resnet-56")
    plan.train("resnet-20", 0, seconds=6400.0)
    assert remaining(plan.tables()).seconds == pytest.approx(6400 * 125_490_000 / 40_550_000)


def test_without_a_speed_or_a_count_the_time_is_unknown(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56", seeds=1)
    assert remaining(plan.tables()) == (2, 0, None, ())
    plan.train("resnet-20", 0)
    assert remaining(plan.tables()).seconds is None
    plan.train("resnet-56", 0)
    assert remaining(plan.tables()) == (0, 0, 0.0, ())


def test_resnet_status_says_the_same(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-32", "resnet-44", "resnet-56", "plain-20", seeds=2)

    def hours() -> float:
        """Of the report, which the status shares."""
        left = remaining(read_tables(plan.params, plan.runs, VERSION))
        status = plan_status(plan.params, plan.runs)
        assert left.runs == len([seed for seed in status.seeds if seed.state not in ("done", "diverged")])
        if left.seconds is None:
            assert status.hours_left is None
            return float("nan")
        assert status.hours_left == pytest.approx(left.seconds / 3600)
        return left.seconds / 3600

    assert isnan(hours())
    plan.forecast()
    for name in plan.params.models:
        plan.describe(name)
    of_forecasts = hours()  # resnet-20's, and what is scaled by it
    assert of_forecasts > 0
    plan.throughput("resnet-32")
    plan.throughput("resnet-20")
    of_throughputs = hours()
    assert of_throughputs < of_forecasts
    machines = [plan.system(device_name="A"), plan.system(device_name="B")]
    plan.train("resnet-20", 0, seconds=64_000.0, systems=machines, wrong=np.arange(100) < 9)
    plan.train("resnet-44", 0, status="interrupted", iteration=30_000, seconds=90_000.0, systems=machines[:1])
    plan.train("resnet-44", 1, status="diverged", iteration=100, seconds=10.0)
    plan.train("plain-20", 1, seconds=96_000.0, systems=machines, wrong=np.arange(100) < 9)
    assert hours() > of_throughputs
    before, other = hours(), {"train": {"momentum": 0.8}}
    plan.train("resnet-20", 1, seconds=1.0, systems=machines, **other)  # of other settings: it tells no speed either
    plan.train("plain-20", 0, status="interrupted", iteration=60_000, seconds=1.0, systems=machines, **other)
    plan.train("resnet-32", 0, status="diverged", iteration=10, seconds=1.0, systems=machines, version=2)
    plan.train("resnet-32", 1, systems=machines).write_text("{}")
    assert hours() == before


@pytest.mark.slow
def test_the_commands_agree_on_what_training_left(command: Command, digits: Data, tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(PARAMS.replace("seeds: 1", "seeds: 6"))
    plan, out = load(tmp_path / "params.yaml"), tmp_path / "runs/train/resnet-8"
    other = load(tmp_path / "params.yaml", ("train.momentum=0.5",))
    train_seeds(plan.settings("resnet-8"), [0, 1, 2], digits, out, CPU)
    train_seeds(other.settings("resnet-8"), [4], digits, tmp_path / "other", CPU)
    (tmp_path / "other/seed-4").rename(out / "seed-4")
    (out / "seed-1/metrics.json").write_text("{}")
    metrics = out / "seed-2/metrics.json"
    record = TrainingRecord.read(metrics)
    record.model_copy(update={"identity": record.identity.model_copy(update={"version": 0})}).write(metrics)
    interrupted = Run(plan.settings("resnet-8"), 3, digits, seed_folders(out, 3), CPU)
    interrupted.start()
    interrupted.advance(lambda progress, learning_rate: None)
    interrupted.save()
    told = json.loads(command("status", "--format", "json").stdout)
    states = [seed["state"] for seed in told["nets"][0]["seeds"]]
    assert states == ["done", "not begun", "not begun", "stopped", "not begun", "not begun"]
    assert command("report").returncode == 0
    left = [line for line in (tmp_path / "reports/summary.md").read_text().splitlines() if "Left" in line]
    begun = "2 of them begun with other settings, or another version, than the plan's"
    assert left[0].startswith(f"- **Left: 11 of 12 runs** ({begun}), ")
    page = (tmp_path / "reports/provenance.md").read_text()
    assert "resnet-8: made by version 0 of what an iteration computes, which is now 1." in page
    assert "train.momentum 0.5 (now 0.9)" in page
    assert "seed-1/metrics.json: not a TrainingRecord" in page
