"""What is left of a plan: finished seeds cost nothing, and an interrupted one only what its checkpoint lacks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from resnet.data import Data
from resnet.params import Settings
from resnet.runs.folders import seed_folders
from resnet.runs.plan import iterations_left
from resnet.runs.run import Run
from resnet.runs.seeds import train_seeds
from tests.conftest import CPU

Tiny = Callable[..., Settings]


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


def test_a_run_near_its_end_is_not_refused_for_its_whole_length(tiny: Tiny, digits: Data, tmp_path: Path) -> None:
    settings, out = tiny(seeds=1), tmp_path / "out"
    interrupt_at(11, settings, 0, digits, out)
    with Console(file=(tmp_path / "shown").open("w"), width=200) as console:
        (record,) = train_seeds(settings, [0], digits, out, CPU, console=console)
    assert record.status == "done"
    assert "1 seed of 12 iterations, 1 left, forecast" in (tmp_path / "shown").read_text()
