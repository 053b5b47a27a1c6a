"""What a run's record says of its way: its learning curve, and the part that trains now, with its time and machine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from resnet.nets import kernels
from resnet.params import TrainParams
from resnet.results import HistoryRow, Segment
from resnet.runs.identity import source
from resnet.system import Machine
from resnet.training.checkpoint import Progress
from resnet.training.recipe import learning_rate


class PresentSegment:
    """From the run's start or its last checkpoint on; its clock runs from when it is made.

    Earlier segments have done `first_iteration` iterations; `side_by_side` runs share the device, this one included.
    """

    def __init__(self, first_iteration: int, machine: Machine, side_by_side: int) -> None:
        self.first_iteration, self.side_by_side = first_iteration, side_by_side
        self.system = machine.describe(kernels.available)
        self._began, self._outside_training = time.perf_counter(), 0.0

    @contextmanager
    def outside_training(self) -> Iterator[None]:
        """Leave a block's time out of training's; the device has finished its work before."""
        began = time.perf_counter()
        yield
        self._outside_training += time.perf_counter() - began

    def record(self, last_iteration: int) -> Segment:
        """The segment after so many iterations of the run, which the device has done."""
        seconds = time.perf_counter() - self._began
        return Segment(
            first_iteration=self.first_iteration,
            last_iteration=last_iteration,
            seconds=seconds,
            training_seconds=seconds - self._outside_training,
            side_by_side=self.side_by_side,
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            source=source(),
            system=self.system,
        )

    def changes(self, before: Segment) -> str:
        """In what its arithmetic differs from an earlier segment's; empty if it is the same, bit for bit."""
        then, now = before.system, self.system
        parts: list[tuple[str, object, object]] = [("device", then.device, now.device)]
        if then.device == now.device == "cpu":  # a GPU's bits depend on neither
            parts += [("threads", then.threads, now.threads), ("compiled operations", then.fused, now.fused)]
        return ", ".join(f"{part} {new} (before: {old})" for part, old, new in parts if old not in (None, new))


def history(progress: Progress, recipe: TrainParams, train_images: int) -> list[HistoryRow]:
    """The curve up to the present iteration: a row every `log_every` iterations and at every evaluation.

    An epoch has `train_images` images.
    """
    losses, wrong = (values[: progress.iteration].cpu().double() for values in (progress.losses, progress.wrong))
    logged = range(recipe.log_every, progress.iteration + 1, recipe.log_every)
    start, rows = 0, []
    for end in sorted({*logged, *progress.evaluations}):
        validation, test = progress.evaluations.get(end, (None, None))
        warming_up = recipe.warmup and (progress.warmup_iterations is None or end <= progress.warmup_iterations)
        rows.append(
            HistoryRow(
                iteration=end,
                epoch=end * recipe.batch_size / train_images,
                learning_rate=learning_rate(end - 1, recipe, warming_up=warming_up),
                training_loss=float(losses[start:end].mean()),
                training_error=100 * float(wrong[start:end].mean()) / recipe.batch_size,
                validation_error=validation,
                test_error=test,
            )
        )
        start = end
    return rows
