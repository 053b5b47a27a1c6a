"""What a person sees while a net trains: a progress bar on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from resnet.training.checkpoint import Progress

SECONDS_BETWEEN_LINES = 30
SECONDS_BETWEEN_UPDATES = 1.0


class TrainingDisplay:
    """Shows runs that train side by side, a line each."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[state]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> Self:
        self.bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.bars.stop()

    def run(self, title: str, iterations: int, batch_size: int) -> RunDisplay:
        """Show one run more."""
        return RunDisplay(self, title, iterations, batch_size)


class RunDisplay:
    """One run's line: iterations, learning rate, loss, errors, images/s and the time left.

    The loss is read from the device once a second, not at every iteration: reading waits for it.
    """

    def __init__(self, display: TrainingDisplay, title: str, iterations: int, batch_size: int) -> None:
        self.display = display
        self.title = title
        self.iterations = iterations
        self.batch_size = batch_size
        self.task = display.bars.add_task(title, total=iterations, state="")
        self.shown_at = self.line_at = time.monotonic()
        self.shown_iteration: int | None = None
        self.evaluations = 0
        self.images_per_second = 0.0

    def __call__(self, progress: Progress, learning_rate: float) -> None:
        """Show the progress after an iteration."""
        now, done = time.monotonic(), progress.iteration
        if self.shown_iteration is None:
            self.shown_iteration, self.shown_at = done, now
        elapsed = now - self.shown_at
        if elapsed < SECONDS_BETWEEN_UPDATES and done < self.iterations:
            return
        recent = slice(max(0, min(self.shown_iteration, done - 1)), done)
        loss = float(progress.losses[recent].mean())
        error = 100 * float(progress.wrong[recent].float().mean()) / self.batch_size
        now = time.monotonic()  # the device has now done what was asked of it
        elapsed = now - self.shown_at
        # A stretch in which the net was evaluated says nothing about training's speed.
        evaluated = len(progress.evaluations) > self.evaluations
        self.evaluations = len(progress.evaluations)
        if elapsed > 0 and done > self.shown_iteration and not (evaluated and self.images_per_second):
            self.images_per_second = (done - self.shown_iteration) * self.batch_size / elapsed
        self.shown_iteration, self.shown_at = done, now
        tests = [f"  test error {test:.2f} %" for _, test in list(progress.evaluations.values())[-1:]]
        state = (
            f"lr {learning_rate:g}  loss {loss:.3f}  training error {error:.1f} %{''.join(tests)}"
            f"  {self.images_per_second:,.0f} images/s"
        )
        bars, console = self.display.bars, self.display.console
        bars.update(self.task, completed=done, state=state)
        if bars.disable and (now - self.line_at >= SECONDS_BETWEEN_LINES or done == self.iterations):
            left = (
                (self.iterations - done) * self.batch_size / self.images_per_second if self.images_per_second else 0.0
            )
            self.line_at = now
            console.print(
                f"{self.title}  {done:,}/{self.iterations:,}  {state}  {left / 60:.1f} min left",
                soft_wrap=True,
            )
