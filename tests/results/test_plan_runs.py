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


def with_digests(metrics: Path, weights: bytes) -> Path:
    """Name a run's files in its record, as training does; gives its weights."""
    path = metrics.with_name("model.safetensors")
    path.write_bytes(weights)
    names = ("model.safetensors", "history.csv", "test_predictions.npy")
    files = {name: StoredFile.describe(metrics.with_name(name)) for name in names}
    TrainingRecord.read(metrics).model_copy(update={"files": files}).write(metrics)
    return path


@pytest.mark.parametrize(("folder", "runs"), [(".", 3), ("tenth", 34)])
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
    (plan.runs / "train/plain-20/seed-1").write_text("")
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
        "plain-20/seed-1": "not a folder",
    }
    assert reasons.keys() == told.keys()
    assert [path for path, what in told.items() if what not in reasons[path]] == []
    assert ("resnet-20", 2) in read_plan_runs(plan.params, plan.runs).runs


def test_a_run_is_whole_if_all_that_it_left_is_there(plan: Files) -> None:
    metrics = plan.train("resnet-20", 0, wrong=np.arange(100) % 5 == 0)
    weights = with_digests(metrics, b"weights")
    assert first_damage(read_run(metrics.parent), weights) is None
    weights.write_bytes(b"another")
    for place in (None, weights):
        assert "another digest" in first_damage(read_run(metrics.parent), place).problem  # type: ignore[union-attr]
    weights.unlink()
    assert first_damage(read_run(metrics.parent)) is None  # as in a clone
    assert first_damage(read_run(metrics.parent), weights).problem == "missing"  # type: ignore[union-attr]
    metrics.with_name("history.csv").unlink()
    assert first_damage(read_run(metrics.parent)).path.name == "history.csv"  # type: ignore[union-attr]


@pytest.mark.parametrize("place", ["", "train", "train/resnet-20", "train/resnet-20/seed-0"])
@pytest.mark.parametrize("what", ["file", "loop"])
def test_what_is_in_a_folders_place_is_named(place: str, what: str, plan: Files) -> None:
    plan.train("resnet-20")
    path = plan.runs / place
    shutil.rmtree(path)
    path.write_text("") if what == "file" else path.symlink_to(path.name)
    named = plan.runs / "train" if place == "" else path
    assert read_plan_runs(plan.params, plan.runs) == ({}, [(named, "not a folder that can be read")])
    assert read_plan_runs(plan.params, plan.runs.parent / "absent").not_counted == []
