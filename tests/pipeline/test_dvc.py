"""The pipeline, run by DVC for real: one stage at a time, interrupted, cloned, and changed by -S."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from resnet.records import TrainingRecord
from tests.pipeline.project import clone, commit, environment, run, running

pytestmark = pytest.mark.slow


def stage_dates(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("metrics.json")}


def test_from_start_to_summary_then_clone_then_change(project: Path, tmp_path: Path) -> None:
    run(project, "dvc", "repro")
    summary = (project / "reports/summary.md").read_text()
    assert "resnet-8" in summary
    assert "not the official CIFAR-10" in summary
    metrics = json.loads(run(project, "dvc", "metrics", "show", "--json").stdout)
    shown: dict[str, Any] = metrics[""]["data"]["reports/metrics.json"]["data"]
    assert (shown["done"], shown["planned"], set(shown["error"])) == (2, 2, {"resnet-8", "plain-8"})
    plots = run(project, "dvc", "plots", "show")
    page = Path(plots.stdout.strip().removeprefix("file://"))
    assert "vega" in page.read_text().lower()
    assert running(run(project, "dvc", "repro").stdout) == {"report"}

    # One seed more trains that seed alone.
    before = stage_dates(project / "runs/train")
    run(project, "dvc", "repro", "-q", "train@resnet-8")
    assert stage_dates(project / "runs/train") == before
    params = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(params.replace("seeds: 1", "seeds: 2"))
    run(project, "dvc", "repro", "train@resnet-8")
    after = stage_dates(project / "runs/train")
    assert {name: after[name] for name in before} == before
    assert "resnet-8/seed-1/metrics.json" in after
    assert "plain-8/seed-1/metrics.json" not in after
    run(project, "dvc", "repro")
    commit(project, "results")
    tracked = run(project, "git", "ls-files").stdout.splitlines()
    assert "runs/train/plain-8/seed-1/metrics.json" in tracked
    assert not [name for name in tracked if name.endswith((".safetensors", "_images.npy"))]

    # A fresh clone without a remote trains and measures nothing again, and rebuilds the report.
    copy = clone(project, tmp_path / "clone")
    (copy / "reports/summary.md").unlink()
    assert running(run(copy, "dvc", "repro", "--allow-missing").stdout) == {"report"}
    assert run(copy, "git", "status", "--porcelain").stdout == ""

    # An experiment with another schedule takes the place of its seeds' results, keeps them, and says what it is.
    before = (project / "runs/train/resnet-8/seed-1/metrics.json").read_bytes()
    run(project, "dvc", "exp", "run", "-q", "-S", "train.iterations=6", "-S", "train.seeds=1", "-S", "~models.plain-8")
    record = TrainingRecord.read(project / "runs/train/resnet-8/seed-0/metrics.json")
    assert record.iterations == 6
    (aside,) = (project / "runs/train/resnet-8/.aside").glob("*/seed-0/metrics.json")
    assert TrainingRecord.read(aside).iterations == 4
    assert (project / "runs/train/resnet-8/seed-1/metrics.json").read_bytes() == before
    assert "6 of the paper's 64,000 iterations" in (project / "reports/summary.md").read_text()


def test_a_plan_beyond_the_limit_stops_before_training(project: Path) -> None:
    done = run(project, "dvc", "exp", "run", "-S", "limits.hours=0.000001", check=False)
    assert done.returncode != 0
    assert "forecast to take" in done.stdout + done.stderr
    assert stage_dates(project / "runs/train") == {}


def test_an_interrupted_measurement_leaves_the_earlier_result(project: Path) -> None:
    run(project, "dvc", "repro", "throughput@resnet-8")
    commit(project, "measured")
    params = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(params.replace("repeats: 2", "repeats: 1000000"))
    commit(project, "measured for days")
    with subprocess.Popen(
        ["dvc", "repro", "throughput@resnet-8"],
        cwd=project,
        env=environment(project) | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as repro:
        assert repro.stdout is not None
        next(line for line in repro.stdout if line.startswith("> python -m resnet throughput"))
        os.killpg(repro.pid, signal.SIGINT)  # as Ctrl-C does
    assert repro.returncode != 0
    assert run(project, "git", "status", "--porcelain").stdout == ""
    assert running(run(project, "dvc", "repro", "--dry", "throughput@resnet-8").stdout) == {"throughput@resnet-8"}
