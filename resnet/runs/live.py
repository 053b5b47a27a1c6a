"""Learning curves for TensorBoard while nets train; none is written unless a user wants it.

The values are those of `history.csv`, under the names of its columns, and images/s. They are written when that file
is, after every checkpoint; nothing that a run computes depends on them.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from resnet.errors import UserError, one_line
from resnet.results import HistoryRow, TrainingRecord

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

IMAGES_PER_SECOND = "images_per_second"
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
        raise UserError("--live tensorboard needs TensorBoard: install the extra `tensorboard`") from error


class LiveCurve:
    """A run's curve for TensorBoard. What fails here costs a line and no run.

    Each start of a run writes the whole curve anew and purges what earlier starts have written: nothing is there twice
    or missing, whenever a process was killed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.rows = folder, 0
        self.writer: SummaryWriter | None = None

    def write(self, rows: Sequence[HistoryRow], record: TrainingRecord) -> None:
        """Write what is new of the whole curve, and the run's speed."""
        try:
            from torch.utils.tensorboard import SummaryWriter

            self.writer = self.writer or SummaryWriter(str(self.folder), purge_step=0)
            for row in rows[self.rows :]:
                for tag, value in row._asdict().items():
                    if tag not in ("iteration", "epoch") and value is not None:
                        self.writer.add_scalar(tag, value, row.iteration)
            self.rows = len(rows)
            self.writer.add_scalar(IMAGES_PER_SECOND, record.images_per_second, record.iteration)
            self.writer.flush()
        except Exception as error:  # whatever it is, it is not worth a training run
            line = one_line(f"{type(error).__name__}: {error}")
            print(f"{self.folder}: no curve for TensorBoard: {line}; the run goes on", file=sys.stderr)
