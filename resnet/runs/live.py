"""Learning curves for a program that shows them while nets train; none is written unless a user wants it.

The values are those of `history.csv`, under the names of its columns, and images/s. They are written when that file
is, after every checkpoint; nothing that a run computes depends on them.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from resnet.errors import UserError, one_line
from resnet.results import HistoryRow, Segment

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

IMAGES_PER_SECOND = "images_per_second"
NO_CURVES = {"iteration", "epoch"}
"""Columns of `history.csv` that say where a row is on a curve."""


Viewer = Literal["tensorboard"]
"""A program that shows curves."""


def check_installed(viewer: Viewer | None) -> None:
    """Look whether a viewer's library is there, before anything trains.

    Raises:
        UserError: it is not installed.
    """
    try:
        if viewer is not None:
            import torch.utils.tensorboard  # noqa: F401
    except ImportError as error:
        why = "needs TensorBoard: pip install tensorboard, or this project with its extra `tensorboard`"
        raise UserError(f"--live tensorboard {why}") from error


class LiveCurve:
    """A run's curve for TensorBoard. What fails here costs a line and no run.

    Each start of a run writes the whole curve anew and purges what earlier starts have written: nothing is there twice
    or missing, whenever a process was killed.
    """

    def __init__(self, folder: Path, batch_size: int) -> None:
        self.folder, self.batch_size = folder, batch_size
        self._writer: SummaryWriter | None = None
        self._failed = False
        self._rows, self._timed, self._seconds = 0, 0, 0.0

    def write(self, rows: Sequence[HistoryRow], segments: Sequence[Segment]) -> None:
        """Write what is new of the whole curve and of the whole run's segments."""
        if self._failed:
            return
        try:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = self._writer or SummaryWriter(str(self.folder), purge_step=0)
            self._add(self._writer, rows, segments)
        except Exception as error:  # whatever it is, it is not worth a training run
            self._failed = True
            line = one_line(f"{type(error).__name__}: {error}")
            print(f"{self.folder}: no curve for TensorBoard: {line}; the run goes on", file=sys.stderr)

    def _add(self, writer: SummaryWriter, rows: Sequence[HistoryRow], segments: Sequence[Segment]) -> None:
        for row in rows[self._rows :]:
            for tag, value in row._asdict().items():
                if tag not in NO_CURVES and value is not None:
                    writer.add_scalar(tag, value, row.iteration)
        self._rows = len(rows)
        seconds = sum(segment.training_seconds for segment in segments)
        if seconds > self._seconds:
            done = segments[-1].last_iteration
            speed = (done - self._timed) * self.batch_size / (seconds - self._seconds)
            writer.add_scalar(IMAGES_PER_SECOND, speed, done)
            self._timed, self._seconds = done, seconds
        writer.flush()
