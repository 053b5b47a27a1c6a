"""What a person sees while nets train: a progress bar a run on a terminal, now and then a line elsewhere."""

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
    """Shows runs that train side by side.

    Args:
        console: where.
        iterations: of each run.
        batch_size: images of an iteration.
    """

    def __init__(self, console: Console, iterations: int, batch_size: int) -> None:
        self.console, self.iterations, self.batch_size = console, iterations, batch_size
        state = TextColumn("{task.fields[state]}")
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), state, TimeElapsedColumn()
        self.bars = Bars(*columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal)

    def __enter__(self) -> Self:
        self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bars.stop()

    def add(self, title: str) -> RunDisplay:
        """Show one run more."""
        return RunDisplay(self, title)


class RunDisplay:
    """One run's line: iterations, learning rate, loss, errors, images/s and the time left.

    The loss is read from the device once a second, not at every iteration: reading waits for it.
    """

    def __init__(self, display: TrainingDisplay, title: str) -> None:
        self.display, self.title = display, title
        self.task = display.bars.add_task(title, total=display.iterations, state="")
        self.shown_at = self.line_at = time.monotonic()
        self.shown_iteration: int | None = None
        self.evaluations = 0
        self.images_per_second = 0.0

    def __call__(self, progress: Progress, learning_rate: float) -> None:
        """Show the progress after an iteration."""
        done, last = progress.iteration, progress.iteration == self.display.iterations
        if self.shown_iteration is None:
            self.shown_iteration, self.shown_at = done, time.monotonic()
        if last or time.monotonic() - self.shown_at >= SECONDS_BETWEEN_UPDATES:
            state = self._state(progress, learning_rate)
            self.display.bars.update(self.task, completed=done, state=state)
            if self.display.bars.disable and (last or self.shown_at - self.line_at >= SECONDS_BETWEEN_LINES):
                self._print(done, state)

    def _state(self, progress: Progress, learning_rate: float) -> str:
        """The values since the last look, and the speed."""
        assert self.shown_iteration is not None
        done, batch_size = progress.iteration, self.display.batch_size
        recent = slice(max(0, min(self.shown_iteration, done - 1)), done)
        loss, wrong = float(progress.losses[recent].mean()), float(progress.wrong[recent].float().mean())
        now = time.monotonic()  # the device has done its work
        # A stretch in which the net was evaluated says nothing about training's speed.
        evaluated, self.evaluations = len(progress.evaluations) > self.evaluations, len(progress.evaluations)
        if now > self.shown_at and done > self.shown_iteration and not (evaluated and self.images_per_second):
            self.images_per_second = (done - self.shown_iteration) * batch_size / (now - self.shown_at)
        self.shown_iteration, self.shown_at = done, now
        tests = [f"  test error {test:.2f} %" for _, test in list(progress.evaluations.values())[-1:]]
        return (
            f"lr {learning_rate:g}  loss {loss:.3f}  training error {100 * wrong / batch_size:.1f} %{''.join(tests)}"
            f"  {self.images_per_second:,.0f} images/s"
        )

    def _print(self, done: int, state: str) -> None:
        self.line_at = self.shown_at
        iterations, images = self.display.iterations, (self.display.iterations - done) * self.display.batch_size
        minutes = images / self.images_per_second / 60 if self.images_per_second else 0.0
        self.display.console.print(
            f"{self.title}  {done:,}/{iterations:,}  {state}  {minutes:.1f} min left", soft_wrap=True
        )
