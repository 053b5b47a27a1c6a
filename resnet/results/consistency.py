"""A run's files held against its record, against each other, and against those of other runs."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

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


class RunFiles(NamedTuple):
    """What is whole of a run's result files."""

    folder: Path
    record: TrainingRecord
    curve: list[HistoryRow] | None
    """None where the file is missing or damaged."""
    predictions: NDArray[np.uint8] | None
    """Likewise, or in another form."""
    damaged: list[DamagedFile]
    """Files that are not this run's, each with what is wrong."""

    @property
    def missing(self) -> list[str]:
        """Names of the files that a run of this status leaves and that are not there."""
        names = {"done": (HISTORY, PREDICTIONS), "diverged": (HISTORY,)}.get(self.record.status, ())
        return [name for name in names if not os.path.lexists(self.folder / name)]


T = TypeVar("T")


def read_run(folder: Path) -> RunFiles:
    """Read what lies in a seed's folder; what does not fit together is named and left out.

    Raises:
        DamagedFile: the record is damaged, is of another seed than the folder, or all that it can be held
            against says something else.
    """
    record = TrainingRecord.read(folder / METRICS)
    if folder.name.startswith("seed-") and folder.name != f"seed-{record.seed}":
        raise DamagedFile(folder / METRICS, f"holds seed {record.seed}, not {folder.name.removeprefix('seed-')}")
    damaged: list[DamagedFile] = []

    def read(name: StoredName, reader: Callable[[Path, TrainingRecord], T]) -> T | None:
        path, written = folder / name, record.files.get(name)
        try:
            if written is not None:
                written.check(path)
            return reader(path, record) if os.path.lexists(path) else None
        except DamagedFile as error:
            damaged.append(error)
            return None

    curve, predictions = read(HISTORY, _read_curve), read(PREDICTIONS, _read_predictions)
    contradictions = dict(_contradictions(record, curve, predictions))
    held_against = [part for part in (curve, predictions) if part is not None and record.status == "done"]
    if contradictions and len(contradictions) == len(held_against):
        name, told = next(iter(contradictions.items()))
        raise DamagedFile(folder / METRICS, f"a test error of {record.test_error} %, and {name} says {told}")
    for name, told in contradictions.items():
        damaged.append(DamagedFile(folder / name, f"says {told}, its record {record.test_error} %"))
    curve = None if HISTORY in contradictions else curve
    return RunFiles(folder, record, curve, None if PREDICTIONS in contradictions else predictions, damaged)


def _read_curve(path: Path, record: TrainingRecord) -> list[HistoryRow]:
    rows = read_history(path)
    last = rows[-1].iteration if rows else 0
    # A kill can leave the curve of a run that goes on ahead of its record.
    most = record.iterations if record.status == "interrupted" else record.iteration
    if last > most or (record.status == "done" and last < most):
        raise DamagedFile(path, f"ends at iteration {last:,}, its record at {record.iteration:,}")
    return rows


def _read_predictions(path: Path, record: TrainingRecord) -> NDArray[np.uint8] | None:
    if record.status != "done":
        return None  # of an earlier run in this folder
    pairs = read_predictions(path)
    # A sweep gives its trials the validation set in the place of the test set.
    if pairs is not None and len(pairs) not in (record.data.test_images, record.data.validation_images):
        raise DamagedFile(path, f"holds {len(pairs):,} images, the test set has {record.data.test_images:,}")
    if pairs is not None and int(pairs.max()) >= len(record.data.classes):
        raise DamagedFile(path, f"holds class {int(pairs.max())}, the data have {len(record.data.classes)}")
    return pairs


def _contradictions(
    record: TrainingRecord, curve: list[HistoryRow] | None, predictions: NDArray[np.uint8] | None
) -> Iterator[tuple[str, str]]:
    """The files of a finished run that give another final error than its record, and which."""
    if record.status != "done":
        return
    if curve:
        told = curve[-1].test_error, curve[-1].validation_error
        if told != (record.test_error, record.validation_error):
            both = " and ".join("none" if error is None else f"{error} %" for error in told)
            yield HISTORY, f"{both} (test and validation)"
    if predictions is not None:
        error = 100 * int((predictions[:, 0] != predictions[:, 1]).sum()) / len(predictions)
        if error != record.test_error:
            yield PREDICTIONS, f"{error} %"


def record_of(weights: Path) -> Path | None:
    """The record of a run's weights: beside them, or where a plan keeps it, in `runs/train` beside `weights`."""
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
    """What the record of a finished run says of its weights, be they there or not; others have none.

    Raises:
        DamagedFile: the record cannot be read.
    """
    place = record_of(weights) if weights.name == WEIGHTS else None
    return TrainingRecord.read(place).files.get(WEIGHTS) if place else None


def check_recorded(weights: Path) -> None:
    """Hold weights against what the record of their run says.

    Raises:
        DamagedFile: they are not those that it was left with, or the record cannot be read.
    """
    if (written := recorded(weights)) is not None:
        written.check(weights)


def draws(record: TrainingRecord) -> tuple[Any, ...]:
    """What a run's bits depend on: two runs that differ in it cannot be alike."""
    train = record.settings["train"]
    own = (train.get(key) for key in ("initialisation_seed", "order_seed"))
    return (record.identity, *(record.seed if seed is None else seed for seed in own))


def duplicates(runs: Sequence[RunFiles], weights: Sequence[str | None] | None = None) -> Iterator[tuple[int, str]]:
    """Find runs that hold another's result under a seed or a net of their own.

    Args:
        runs: in the order in which the earlier of two counts.
        weights: digests of their weights [those that the records name].

    Yields:
        The place of the later one, and what it shares with which.
    """
    digests = weights or [_weights_digest(run.record) for run in runs]
    seen: dict[tuple[str, Any], int] = {}
    for place, (run, digest) in enumerate(zip(runs, digests, strict=True)):
        for what, value in _results(run, digest):
            earlier = seen.setdefault((what, value), place)
            if draws(runs[earlier].record) != draws(run.record):
                yield place, f"the same {what} as {'/'.join(runs[earlier].folder.parts[-2:])}"
                break


def _weights_digest(record: TrainingRecord) -> str | None:
    stored = record.files.get(WEIGHTS)
    return stored.sha256 if stored else None


def _results(run: RunFiles, digest: str | None) -> Iterator[tuple[str, Any]]:
    """What only one run can have left. Predictions alone prove nothing: nets that never learn all say one class."""
    if run.record.status != "done":
        return
    if digest:
        yield "weights", digest
    if run.curve and run.predictions is not None:
        yield "learning curve and predictions", (run.record.identity, *run.curve, run.predictions.tobytes())


def foreign_labels(runs: Sequence[RunFiles]) -> list[int]:
    """The places of runs whose labels of the test images are not those of most runs on the same data."""
    labels = {
        place: (run.record.data.fingerprint["test"], len(run.predictions), run.predictions[:, 0].tobytes())
        for place, run in enumerate(runs)
        if run.predictions is not None
    }
    counts = Counter(labels.values())
    usual: dict[Any, Any] = {}
    for key in counts:
        usual[key[:2]] = max(usual.get(key[:2], key), key, key=counts.__getitem__)
    return [place for place, key in labels.items() if key != usual[key[:2]]]
