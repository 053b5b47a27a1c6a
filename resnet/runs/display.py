"""What a person sees while nets train: a progress bar a run on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from resnet.training.checkpoint import Progress

SECONDS_BETWEEN_LINES = 30.0
SECONDS_BETWEEN_UPDATES = 1.0
SECONDS_OF_SPEED = 600.0
"""Over which the speed is a mean: an iteration of a deep net on a CPU takes minutes."""


def training_bars(console: Console) -> Bars:
    """The bars of runs that train side by side, for a `with` block."""
    columns = "{task.description}", BarColumn(), MofNCompleteColumn(), "{task.fields[state]}"
    return Bars(
        *(*columns, TimeElapsedColumn(), TimeRemainingColumn()),
        console=console,
        disable=not console.is_terminal,
        get_time=time.monotonic,
        speed_estimate_period=SECONDS_OF_SPEED,
    )


class RunDisplay:
    """One run's line: iterations, learning rate, loss, errors, images/s and the time left.

    The loss is read from the device once a second, not at every iteration: reading waits for it.
    """

    def __init__(self, bars: Bars, title: str, iterations: int, batch_size: int) -> None:
        self.bars, self.title, self.iterations, self.batch_size = bars, title, iterations, batch_size
        bars.add_task(title, total=iterations, state="")
        self.task = bars.tasks[-1]
        self.shown_at, self.line_at, self.shown_iteration = float("-inf"), time.monotonic(), 0

    def __call__(self, progress: Progress, learning_rate: float) -> None:
        """Show the progress after an iteration: the values since the last look, evaluations in the speed."""
        done, last = progress.iteration, progress.iteration == self.iterations
        if not last and time.monotonic() - self.shown_at < SECONDS_BETWEEN_UPDATES:
            return
        recent = slice(self.shown_iteration, done)
        loss, wrong = float(progress.losses[recent].mean()), float(progress.wrong[recent].float().mean())
        self.shown_iteration, self.shown_at = done, time.monotonic()  # the device has done its work
        self.bars.update(self.task.id, completed=done)
        tests = [f"  test error {test:.2f} %" for _, test in list(progress.evaluations.values())[-1:]]
        state = (
            f"lr {learning_rate:g}  loss {loss:.3f}  training error {100 * wrong / self.batch_size:.1f} %"
            f"{''.join(tests)}  {(self.task.speed or 0.0) * self.batch_size:,.0f} images/s"
        )
        self.bars.update(self.task.id, state=state)
        if self.bars.disable and (last or self.shown_at - self.line_at >= SECONDS_BETWEEN_LINES):
            self.line_at = self.shown_at
            minutes = (self.task.time_remaining or 0.0) / 60
            line = f"{self.title}  {done:,}/{self.iterations:,}  {state}  {minutes:.1f} min left"
            self.bars.console.print(line, soft_wrap=True)
