"""The files beside a run's record: named by size and digest, and read."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from resnet.files import write_text
from resnet.results.base import Count, DamagedFile, Record, read_contents

StoredName = Literal["model.safetensors", "history.csv", "test_predictions.npy"]
WEIGHTS: StoredName = "model.safetensors"
HISTORY: StoredName = "history.csv"
PREDICTIONS: StoredName = "test_predictions.npy"


class StoredFile(Record):
    """A file as it was written."""

    bytes: Count
    sha256: str
    """Hex."""

    @classmethod
    def describe(cls, path: Path) -> StoredFile:
        """Describe a file that is there.

        Raises:
            DamagedFile: it cannot be read.
        """
        contents = read_contents(path)
        return cls(bytes=len(contents), sha256=hashlib.sha256(contents).hexdigest())

    def check(self, path: Path) -> None:
        """Compare a file with what was written.

        Raises:
            DamagedFile: it is missing, cannot be read, or is not what was written.
        """
        found = self.describe(path)
        if found.bytes != self.bytes:
            raise DamagedFile(path, f"{found.bytes:,} bytes instead of the {self.bytes:,} that its record names")
        if found.sha256 != self.sha256:
            raise DamagedFile(path, "not what was written: its record names another digest")


def file_digest(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes.

    Raises:
        DamagedFile: it cannot be read.
    """
    return StoredFile.describe(path).sha256


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
        for cells in reader:
            if len(cells) != len(HistoryRow._fields):
                raise ValueError(f"{len(cells)} cells")
            errors = (float(cell) if cell else None for cell in cells[5:])
            rows.append(HistoryRow(int(cells[0]), *map(float, cells[1:5]), *errors))
        return rows
    except (ValueError, csv.Error) as error:
        raise DamagedFile(path, f"not a learning curve: line {reader.line_num}: {error}") from error


def read_predictions(path: Path) -> NDArray[np.uint8]:
    """Read `test_predictions.npy`: uint8 (N, 2), the true and the predicted class of every test image.

    The images are in canonical order, so that runs are paired without the data.

    Raises:
        DamagedFile: the file cannot be read or is not such an array.
    """
    file = io.BytesIO(read_contents(path))
    try:
        pairs: NDArray[np.uint8] = np.lib.format.read_array(file, allow_pickle=False)
    except Exception as error:  # a damaged header fails in any way, for it is read as Python
        raise DamagedFile(path, f"not an array of predictions: {error}") from error
    if pairs.dtype != np.uint8 or pairs.ndim != 2 or pairs.shape[1] != 2:
        raise DamagedFile(path, f"not an array of predictions: {pairs.dtype}, {pairs.shape}")
    return pairs
