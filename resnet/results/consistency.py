"""A run's files: read, and compared with what its record names."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from resnet.files import write_text
from resnet.results.base import DamagedFile, read_contents
from resnet.results.training import HISTORY, PREDICTIONS, WEIGHTS, StoredFile, StoredName, TrainingRecord

METRICS = "metrics.json"


class HistoryRow(NamedTuple):
    """One row of `history.csv`. Errors are in %; a cell is empty where nothing was measured."""

    iteration: int
    epoch: float
    """Passes over the training set."""
    learning_rate: float
    """Of the iteration just done."""
    training_loss: float
    """Mean over the iterations since the row before; NaN or infinite if the run has diverged."""
    training_error: float
    """Likewise, of the augmented mini-batches."""
    validation_error: float | None
    test_error: float | None


def write_history(path: Path, rows: Iterable[HistoryRow]) -> None:
    """Write the learning curve as CSV, complete or absent."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HistoryRow._fields)
    writer.writerows(["" if cell is None else repr(cell) for cell in row] for row in rows)
    write_text(path, text.getvalue())


def read_history(path: Path) -> list[HistoryRow]:
    """Read the learning curve that `write_history` wrote.

    Raises:
        DamagedFile: the file cannot be read, or its columns or cells are not a history's.
    """
    contents = read_contents(path)
    reader = csv.reader(io.TextIOWrapper(io.BytesIO(contents), encoding="utf-8", newline=""))
    try:
        if tuple(next(reader, ())) != HistoryRow._fields:
            raise ValueError(f"the columns are not {', '.join(HistoryRow._fields)}")
        rows = []
        for iteration, *means, validation, test in reader:
            errors = (float(cell) if cell else None for cell in (validation, test))
            rows.append(HistoryRow(int(iteration), *map(float, means), *errors))
        return rows
    except (TypeError, ValueError, csv.Error) as error:
        raise DamagedFile(path, f"not a learning curve: line {reader.line_num}: {error}") from error


def read_predictions(path: Path) -> NDArray[np.uint8]:
    """Read `test_predictions.npy`: uint8 (N, 2), label and predicted class, in canonical order.

    Raises:
        DamagedFile: the file cannot be read or is not such an array.
    """
    contents = read_contents(path)
    try:
        pairs: NDArray[np.uint8] = np.lib.format.read_array(io.BytesIO(contents), allow_pickle=False)
        if pairs.dtype != np.uint8 or pairs.shape[1:] != (2,):
            raise ValueError(f"{pairs.dtype}, {pairs.shape}")
    except Exception as error:  # a damaged header fails in any way, for it is read as Python
        raise DamagedFile(path, f"not an array of predictions: {error}") from error
    return pairs


class RunFiles(NamedTuple):
    """What is whole of a run's result files."""

    folder: Path
    record: TrainingRecord
    curve: list[HistoryRow] | None
    """None if the file is missing or damaged."""
    predictions: NDArray[np.uint8] | None
    """Likewise, and of a run that is not done."""
    damaged: list[DamagedFile]
    """Files that are missing or not this run's, each with what is wrong."""


def read_run(folder: Path) -> RunFiles:
    """Read the files in a seed's folder; one that is not what the record names is left out.

    Raises:
        DamagedFile: the record is damaged, or is of another seed than the folder.
    """
    record = TrainingRecord.read(folder / METRICS)
    if folder.name.startswith("seed-") and folder.name != f"seed-{record.seed}":
        raise DamagedFile(folder / METRICS, f"holds seed {record.seed}, not {folder.name.removeprefix('seed-')}")
    readers: dict[StoredName, Callable[[Path], Any]] = {HISTORY: read_history}
    if record.status == "done":
        readers[PREDICTIONS] = read_predictions
    found, damaged = dict[StoredName, Any](), list[DamagedFile]()
    for name, read in readers.items():
        try:
            if name in record.files:
                record.files[name].check(folder / name)
            if os.path.lexists(folder / name):
                found[name] = read(folder / name)
        except DamagedFile as error:
            damaged.append(error)
    return RunFiles(folder, record, found.get(HISTORY), found.get(PREDICTIONS), damaged)


def record_of(weights: Path) -> Path | None:
    """The record of a run's weights: in their folder, or in the plan's `runs/train`; None if absent."""
    folder = weights.parent
    places = [folder / METRICS]
    if folder.parent.parent.name == "weights":
        places.append(folder.parents[2] / "runs" / "train" / folder.parent.name / folder.name / METRICS)
    return next((place for place in places if place.exists()), None)


def weights_of(folder: Path) -> Path | None:
    """The weights of the run whose record is in `folder`: there, or in the plan's `weights`; None if absent."""
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
