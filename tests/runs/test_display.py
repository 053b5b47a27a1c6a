"""What is shown of a run: values of the iterations since the last look, speed without evaluations, few lines."""

from __future__ import annotations

import io
from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch
from rich.console import Console

from resnet.runs import display
from resnet.runs.display import TrainingDisplay
from resnet.training.checkpoint import Progress

BATCH_SIZE = 16


def progress_of(losses: list[float], wrong: list[int]) -> Progress:
    return Progress(torch.tensor(losses), torch.tensor(wrong, dtype=torch.int32))


class Shown:
    """A display whose seconds are counted, not measured."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, iterations: int, terminal: bool = False) -> None:
        self.seconds = 0.0
        monkeypatch.setattr(display, "time", SimpleNamespace(monotonic=lambda: self.seconds))
        self.file = io.StringIO()
        self.console = Console(file=self.file, width=200, force_terminal=terminal)
        self.display = TrainingDisplay(self.console, iterations, BATCH_SIZE)
        self.run = self.display.add("resnet-8 seed 0")
        self.progress = progress_of([2.0] * iterations, [8] * iterations)

    def advance(self, iterations: int, seconds: float) -> None:
        """Do iterations of equal length, after each of which the display is called."""
        for _ in range(iterations):
            self.seconds += seconds / iterations
            self.progress.iteration += 1
            self.run(self.progress, 0.1)

    @property
    def state(self) -> str:
        return str(self.display.bars.tasks[0].fields["state"])

    @property
    def lines(self) -> list[str]:
        return self.file.getvalue().splitlines()


Show = Callable[..., Shown]


@pytest.fixture
def show(monkeypatch: pytest.MonkeyPatch) -> Show:
    return lambda iterations, terminal=False: Shown(monkeypatch, iterations, terminal)


def test_the_last_iteration_is_shown_with_the_means_since_the_last_look(show: Show) -> None:
    shown = show(4)
    shown.progress = progress_of([9.0, 3.0, 2.0, 1.0], [16, 8, 4, 0])
    shown.progress.evaluations = {2: (None, 60.0), 3: (None, 50.0)}
    shown.advance(4, 0.5)
    assert shown.lines == [
        "resnet-8 seed 0  4/4  lr 0.1  loss 2.000  training error 25.0 %  test error 50.00 %  128 images/s  "
        "0.0 min left"
    ]


def test_a_run_of_one_iteration_has_no_speed_and_is_shown(show: Show) -> None:
    shown = show(1)
    shown.advance(1, 0.1)
    assert shown.lines == ["resnet-8 seed 0  1/1  lr 0.1  loss 2.000  training error 50.0 %  0 images/s  0.0 min left"]


def test_the_device_is_asked_for_values_once_a_second(show: Show) -> None:
    shown = show(1_000)
    shown.advance(9, 0.9)
    assert shown.state == ""
    shown.advance(11, 1.1)
    first = shown.state
    assert "160 images/s" in first
    shown.advance(5, 0.5)
    assert shown.state == first


def test_a_line_every_half_minute_says_how_long_it_takes(show: Show) -> None:
    shown = show(2_000)
    shown.advance(290, 29)
    assert shown.lines == []
    shown.advance(200, 20)
    (line,) = shown.lines
    assert line.startswith("resnet-8 seed 0  3")
    assert line.endswith("  160 images/s  2.8 min left")


def test_an_evaluation_says_nothing_about_the_speed_of_training(show: Show) -> None:
    shown = show(1_000)
    shown.advance(20, 2)
    assert "160 images/s" in shown.state
    shown.progress.evaluations[20] = (10.0, 11.0)
    shown.advance(1, 9)  # of which the evaluation takes almost all
    assert "test error 11.00 %" in shown.state
    assert "160 images/s" in shown.state
    shown.advance(20, 4)
    assert "80 images/s" in shown.state


def test_a_terminal_has_bars_and_no_lines(show: Show) -> None:
    shown = show(100, terminal=True)
    with shown.display:
        other = shown.display.add("resnet-8 seed 1")
        shown.advance(100, 60)
    assert shown.display.bars.tasks[0].finished
    assert shown.display.bars.tasks[1].completed == 0
    text = shown.file.getvalue()
    assert "100/100" in text
    assert "0/100" in text
    assert "min left" not in text
    assert other.title in text
