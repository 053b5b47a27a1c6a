"""The files beside a run's record: named by size and digest, and read without being believed."""

from __future__ import annotations

import csv
import hashlib
import io
import math
import os
import stat
import warnings
from collections.abc import Iterable
from functools import lru_cache
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
MOST_LOSS = 1e39
"""Float32, in which losses are computed, ends before."""


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
        size = _state(path).st_size
        return cls(bytes=size, sha256=file_digest(path))

    def check(self, path: Path) -> None:
        """Hold a file against what was written.

        Raises:
            DamagedFile: it is missing, cannot be read, or is not what was written.
        """
        size = _state(path).st_size
        if size != self.bytes:
            raise DamagedFile(path, f"{size:,} bytes instead of the {self.bytes:,} that its record names")
        if file_digest(path) != self.sha256:
            raise DamagedFile(path, "not what was written: its record names another digest")


def _state(path: Path) -> os.stat_result:
    try:
        state = path.stat()
    except FileNotFoundError as error:
        raise DamagedFile(path, "missing") from error
    except OSError as error:
        raise DamagedFile(path, f"cannot be read ({error.strerror})") from error
    if not stat.S_ISREG(state.st_mode):
        raise DamagedFile(path, "not a file")
    return state


def file_digest(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes, computed once as long as the file is not touched.

    Raises:
        DamagedFile: it cannot be read.
    """
    state = _state(path)
    return _file_digest(path, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)


@lru_cache(maxsize=4096)
def _file_digest(path: Path, *_state: int) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DamagedFile(path, f"cannot be read ({error.strerror})") from error


class HistoryRow(NamedTuple):
    """One row of `history.csv`. Errors are in %; a cell is empty where nothing was measured."""

    iteration: int
    epoch: float
    """Passes over the training set."""
    learning_rate: float
    """Of the iteration just done."""
    training_loss: float
    """Mean over the iterations since the row before."""
    training_error: float
    """Likewise, of the augmented mini-batches."""
    validation_error: float | None
    test_error: float | None

    @property
    def plausible(self) -> bool:
        """Whether every number can be one; a loss that diverged is NaN or infinite."""
        errors = [self.training_error, self.validation_error, self.test_error]
        return (
            0 < self.iteration < 2**53
            and all(0 <= value <= 1e30 for value in (self.epoch, self.learning_rate))
            and (abs(self.training_loss) <= MOST_LOSS or not math.isfinite(self.training_loss))
            and all(0 <= error <= 100 for error in errors if error is not None)
        )


def write_history(path: Path, rows: Iterable[HistoryRow]) -> None:
    """Write the learning curve as CSV, complete or absent."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HistoryRow._fields)
    writer.writerows(["" if cell is None else repr(cell) for cell in row] for row in rows)
    write_text(path, text.getvalue())


def _history_row(cells: list[str]) -> HistoryRow:
    if len(cells) != len(HistoryRow._fields):
        raise ValueError(f"{len(cells)} cells")
    row = HistoryRow(
        int(cells[0]),
        *(float(cell) for cell in cells[1:5]),
        *(float(cell) if cell else None for cell in cells[5:7]),
    )
    if not row.plausible:
        raise ValueError("a number that none can be")
    return row


def read_history(path: Path) -> list[HistoryRow]:
    """Read the learning curve that `write_history` wrote.

    Raises:
        DamagedFile: the file cannot be read, is cut, or its columns or cells are not a history's.
    """
    contents = read_contents(path, 64 * 2**20)
    reader = csv.reader(io.TextIOWrapper(io.BytesIO(contents), encoding="utf-8", newline=""))
    try:
        if tuple(next(reader, ())) != HistoryRow._fields:
            raise DamagedFile(path, f"the columns are not {', '.join(HistoryRow._fields)}")
        rows: list[HistoryRow] = []
        for cells in reader:
            rows.append(_history_row(cells))
            if len(rows) > 1 and rows[-1].iteration <= rows[-2].iteration:
                raise ValueError("its iterations do not ascend")
    except (ValueError, OverflowError, csv.Error) as error:
        raise DamagedFile(path, f"not a learning curve: line {reader.line_num}: {error}") from error
    if not contents.endswith(b"\n"):
        raise DamagedFile(path, "cut off in its last line")
    return rows


def read_predictions(path: Path) -> NDArray[np.uint8] | None:
    """Read `test_predictions.npy`: uint8 (N, 2), the true and the predicted class of every test image.

    The images are in canonical order, so that runs are paired without the data. None if the file's
    array is of another shape or type, as earlier versions wrote it.

    Raises:
        DamagedFile: the file cannot be read or is not an array.
    """
    file = io.BytesIO(read_contents(path, 64 * 2**20))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            if np.lib.format.read_magic(file) != (1, 0):
                raise DamagedFile(path, "not an array of predictions: another version of NumPy's format")
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
            # The shape may claim more than memory holds: what is there decides.
            if math.prod(shape) * dtype.itemsize != len(file.getbuffer()) - file.tell() or dtype.hasobject:
                raise DamagedFile(path, "not an array of predictions: cut off, or longer than its header says")
            file.seek(0)
            held: NDArray[np.uint8] = np.lib.format.read_array(file, allow_pickle=False)
    except DamagedFile:
        raise
    except Exception as error:  # a damaged header fails in any way, for it is read as Python
        raise DamagedFile(path, f"not an array of predictions: {error}") from error
    return held if held.dtype == np.uint8 and held.ndim == 2 and held.shape[1] == 2 and len(held) else None
