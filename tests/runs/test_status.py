"""How far a plan is, by its files and locks alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.console import Console

from resnet.data import Data
from resnet.files import locked
from resnet.params import Params, load
from resnet.runs.forecast import iterations_left
from resnet.runs.results import seed_folders
from resnet.runs.run import Run
from resnet.runs.seeds import train_seeds
from resnet.runs.status import NetStatus, plan_status, screen
from tests.conftest import CPU, Command
from tests.pipeline.project import PARAMS
from tests.runs.conftest import interrupt_at

pytestmark = pytest.mark.usefixtures("quick_forecast")


def make_plan(tmp_path: Path, *assignments: str) -> Params:
    (tmp_path / "params.yaml").write_text(PARAMS)
    return load(tmp_path / "params.yaml", ("train.seeds=4", *assignments))


def interrupt(iteration: int, plan: Params, seed: int, data: Data, out: Path) -> None:
    interrupt_at(iteration, Run(plan.settings("resnet-8"), seed, data, seed_folders(out, seed), CPU))


def shown(plan: Params, runs: Path) -> str:
    with Console(width=120) as console, console.capture() as capture:
        console.print(screen(plan_status(plan, runs)))
    return capture.get()


def test_each_seed_is_what_its_files_and_its_lock_say(digits: Data, tmp_path: Path) -> None:
    plan, runs = make_plan(tmp_path), tmp_path / "runs"
    out = runs / "train/resnet-8"
    train_seeds(plan.settings("resnet-8"), [0], digits, out, CPU)
    interrupt(3, plan, 1, digits, out)
    interrupt(1, plan, 2, digits, out)
    with locked(out / "seed-2", "training"):
        resnet, plain = plan_status(plan, runs).nets
        assert "  seed 2 │ running │          1 │" in shown(plan, runs)
    assert [seed.state for seed in resnet.seeds] == ["done", "stopped", "running", "not begun"]
    assert [seed.iteration for seed in resnet.seeds] == [4, 3, 1, 0]
    assert [seed.images_per_second is None for seed in resnet.seeds] == [False, False, False, True]
    # 0 + 1 + 3 + 4 iterations of the four seeds, at the speed of those that have begun.
    left, hours = resnet.seeds[2].seconds_left, resnet.hours_left
    assert left is not None
    assert hours == pytest.approx(left / 3 * 8 / 3600)
    assert plain == NetStatus("plain-8", 4, plain.seeds, None)
    assert {seed.state for seed in plain.seeds} == {"not begun"}
    assert [seed.state for seed in plan_status(plan, runs).nets[0].seeds][2] == "stopped"


def test_what_is_not_the_plans_is_named_and_counts_as_not_begun(digits: Data, tmp_path: Path) -> None:
    other, plan, runs = make_plan(tmp_path, "train.momentum=0.5"), make_plan(tmp_path), tmp_path / "runs"
    out = runs / "train/resnet-8"
    for seed in (0, 1, 2):
        interrupt(2, other, seed, digits, out)
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


@pytest.mark.parametrize("harm", ["history.csv", "model.safetensors"])
def test_a_run_that_training_would_make_again_is_not_done(harm: str, digits: Data, tmp_path: Path) -> None:
    plan, runs = make_plan(tmp_path, "train.seeds=1"), tmp_path / "runs"
    train_seeds(plan.settings("resnet-8"), [0], digits, runs / "train/resnet-8", CPU)
    assert plan_status(plan, runs).nets[0].complete
    (runs / "train/resnet-8/seed-0" / harm).write_bytes(b"x")
    status = plan_status(plan, runs)
    assert [seed.state for seed in status.nets[0].seeds] == ["not begun"]
    assert [harm in note for note in status.notes] == [True]
    assert iterations_left(plan.settings("resnet-8"), CPU, digits.record, runs / "train") == [4]


def test_the_command_tells_programs_too_and_loads_no_pytorch(command: Command, tmp_path: Path) -> None:
    make_plan(tmp_path)
    done = command("status", "--format", "json", PYTHONPROFILEIMPORTTIME="1")
    status = json.loads(done.stdout)
    assert [net["name"] for net in status["nets"]] == ["resnet-8", "plain-8"]
    assert (status["complete"], status["hours_left"]) == (False, None)
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "resnet.runs.status" in loaded
    assert "torch" not in loaded


def test_in_a_file_a_complete_plan_is_watched_once(command: Command, digits: Data, tmp_path: Path) -> None:
    plan = make_plan(tmp_path, "train.seeds=1")
    for name in plan.models:
        train_seeds(plan.settings(name), [0], digits, tmp_path / "runs/train" / name, CPU)
    shown = command("status", "--set=train.seeds=1").stdout
    assert "2 of 2" in shown
    assert shown.endswith(("╯\n", "┘\n"))
    watched = command("status", "--set=train.seeds=1", "--watch")
    assert (watched.returncode, watched.stdout, watched.stderr) == (0, shown, "")
