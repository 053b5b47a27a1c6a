"""Learning curves for a program that shows them while nets train; none is written unless it is asked for.

The values are those of `history.csv`, under the names of its columns, and images/s. They are written when that file
is, after every checkpoint, where the device is waited for anyway; nothing that a run computes depends on them.
"""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path

from resnet.errors import UserError, one_line
from resnet.results import HistoryRow, Segment

EVENTS = "events.out.tfevents."
"""What the name of an event file begins with; Git and DVC leave such files out."""
IMAGES_PER_SECOND = "images_per_second"
NO_CURVES = {"iteration", "epoch"}
"""Columns of `history.csv` that say where on a curve a row lies."""


class Viewer(StrEnum):
    """A program that shows curves."""

    tensorboard = "tensorboard"


def check_installed(viewer: Viewer | None) -> None:
    """Look whether a viewer's library is there, before anything trains.

    Raises:
        UserError: it is not installed.
    """
    if viewer is Viewer.tensorboard:
        try:
            import tensorboard.summary.writer.record_writer  # noqa: F401
        except ImportError as error:
            raise UserError(
                "--live tensorboard needs TensorBoard: pip install tensorboard, or this project with its extra "
                "`tensorboard`"
            ) from error


class EventFile:
    """A file of TensorBoard's with one run's curve.

    Each start of a run begins a file with the whole curve, and says in it that earlier files count no more. So nothing
    is there twice or missing, whenever a process was killed, and a record cut by a kill is the last of its file.

    TensorFlow is never loaded, as `SummaryWriter` would where it is installed, and no thread writes, whose errors
    would be tracebacks.

    Args:
        folder: of the run.
        batch_size: images of an iteration.
    """

    def __init__(self, folder: Path, batch_size: int) -> None:
        self.batch_size = batch_size
        # TensorBoard reads files in the order of their names. Numbers need no clock, which machines do not share.
        numbers = [int(path.suffix[1:]) for path in folder.glob(f"{EVENTS}*") if path.suffix[1:].isdecimal()]
        self.path = folder / f"{EVENTS}{1 + max(numbers, default=0):010d}"
        self._iteration = 0
        """Of the last row that is written."""
        self._segments: dict[int, Segment] = {}
        """As they were at the last write, by their first iteration."""

    def write(self, rows: Sequence[HistoryRow], segments: Sequence[Segment]) -> None:
        """Write what is new of a curve.

        Args:
            rows: of the whole curve.
            segments: of the whole run.

        Raises:
            OSError: the file cannot be written. It may end in a part of a record.
        """
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.record_writer import RecordWriter

        now = time.time()
        events = []
        if not self.path.exists():
            start = SessionLog(status=SessionLog.START)  # hides earlier files' events from its step on
            events += [Event(wall_time=now, file_version="brain.Event:2"), Event(wall_time=now, session_log=start)]
        for iteration, values in [*self._new_rows(rows), *self._new_speeds(segments)]:
            summary = Summary(value=[Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()])
            events.append(Event(wall_time=now, step=iteration, summary=summary))
        encoded = io.BytesIO()
        records = RecordWriter(encoded)
        for event in events:
            records.write(event.SerializeToString())
        with self.path.open("ab") as file:
            file.write(encoded.getvalue())

    def _new_rows(self, rows: Sequence[HistoryRow]) -> Iterator[tuple[int, dict[str, float]]]:
        for row in rows:
            if row.iteration > self._iteration:
                values = {tag: value for tag, value in row._asdict().items() if tag not in NO_CURVES}
                yield row.iteration, {tag: value for tag, value in values.items() if value is not None}
                self._iteration = row.iteration

    def _new_speeds(self, segments: Sequence[Segment]) -> Iterator[tuple[int, dict[str, float]]]:
        """Images/s of training iterations since the last write; of segments from before this start, as a whole."""
        for segment in segments:
            before = self._segments.get(segment.first_iteration)
            iterations = segment.last_iteration - (before.last_iteration if before else segment.first_iteration)
            seconds = segment.training_seconds - (before.training_seconds if before else 0.0)
            if iterations and seconds > 0:
                yield segment.last_iteration, {IMAGES_PER_SECOND: iterations * self.batch_size / seconds}
            self._segments[segment.first_iteration] = segment


class LiveCurve:
    """A run's curve for a viewer, which never ends the run.

    Args:
        folder: of the run.
        batch_size: images of an iteration.
    """

    def __init__(self, folder: Path, batch_size: int) -> None:
        self.folder, self.batch_size = folder, batch_size
        self._file: EventFile | None = None
        self._told = False

    def write(self, rows: Sequence[HistoryRow], segments: Sequence[Segment]) -> None:
        """Write what is new; where that fails, say so once, and write the whole curve anew the next time."""
        try:
            self._file = self._file or EventFile(self.folder, self.batch_size)
            self._file.write(rows, segments)
        except Exception as error:  # whatever it is, it is not worth a training run
            self._file = None
            if not self._told:
                self._told = True
                why = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
                print(
                    f"{self.folder}: no curve for TensorBoard for now: {one_line(why)}; the run goes on",
                    file=sys.stderr,
                )
