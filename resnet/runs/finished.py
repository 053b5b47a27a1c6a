"""The files of a run that has ended: named by their digests in its record, and held against it later."""

from __future__ import annotations

from pathlib import Path

from resnet.nets.layers import describe
from resnet.params import Settings
from resnet.records import HISTORY, PREDICTIONS, WEIGHTS, DamagedFile, Status, StoredFile, StoredName, TrainingRecord
from resnet.records.consistency import read_run
from resnet.records.weights import check_weights
from resnet.runs.folders import Folders


def left_files(folders: Folders, status: Status) -> dict[StoredName, StoredFile]:
    """What a run of this status has left beside its record; nothing while it goes on."""
    if status not in ("done", "diverged"):
        return {}
    left: dict[StoredName, Path] = {WEIGHTS: folders.weights_file, HISTORY: folders.history_file}
    if status == "done":
        left[PREDICTIONS] = folders.predictions_file
    return {name: StoredFile.describe(path) for name, path in left.items()}


def first_damage(record: TrainingRecord, folders: Folders, settings: Settings) -> DamagedFile | None:
    """Give what is wrong with the first file of an ended run that is missing or not what the run has left.

    Weights from before there were digests are held against the net's layers.
    """
    written = record.files.get(WEIGHTS)
    try:
        files = read_run(folders.results)
        damaged = [*files.damaged, *(DamagedFile(folders.results / name, "missing") for name in files.missing)]
        if damaged:
            return damaged[0]
        if written is not None:
            written.check(folders.weights_file)
        else:
            layers = describe(settings, len(record.data.classes)).layers
            check_weights(folders.weights_file, layers, finite=record.status == "done")
    except DamagedFile as error:
        return error
    return None
