"""What is left of a plan: finished seeds cost nothing, and an interrupted one only what its checkpoint lacks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from resnet.data import Data
from resnet.measuring.throughput import Forecaster
from resnet.params import Settings
from resnet.runs.plan import iterations_left
from resnet.runs.run import Run
from resnet.runs.seeds import seed_folders, train_seeds
from resnet.system import choose_device, choose_precision

Tiny = Callable[..., Settings]


def interrupt_at(iteration: int, settings: Settings, seed: int, data: Data, out: Path) -> None:
    """Train as far as this, and stop as a signal would have it."""
    device = choose_device(settings.train.device)
    precision = choose_precision(settings.train.precision, device)
    run = Run(settings, seed, data, seed_folders(out, None, None, seed), device, precision)
    run.start()
    for _ in range(iteration):
        run.advance(lambda progress, rate: None)
    run.save()


def test_a_checkpoint_is_not_forecast_again(tiny: Tiny, digits: Data, tmp_path: Path) -> None:
    settings = tiny(seeds=3)
    out = tmp_path / settings.name
    assert iterations_left(settings, digits.record, tmp_path) == [12, 12, 12]
    train_seeds(settings, [0], digits, out)
    interrupt_at(7, settings, 1, digits, out)
    assert iterations_left(settings, digits.record, tmp_path) == [5, 12]
    # Neither results nor checkpoints of other settings count.
    assert iterations_left(tiny(seeds=3, momentum=0.8), digits.record, tmp_path) == [12, 12, 12]
    (out / "seed-1/checkpoint.safetensors").write_bytes(b"damaged")
    assert iterations_left(settings, digits.record, tmp_path) == [12, 12]


def test_hours_are_those_of_the_iterations_left(tiny: Tiny) -> None:
    without_evaluation, with_evaluation = Forecaster(0), Forecaster(1600)
    row = without_evaluation.row(tiny(), [5, 12])
    assert row.seeds_left == 2
    assert row.hours == pytest.approx(17 * row.step_seconds / 3600)
    # 1,600 images of a third of an iteration's 16 each are 33.3 iterations: once, and thrice, at 6, 12 and the end.
    row = with_evaluation.row(tiny(), [5, 12])
    assert row.hours == pytest.approx((17 + (1 + 3) * 1600 / 16 / 3) * row.step_seconds / 3600)
    assert without_evaluation.row(tiny(), []).hours == 0


def test_a_run_near_its_end_is_not_refused_for_its_whole_length(tiny: Tiny, digits: Data, tmp_path: Path) -> None:
    settings, out = tiny(seeds=1), tmp_path / "out"
    interrupt_at(11, settings, 0, digits, out)
    with Console(file=(tmp_path / "said").open("w"), width=200) as console:
        (record,) = train_seeds(settings, [0], digits, out, console=console)
    assert record.status == "done"
    assert "1 seed of 12 iterations, 1 left, forecast" in (tmp_path / "said").read_text()
