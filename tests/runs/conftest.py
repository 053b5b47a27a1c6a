"""What tests of runs share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from rich.console import Console

from resnet.data import Data
from resnet.params import Settings
from resnet.results import TrainingRecord
from resnet.runs.run import Run
from resnet.runs.seeds import train_seeds
from tests.conftest import CPU

Tiny = Callable[..., Settings]
"""What the fixture `tiny` gives."""


class Places:
    """The three folders of a net, apart as a plan may have them."""

    def __init__(self, folder: Path, data: Data) -> None:
        self.folder, self.data = folder, data
        self.out, self.weights, self.checkpoints = (
            folder / part / "net" for part in ("runs/train", "weights", "unfinished")
        )

    def train(self, settings: Settings, *seeds: int, overwrite: bool = True) -> tuple[TrainingRecord, str]:
        """Train some seeds [seed 0]: the first's record, and what is shown."""
        self.folder.mkdir(exist_ok=True)
        with (self.folder / "shown").open("w+") as file:
            records = train_seeds(
                settings, seeds or [0], self.data, self.out, CPU, weights=self.weights, checkpoints=self.checkpoints,
                overwrite=overwrite, console=Console(file=file, width=500),
            )  # fmt: skip
            file.seek(0)
            return records[0], file.read()

    def file(self, name: str, seed: int = 0) -> Path:
        return (self.weights if name == "model.safetensors" else self.out) / f"seed-{seed}" / name


def interrupt_at(iteration: int, run: Run) -> None:
    """Train as far as this, and stop as a signal would have it."""
    run.start()
    for _ in range(iteration):
        run.advance(lambda progress, learning_rate: None)
    run.save()


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Train in this process with one thread, as the processes do that it is compared with."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def quick_forecast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure no steps before training: an iteration is said to take a millisecond."""
    monkeypatch.setattr("resnet.runs.forecast._measure", lambda settings, machine, seeds: 0.001)
