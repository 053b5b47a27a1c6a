"""The part of a run that trains now, from its start or its last checkpoint on: its time and its machine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from resnet.nets import kernels
from resnet.results import Segment
from resnet.runs.identity import source
from resnet.system import Machine


class PresentSegment:
    """The segment that trains now; its clock runs from when it is made.

    Args:
        first_iteration: iterations that earlier segments have done.
        machine: where it trains.
        side_by_side: runs that share the device, this one included.
    """

    def __init__(self, first_iteration: int, machine: Machine, side_by_side: int) -> None:
        self.first_iteration, self.side_by_side = first_iteration, side_by_side
        self.system = machine.describe(kernels.available)
        self._began, self._outside_training = time.perf_counter(), 0.0

    @contextmanager
    def outside_training(self) -> Iterator[None]:
        """Leave a block's time out of training's; the device has done what it was asked for before."""
        began = time.perf_counter()
        yield
        self._outside_training += time.perf_counter() - began

    def record(self, last_iteration: int) -> Segment:
        """What it has come to, after so many iterations of the run; the device has done them."""
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
        """In what its arithmetic is another than an earlier segment's; empty where it is the same, bit for bit."""
        then, now, changes = before.system, self.system, []
        if then.device != now.device:
            changes.append(f"on {now.device} (before: {then.device})")
        elif now.device == "cpu":  # a GPU's bits depend on neither
            if then.threads != now.threads:
                threads = "thread" if now.threads == 1 else "threads"
                changes.append(f"with {now.threads} {threads} (before: {then.threads})")
            if then.fused is not None and then.fused != now.fused:
                changes.append(
                    "with compiled operations (before: none)" if now.fused else "without compiled operations"
                )
        return " and ".join(changes)
