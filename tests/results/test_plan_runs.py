"""Which runs of a plan count, and why the others do not."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from resnet.params import load
from resnet.results import StoredFile, TrainingRecord
from resnet.results.consistency import read_run
from resnet.results.plan_runs import first_damage, read_plan_runs
from tests.report.conftest import Files
from tests.report.made_up import a_plan

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def plan(tmp_path: Path) -> Files:
    return Files(a_plan("resnet-20", "plain-20", seeds=7), tmp_path / "runs")


@pytest.mark.parametrize(("folder", "runs"), [(".", 5), ("tenth", 34)])
def test_every_committed_run_counts(folder: str, runs: int) -> None:
    read = read_plan_runs(load(ROOT / folder / "params.yaml"), ROOT / folder / "runs", version=1)
    assert len(read.runs) == runs
    assert all(first_damage(run) is None for run in read.runs.values())
    assert read.not_counted == []


def test_a_run_counts_by_its_settings_its_data_and_its_version(plan: Files) -> None:
    plan.train("resnet-20", 0, precision="fp32", train={"checkpoint_every": 10})  # `auto` takes any precision
    plan.train("resnet-20", 1, train={"momentum": 0.8})
    plan.train("resnet-20", 2, version=2)
    plan.train("resnet-20", 3, status="interrupted", iteration=6400)
    plan.train("resnet-20", 4).write_text("{}")
    plan.train("resnet-20", 5, data=plan.data(official=False, validation_images=5000))
    plan.train("resnet-20", 6, data=plan.data(split_seed=1))
    shutil.copytree(plan.runs / "train/resnet-20/seed-0", plan.runs / "train/resnet-20/seed-9")
    shutil.copytree(plan.runs / "train/resnet-20", plan.runs / "train/resnet-32")
    shutil.copytree(plan.runs / "train/resnet-20/seed-0", plan.runs / "train/plain-20/seed-0")
    runs, not_counted = read_plan_runs(plan.params, plan.runs, version=1)
    assert list(runs) == [("resnet-20", 0), ("resnet-20", 3)]
    reasons = {path.relative_to(plan.runs / "train").as_posix(): reason for path, reason in not_counted}
    told = {
        "resnet-20/seed-1/metrics.json": "train.momentum is 0.8 there and 0.9 here",
        "resnet-20/seed-2/metrics.json": "version 2",
        "resnet-20/seed-4/metrics.json": "not a TrainingRecord",
        "resnet-20/seed-5/metrics.json": "other data",
        "resnet-20/seed-6/metrics.json": "split seed 1",
        "resnet-20/seed-9": "no seed of the plan",
        "resnet-32": "no net of the plan",
        "plain-20/seed-0/metrics.json": "holds resnet-20",
    }
    assert reasons.keys() == told.keys()
    assert [path for path, what in told.items() if what not in reasons[path]] == []
    assert ("resnet-20", 2) in read_plan_runs(plan.params, plan.runs).runs
    assert read_plan_runs(plan.params, plan.runs / "nowhere") == ({}, [])


def test_a_run_is_whole_if_all_that_its_record_names_is_there(plan: Files) -> None:
    metrics = plan.train("resnet-20", 0, wrong=np.arange(100) % 5 == 0)
    weights = metrics.with_name("model.safetensors")
    weights.write_bytes(b"weights")
    names = ("model.safetensors", "history.csv", "test_predictions.npy")
    files = {name: StoredFile.describe(metrics.with_name(name)) for name in names}
    TrainingRecord.read(metrics).model_copy(update={"files": files}).write(metrics)

    def damage(weights: Path | None = None) -> tuple[str, str] | None:
        found = first_damage(read_run(metrics.parent), weights)
        return (found.path.name, found.problem) if found else None

    assert damage(weights) is None
    weights.write_bytes(b"another")
    another = "model.safetensors", "not what was written: its record names another digest"
    assert damage() == damage(weights) == another
    weights.unlink()
    assert damage() is None  # as in a clone
    assert damage(weights) == ("model.safetensors", "missing")
    metrics.with_name("history.csv").unlink()
    assert damage() == ("history.csv", "missing")
    assert read_plan_runs(plan.params, plan.runs).not_counted == [(metrics.with_name("history.csv"), "missing")]
