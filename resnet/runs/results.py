"""What a run has left in its folders: whether it has ended, whether its files are whole, and how far it is."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from resnet.errors import UserError
from resnet.nets.layers import describe
from resnet.params import Settings
from resnet.results import (
    HISTORY,
    PREDICTIONS,
    WEIGHTS,
    DamagedFile,
    Identity,
    Status,
    StoredFile,
    StoredName,
    TrainingRecord,
)
from resnet.results.consistency import read_run
from resnet.results.weights import check_weights
from resnet.runs.folders import Folders
from resnet.training.checkpoint import iterations_saved, remove_checkpoints


class Results(NamedTuple):
    """What lies in a run's folders, as far as it is this very run's."""

    settings: Settings
    """What holds for its net."""
    identity: Identity
    """Files of another one are another run's."""
    folders: Folders

    def ended_record(self) -> TrainingRecord | None:
        """The record if the run has ended, whatever has become of its other files."""
        if not self.folders.metrics_file.exists():
            return None
        record = TrainingRecord.read(self.folders.metrics_file)
        ended = record.status in ("done", "diverged") and record.identity == self.identity
        return record if ended else None

    def damage(self) -> DamagedFile | None:
        """What is wrong with the first file of the ended run that is missing or not what it has left.

        Weights from before there were digests are held against the net's layers.
        """
        record = self.ended_record()
        if record is None:
            return None
        try:
            files = read_run(self.folders.results)
            damaged = [*files.damaged, *(DamagedFile(files.folder / name, "missing") for name in files.missing)]
            if damaged:
                return damaged[0]
            if WEIGHTS in record.files:
                record.files[WEIGHTS].check(self.folders.weights_file)
            else:
                layers = describe(self.settings, len(record.data.classes)).layers
                check_weights(self.folders.weights_file, layers, finite=record.status == "done")
        except DamagedFile as error:
            return error
        return None

    def finished_record(self) -> TrainingRecord | None:
        """The record if the run is complete: all its files are there, and are those it left."""
        record = self.ended_record()
        return record if record is not None and self.damage() is None else None

    def take_over(self) -> TrainingRecord | None:
        """The record if the run is complete, made this run's own.

        It takes the run's name, since a plan may call anew what the identity stands for, and the
        checkpoint goes that a kill right after the results were written leaves.
        """
        record = self.finished_record()
        if record is None:
            return None
        remove_checkpoints(self.folders.checkpoint_file)
        if record.name != self.settings.name:
            record = record.model_copy(update={"name": self.settings.name})
            record.write(self.folders.metrics_file)
        return record

    def iterations_left(self) -> int:
        """What the run still has to do once its last checkpoint, if it can continue it, is taken up."""
        return self.settings.train.iterations - iterations_saved(self.folders.checkpoint_file, self.identity)

    def iterations_reported(self) -> int | None:
        """How far the record says that the run has come: it is written after every checkpoint."""
        try:
            record = TrainingRecord.read(self.folders.metrics_file)
        except UserError:
            return None
        return record.iteration if record.identity == self.identity else None

    def files(self, status: Status) -> dict[StoredName, StoredFile]:
        """What a run of this status has left beside its record; nothing while it goes on."""
        if status not in ("done", "diverged"):
            return {}
        left: dict[StoredName, Path] = {WEIGHTS: self.folders.weights_file, HISTORY: self.folders.history_file}
        if status == "done":
            left[PREDICTIONS] = self.folders.predictions_file
        return {name: StoredFile.describe(path) for name, path in left.items()}
