"""What tests of runs share."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch

from resnet.params import Settings
from resnet.runs.run import Run

Tiny = Callable[..., Settings]
"""What the fixture `tiny` gives."""


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
