"""How far a plan is, by its files and locks alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from resnet.data import Data
from resnet.files import locked
from resnet.params import Params, load
from resnet.runs.folders import seed_folders
from resnet.runs.plan import iterations_left
from resnet.runs.run import Run
from resnet.runs.screen import screen
from resnet.runs.seeds import train_seeds
from resnet.runs.status import NetStatus, plan_status
from tests.conftest import CPU, Command
from tests.pipeline.project import PARAMS
from tests.report.conftest import Files
from tests.report.made_up import a_plan


def make_plan(tmp_path: Path, *assignments: str) -> Params:
    (tmp_path / "params.yaml").write_text(PARAMS)
    return load(tmp_path / "params.yaml", ("train.seeds=4", *assignments))


def interrupt_at(iteration: int, plan: Params, net: str, seed: int, data: Data, tmp_path: Path) -> None:
    run = Run(plan.settings(net), seed, data, seed_folders(tmp_path / "runs/train" / net, seed), CPU)
    run.start()
    for _ in range(iteration):
        run.advance(lambda progress, learning_rate: None)
    run.save()


def shown(plan: Params, runs: Path) -> str:
    with Console(width=120) as console, console.capture() as capture:
        console.print(screen(plan_status(plan, runs)))
    return capture.get()


def test_each_seed_is_what_its_files_and_its_lock_say(digits: Data, tmp_path: Path) -> None:
    plan, runs = make_plan(tmp_path), tmp_path / "runs"
    out = runs / "train/resnet-8"
    train_seeds(plan.settings("resnet-8"), [0], digits, out, CPU)
    interrupt_at(3, plan, "resnet-8", 1, digits, tmp_path)
    interrupt_at(1, plan, "resnet-8", 2, digits, tmp_path)
    with locked(out / "seed-2", "training"):
        resnet, plain = plan_status(plan, runs).nets
        assert "resnet-8 seed 2" in shown(plan, runs)
    assert [seed.state for seed in resnet.seeds] == ["done", "stopped", "running", "not begun"]
    assert [seed.iteration for seed in resnet.seeds] == [4, 3, 1, 0]
    assert [seed.images_per_second is None for seed in resnet.seeds] == [False, False, False, True]
    left = resnet.seeds[2].seconds_left
    assert left is not None
    speed = resnet.seeds[2].images_per_second
    assert speed is not None
    assert 0 <= left <= 3 * 16 / speed  # by the clock it has trained on since its checkpoint
    assert resnet.hours_left is not None
    assert resnet.hours_left > 0
    assert plain == NetStatus("plain-8", 4, plain.seeds, None)
    assert {seed.state for seed in plain.seeds} == {"not begun"}
    assert [seed.state for seed in plan_status(plan, runs).nets[0].seeds][2] == "stopped"


def test_what_is_not_the_plans_is_named_and_counts_as_not_begun(digits: Data, tmp_path: Path) -> None:
    other, plan, runs = make_plan(tmp_path, "train.momentum=0.5"), make_plan(tmp_path), tmp_path / "runs"
    out = runs / "train/resnet-8"
    for seed in (0, 1, 2):
        interrupt_at(2, other, "resnet-8", seed, digits, tmp_path)
    train_seeds(plan.settings("resnet-8"), [1], digits, out, CPU, overwrite=True)
    (out / "seed-2/metrics.json").write_text("{}")
    (runs / "train/resnet-14").mkdir()
    status = plan_status(plan, runs)
    assert [seed.state for seed in status.nets[0].seeds] == ["not begun", "done", "not begun", "not begun"]
    assert not status.complete
    reasons = [
        ("seed-0/metrics.json", "train.momentum is 0.5 there and 0.9 here"),
        ("seed-2/metrics.json", "not a TrainingRecord"),
        ("resnet-14", "no net of the plan"),
        (".aside/", "set aside"),
    ]
    assert len(status.notes) == len(reasons)
    assert all(path in note and reason in note for note, (path, reason) in zip(status.notes, reasons, strict=True))
    assert "no net of the plan" in shown(plan, runs)


@pytest.mark.parametrize("harm", ["history.csv", "test_predictions.npy", "model.safetensors"])
def test_a_run_that_training_would_make_again_is_not_done(harm: str, digits: Data, tmp_path: Path) -> None:
    plan, runs = make_plan(tmp_path, "train.seeds=1"), tmp_path / "runs"
    train_seeds(plan.settings("resnet-8"), [0], digits, runs / "train/resnet-8", CPU)
    assert plan_status(plan, runs).nets[0].complete
    (runs / "train/resnet-8/seed-0" / harm).write_bytes(b"x")
    status = plan_status(plan, runs)
    assert [seed.state for seed in status.nets[0].seeds] == ["not begun"]
    assert [harm in note for note in status.notes] == [True]
    assert iterations_left(plan.settings("resnet-8"), CPU, digits.record, runs / "train") == [4]


def test_dead_nets_are_done(tmp_path: Path) -> None:
    """Seeds that never learn end with the same constant predictions."""
    plan = Files(a_plan("plain-44", seeds=4), tmp_path / "runs")
    constant = np.stack([np.arange(100) % 10, np.zeros(100)], axis=1).astype(np.uint8)
    for seed in range(4):
        metrics = plan.train("plain-44", seed, wrong=np.arange(100) % 10 != 0)
        np.save(metrics.with_name("test_predictions.npy"), constant)
    status = plan_status(plan.params, plan.runs)
    assert (status.complete, status.notes) == (True, ())


def test_the_command_tells_programs_too_and_loads_no_pytorch(command: Command, tmp_path: Path) -> None:
    make_plan(tmp_path)
    done = command("status", "--format", "json", PYTHONPROFILEIMPORTTIME="1")
    status = json.loads(done.stdout)
    assert [net["name"] for net in status["nets"]] == ["resnet-8", "plain-8"]
    assert (status["complete"], status["hours_left"]) == (False, None)
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "resnet.runs.status" in loaded
    assert "torch" not in loaded
    done = command("status", "--watch", "--format", "json")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
