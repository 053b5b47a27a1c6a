"""A run's files, read and compared with what its record names."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from resnet.results.base import DamagedFile
from resnet.results.stored import (
    HISTORY,
    PREDICTIONS,
    WEIGHTS,
    HistoryRow,
    StoredFile,
    StoredName,
    read_history,
    read_predictions,
)
from resnet.results.training import TrainingRecord

METRICS = "metrics.json"
T = TypeVar("T")


class RunFiles(NamedTuple):
    """What is whole of a run's result files."""

    folder: Path
    record: TrainingRecord
    curve: list[HistoryRow] | None
    """None if the file is missing or damaged."""
    predictions: NDArray[np.uint8] | None
    """Likewise, and of a run that is not done."""
    damaged: list[DamagedFile]
    """Files that are not this run's, each with what is wrong."""

    @property
    def missing(self) -> list[str]:
        """Names of the files that a run of this status leaves and that are not there."""
        names = {"done": (HISTORY, PREDICTIONS), "diverged": (HISTORY,)}.get(self.record.status, ())
        return [name for name in names if not os.path.lexists(self.folder / name)]


def read_run(folder: Path) -> RunFiles:
    """Read the files in a seed's folder; one that is not what the record names is left out.

    Raises:
        DamagedFile: the record is damaged, or is of another seed than the folder.
    """
    record = TrainingRecord.read(folder / METRICS)
    if folder.name.startswith("seed-") and folder.name != f"seed-{record.seed}":
        raise DamagedFile(folder / METRICS, f"holds seed {record.seed}, not {folder.name.removeprefix('seed-')}")
    damaged: list[DamagedFile] = []

    def read(name: StoredName, reader: Callable[[Path], T]) -> T | None:
        path = folder / name
        try:
            if name in record.files:
                record.files[name].check(path)
            return reader(path) if os.path.lexists(path) else None
        except DamagedFile as error:
            damaged.append(error)
            return None

    predictions = read(PREDICTIONS, read_predictions) if record.status == "done" else None
    return RunFiles(folder, record, read(HISTORY, read_history), predictions, damaged)


def record_of(weights: Path) -> Path | None:
    """The record of a run's weights: beside them, or where a plan has it, in `runs/train` beside `weights`."""
    folder = weights.parent
    places = [folder / METRICS]
    if len(folder.parents) > 2 and folder.parent.parent.name == "weights":
        places.append(folder.parents[2] / "runs" / "train" / folder.parent.name / folder.name / METRICS)
    return next((place for place in places if place.exists()), None)


def weights_of(folder: Path) -> Path | None:
    """The weights of the run whose record is in `folder`, beside it or in a plan's `weights`; None if absent."""
    places = [folder / WEIGHTS]
    if len(folder.parents) > 3 and folder.parents[1].name == "train":
        places.append(folder.parents[3] / "weights" / folder.parent.name / folder.name / WEIGHTS)
    return next((place for place in places if os.path.lexists(place)), None)


def recorded(weights: Path) -> StoredFile | None:
    """What the record of a finished run says of its weights, whether or not they are there; others have none.

    Raises:
        DamagedFile: the record cannot be read.
    """
    place = record_of(weights) if weights.name == WEIGHTS else None
    return TrainingRecord.read(place).files.get(WEIGHTS) if place else None
