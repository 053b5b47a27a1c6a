"""What is shown of a run: values of the iterations since the last look, its speed, few lines."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest
import torch
from rich.console import Console

from resnet.runs import display
from resnet.runs.display import RunDisplay, training_bars
from resnet.training.checkpoint import Progress

BATCH_SIZE = 16


class Shown:
    """A display whose seconds are counted, not measured."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, iterations: int, terminal: bool = False) -> None:
        self.seconds, self.file = 0.0, io.StringIO()
        monkeypatch.setattr(display, "time", SimpleNamespace(monotonic=lambda: self.seconds))
        self.bars = training_bars(Console(file=self.file, width=200, force_terminal=terminal))
        self.run = RunDisplay(self.bars, "resnet-8 seed 0", iterations, BATCH_SIZE)
        self.progress = Progress(torch.full((iterations,), 2.0), torch.full((iterations,), 8, dtype=torch.int32))

    def advance(self, iterations: int, seconds: float) -> str:
        """Do iterations of equal length, after each of which the display is called; what it says then."""
        for _ in range(iterations):
            self.seconds += seconds / iterations
            self.progress.iteration += 1
            self.run(self.progress, 0.1)
        return str(self.bars.tasks[0].fields["state"])


def test_means_since_the_last_look_are_shown_once_a_second_and_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Shown(monkeypatch, 4)
    shown.progress.losses.copy_(torch.tensor([9.0, 3.0, 2.0, 1.0]))
    shown.progress.wrong.copy_(torch.tensor([16, 8, 4, 0]))
    shown.progress.evaluations = {2: (None, 60.0), 3: (None, 50.0)}
    first = shown.advance(1, 0.1)
    assert shown.advance(2, 0.3) == first
    shown.advance(1, 0.1)
    assert shown.file.getvalue().splitlines() == [
        "resnet-8 seed 0  4/4  lr 0.1  loss 2.000  training error 25.0 %  test error 50.00 %  120 images/s  "
        "0.0 min left"
    ]


def test_a_line_every_half_minute_says_how_long_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Shown(monkeypatch, 2_000)
    shown.advance(290, 29)
    assert shown.file.getvalue() == ""
    shown.advance(200, 20)
    (line,) = shown.file.getvalue().splitlines()
    assert line.startswith("resnet-8 seed 0  3")
    assert line.endswith("  160 images/s  2.8 min left")


def test_a_terminal_has_bars_and_no_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Shown(monkeypatch, 100, terminal=True)
    with shown.bars:
        RunDisplay(shown.bars, "resnet-8 seed 1", 100, BATCH_SIZE)
        shown.advance(100, 60)
    assert [(task.finished, task.completed) for task in shown.bars.tasks] == [(True, 100), (False, 0)]
    text = shown.file.getvalue()
    assert all(part in text for part in ("100/100", "resnet-8 seed 1"))
    assert "min left" not in text
