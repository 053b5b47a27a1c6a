"""What is left of a plan: finished seeds cost nothing, and an interrupted one only what its checkpoint lacks.

A plan's forecast is of that, and is made once.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from resnet.data import Data
from resnet.errors import UserError
from resnet.params import Params, Settings, load
from resnet.results import ForecastRecord
from resnet.runs.folders import seed_folders
from resnet.runs.plan import forecast_plan, iterations_left
from resnet.runs.run import Run
from resnet.runs.seeds import train_seeds
from tests.conftest import CPU

Tiny = Callable[..., Settings]
QUIET = Console(quiet=True)


def interrupt_at(iteration: int, settings: Settings, seed: int, data: Data, out: Path) -> None:
    """Train as far as this, and stop as a signal would have it."""
    run = Run(settings, seed, data, seed_folders(out, seed), CPU)
    run.start()
    for _ in range(iteration):
        run.advance(lambda progress, learning_rate: None)
    run.save()


def test_a_checkpoint_is_not_forecast_again(tiny: Tiny, digits: Data, tmp_path: Path) -> None:
    settings = tiny(seeds=3)
    out = tmp_path / settings.name
    assert iterations_left(settings, CPU, digits.record, tmp_path) == [12, 12, 12]
    train_seeds(settings, [0], digits, out, CPU)
    interrupt_at(7, settings, 1, digits, out)
    assert iterations_left(settings, CPU, digits.record, tmp_path) == [5, 12]
    # Neither results nor checkpoints of other settings count.
    assert iterations_left(tiny(seeds=3, momentum=0.8), CPU, digits.record, tmp_path) == [12, 12, 12]
    (out / "seed-1/checkpoint.safetensors").write_bytes(b"damaged")
    assert iterations_left(settings, CPU, digits.record, tmp_path) == [7, 12]  # the one before, of iteration 5
    (out / "seed-1/checkpoint.previous.safetensors").write_bytes(b"damaged")
    assert iterations_left(settings, CPU, digits.record, tmp_path) == [12, 12]


def plan_of(folder: Path, digits_folder: Path, *assignments: str) -> tuple[Params, Path, Path]:
    """Two nets, the folder of their runs, and that of their forecast."""
    machine = ("train.device=cpu", "train.precision=fp32")
    train = "train={iterations: 12, batch_size: 4, seeds: 2, checkpoint_every: 5, evaluate_every: 6}"
    nets = "models={resnet-8: {net: resnet, depth: 8}, plain-8: {net: plain, depth: 8}}"
    data = (f"data.dir={digits_folder}", "data.validation=200")
    return load(None, [train, nets, *machine, *data, *assignments]), folder / "train", folder / "forecast"


def test_a_plan_is_forecast_for_what_is_left_of_it(digits: Data, digits_folder: Path, tmp_path: Path) -> None:
    plan, runs, out = plan_of(tmp_path, digits_folder)
    train_seeds(plan.settings("plain-8"), [0, 1], digits, runs / "plain-8", CPU, console=QUIET)
    interrupt_at(7, plan.settings("resnet-8"), 1, digits, runs / "resnet-8")
    record = forecast_plan(plan, runs, out, QUIET)
    assert record == ForecastRecord.read(out / "forecast.json")
    resnet, plain = record.rows
    assert (resnet.name, resnet.seeds_left, resnet.measured) == ("resnet-8", 2, True)
    assert (plain.name, plain.seeds_left, plain.hours) == ("plain-8", 0, 0.0)
    # 12 + 5 iterations, three evaluations and one, of 560 images at a third of an iteration's cost.
    steps = 17 + (3 + 1) * 560 / 4 / 3
    assert resnet.hours == pytest.approx(steps * resnet.step_seconds / 3600)
    assert record.hours == resnet.hours


def test_a_plan_that_cannot_finish_leaves_its_forecast(digits_folder: Path, tmp_path: Path) -> None:
    plan, runs, out = plan_of(tmp_path, digits_folder, "limits.hours=1e-9")
    with pytest.raises(UserError, match=r"over limits\.hours"):
        forecast_plan(plan, runs, out, QUIET)
    assert ForecastRecord.read(out / "forecast.json").limit_hours == 1e-9
