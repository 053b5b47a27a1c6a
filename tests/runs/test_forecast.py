"""The forecast: hours of what is left, of a net or a plan, and a refusal that says what helps here.

Finished seeds cost nothing, and an interrupted one only what its checkpoint lacks.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from resnet.data import Data
from resnet.errors import UserError
from resnet.params import Settings, load
from resnet.results import ForecastRecord
from resnet.runs import forecast
from resnet.runs.forecast import Forecaster, forecast_plan, iterations_left
from resnet.runs.results import seed_folders
from resnet.runs.run import Run
from resnet.runs.seeds import train_seeds
from tests.conftest import CPU
from tests.runs.conftest import Tiny, interrupt_at

QUIET = Console(quiet=True)


def test_a_net_too_deep_to_measure_is_scaled_by_multiply_adds(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecast, "DEEPEST_MEASURED", 8)
    forecaster = Forecaster(0, QUIET)
    shallow = forecaster.forecast(tiny(recompute="true"), CPU, [10])
    deep = forecaster.forecast(tiny(depth=14, recompute="true"), CPU, [10])
    assert (shallow.measured, deep.measured) == (True, False)
    # Multiply-adds of ResNet-8 and of ResNet-14.
    assert deep.step_seconds == pytest.approx(shallow.step_seconds * 26_395_264 / 12_239_488)
    assert forecaster.rows == [shallow, deep]
    assert forecaster.hours == shallow.hours + deep.hours


def test_nets_that_take_other_steps_are_measured_apart(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[Settings] = []
    monkeypatch.setattr(forecast, "_measure", lambda settings, machine, seeds: measured.append(settings) or 1.0)
    forecaster = Forecaster(0, QUIET)
    other = {"iterations": 24, "learning_rate": 0.2, "batch_norm_images": 8, "compile": "true", "recompute": "true"}
    for key, value in other.items():
        forecaster.forecast(tiny(**{key: value}), CPU, [10])
    trained = [(each.train.normalised_together, each.train.compile, each.train.recompute) for each in measured]
    assert trained == [(16, False, False), (8, False, False), (16, True, False), (16, False, True)]


def test_the_refusal_names_what_helps(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecast, "_measure", lambda settings, machine, seeds: 1.0)
    forecaster = Forecaster(0, QUIET)
    forecaster.forecast(tiny(), CPU, [1000])
    forecaster.forecast(tiny(depth=20), CPU, [7200])
    forecaster.check(forecaster.hours)
    with pytest.raises(UserError) as caught:
        forecaster.check(0.0)
    assert "\n" not in str(caught.value)
    for part in ("resnet-20 most: 2.0 h at 1.000 s", "make quickstart", "train.iterations", "on a GPU", "limits.hours"):
        assert part in str(caught.value)


def test_a_checkpoint_is_not_forecast_again(tiny: Tiny, digits: Data, tmp_path: Path) -> None:
    settings = tiny(seeds=3)
    out = tmp_path / settings.name
    assert iterations_left(settings, CPU, digits.record, tmp_path) == [12, 12, 12]
    train_seeds(settings, [0], digits, out, CPU)
    interrupt_at(7, Run(settings, 1, digits, seed_folders(out, 1), CPU))
    assert iterations_left(settings, CPU, digits.record, tmp_path) == [5, 12]
    # Neither results nor checkpoints of other settings count.
    assert iterations_left(tiny(seeds=3, momentum=0.8), CPU, digits.record, tmp_path) == [12, 12, 12]
    (out / "seed-1/checkpoint.safetensors").write_bytes(b"damaged")
    assert iterations_left(settings, CPU, digits.record, tmp_path) == [7, 12]  # the one before, of iteration 5
    (out / "seed-1/checkpoint.previous.safetensors").write_bytes(b"damaged")
    assert iterations_left(settings, CPU, digits.record, tmp_path) == [12, 12]


def test_a_plan_is_forecast_for_what_is_left_of_it(digits: Data, digits_folder: Path, tmp_path: Path) -> None:
    runs, out = tmp_path / "train", tmp_path / "forecast"
    train = "train={iterations: 12, batch_size: 4, seeds: 2, checkpoint_every: 5, evaluate_every: 6}"
    nets = "models={resnet-8: {net: resnet, depth: 8}, plain-8: {net: plain, depth: 8, train: {seeds: 1}}}"
    data = (f"data.dir={digits_folder}", "data.validation=100")
    plan = load(None, [train, nets, "train.device=cpu", "train.precision=fp32", *data])
    train_seeds(plan.settings("plain-8"), [0], digits, runs / "plain-8", CPU, console=QUIET)
    interrupt_at(7, Run(plan.settings("resnet-8"), 1, digits, seed_folders(runs / "resnet-8", 1), CPU))
    record = forecast_plan(plan, runs, out, QUIET)
    assert record == ForecastRecord.read(out / "forecast.json")
    resnet, plain = record.rows
    assert (resnet.name, resnet.seeds_left, resnet.measured) == ("resnet-8", 2, True)
    assert (plain.name, plain.seeds_left, plain.hours) == ("plain-8", 0, 0.0)
    # 12 + 5 iterations, three evaluations and one, of 190 images at a third of an iteration's cost.
    steps = 17 + (3 + 1) * 190 / 4 / 3
    assert resnet.hours == pytest.approx(steps * resnet.step_seconds / 3600)
    assert record.hours == resnet.hours
    # One that cannot finish leaves its forecast.
    limits = plan.limits.model_copy(update={"hours": 1e-9})
    with pytest.raises(UserError, match=r"over limits\.hours"):
        forecast_plan(plan.model_copy(update={"limits": limits}), runs, out, QUIET)
    assert ForecastRecord.read(out / "forecast.json").limit_hours == 1e-9
