"""What training leaves: the record of a run, its learning curve and its predictions."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from resnet.errors import UserError
from resnet.files import write_text
from resnet.records.base import Number, Record, Status
from resnet.records.provenance import DataRecord, Identity, System, with_identity


class Segment(Record):
    """One uninterrupted stretch of a training run: a resumed run has several."""

    first_iteration: int
    last_iteration: int
    seconds: float
    """Wall-clock time of the stretch, evaluations included."""
    training_seconds: float
    """The part of it that was spent in training iterations."""
    side_by_side: int = 1
    """Runs that shared the device for that time, this one included."""
    energy_joules: float | None = None
    """This run's part of what the GPU's board took, idle power included: the board's divided equally among the runs
    side by side, for as long as each of them ran. None where it is not measured.
    """
    finished: str
    """When it ended, UTC, ISO 8601."""
    source: str
    """SHA-256 (hex) of the code that trained it: where it comes from, not what it is worth."""
    system: System


class TrainingRecord(Record):
    """`metrics.json`: one training run of one net with one seed.

    While a run goes on the file says `interrupted`, at the iteration of its last checkpoint, so
    that a run killed at any moment is reported as what it is.
    """

    kind: Literal["training"] = "training"
    status: Status
    name: str
    """The row of the report that it belongs to, such as `resnet-20`."""
    net: str
    depth: int
    seed: int
    iteration: int
    """Iterations done."""
    iterations: int
    """Iterations planned."""
    parameters: int
    multiply_adds: int
    """Of the convolutions and the fully connected layer, for one image."""
    precision: str
    """Arithmetic of the training iterations: `fp32`, `tf32` or `bf16`. Final errors are measured in fp32."""
    test_error: Number | None
    """In %, of the last iterate, single view."""
    test_loss: Number | None
    validation_error: Number | None
    """In %; None without a validation set."""
    training_error: Number | None
    """In %, of the augmented mini-batches of the last epoch as they were trained on (Figure 6)."""
    training_loss: Number | None
    warmup_iterations: int | None
    """Iterations at the warm-up's learning rate; None without a warm-up or while it lasts."""
    peak_memory_bytes: int | None
    """This run's part, equal among the runs side by side: on a GPU of the most memory that the framework held, on a
    CPU of the process's peak resident size.
    """
    recomputed: bool = False
    """Whether activations were computed again in the backward pass instead of kept."""
    data: DataRecord
    identity: Identity
    settings: dict[str, Any]
    """The effective `model` and `train` sections of the parameters."""
    segments: tuple[Segment, ...]

    _from_before_versions = model_validator(mode="before")(with_identity)

    @property
    def seconds(self) -> float:
        """Wall-clock time of the whole run, evaluations included."""
        return sum(segment.seconds for segment in self.segments)

    @property
    def energy_joules(self) -> float | None:
        """Of the whole run; None if any stretch of it was not measured."""
        energies = [segment.energy_joules for segment in self.segments]
        return sum(energy for energy in energies if energy) if energies and all(energies) else None

    @property
    def images_per_second(self) -> float | None:
        """Images trained on per second of training iterations, evaluations left out."""
        seconds = sum(segment.training_seconds for segment in self.segments)
        return self.iteration * int(self.settings["train"]["batch_size"]) / seconds if seconds else None


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
        UserError: the file is absent or its columns or cells are not a history's.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.reader(file)
            if tuple(next(reader, ())) != HistoryRow._fields:
                raise UserError(f"{path}: the columns are not {', '.join(HistoryRow._fields)}")
            return [
                HistoryRow(
                    int(cells[0]),
                    *(float(cell) for cell in cells[1:5]),
                    *(float(cell) if cell else None for cell in cells[5:7]),
                )
                for cells in reader
            ]
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, TypeError) as error:
        raise UserError(f"{path}: not a learning curve: {error}") from error


def read_predictions(path: Path) -> NDArray[np.uint8] | None:
    """Read `test_predictions.npy`: uint8 (N, 2), the true and the predicted class of every test image.

    The images are in canonical order, so that runs are paired without the data. None if the file's
    array is of another shape or type, as earlier versions wrote it.

    Raises:
        UserError: the file is absent or not an array.
    """
    try:
        held = np.load(path, allow_pickle=False)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (ValueError, EOFError) as error:
        raise UserError(f"{path}: not an array of predictions: {error}") from error
    return held if held.dtype == np.uint8 and held.ndim == 2 and held.shape[1] == 2 and len(held) else None
