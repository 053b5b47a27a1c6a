"""What a run has left in its folders: whether it has ended, whether its files are whole, and how far it is."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

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
from resnet.results.plan_runs import ENDED, first_damage
from resnet.runs.folders import Folders
from resnet.training.checkpoint import iterations_saved, remove_checkpoints


class Results(NamedTuple):
    """The files in a run's folders, as far as they are this very run's."""

    settings: Settings
    """What holds for its net."""
    identity: Identity
    """Files of another one are another run's."""
    folders: Folders

    def own_record(self) -> TrainingRecord | None:
        """The record, if there is one of this run.

        Raises:
            UserError: the record cannot be read.
        """
        if not self.folders.metrics_file.exists():
            return None
        record = TrainingRecord.read(self.folders.metrics_file)
        return record if record.identity == self.identity else None

    def ended_record(self) -> TrainingRecord | None:
        """The record if the run has ended, whatever has become of its other files."""
        record = self.own_record()
        return record if record is not None and record.status in ENDED else None

    def damage(self) -> DamagedFile | None:
        """What is wrong with the first file of the ended run that is missing or is not what it has left."""
        record, weights = self.ended_record(), self.folders.weights_file
        if record is None:
            return None
        try:
            return first_damage(read_run(self.folders.results), weights)
        except DamagedFile as error:
            return error

    def finished_record(self) -> TrainingRecord | None:
        """The record if the run is complete: all its files are there, and are those it left."""
        record = self.ended_record()
        return record if record is not None and self.damage() is None else None

    def take_over(self) -> TrainingRecord | None:
        """The record if the run is complete, under the name that the plan now has for it.

        The run's checkpoint goes if a kill right after the results were written has left one.
        """
        record = self.finished_record()
        if record is None:
            return None
        if self.iterations_left() < self.settings.train.iterations:
            remove_checkpoints(self.folders.checkpoint_file)
        if record.name != self.settings.name:
            record = record.model_copy(update={"name": self.settings.name})
            record.write(self.folders.metrics_file)
        return record

    def iterations_left(self) -> int:
        """What the run still has to do once it has taken up its last checkpoint, if it can go on from one."""
        return self.settings.train.iterations - iterations_saved(self.folders.checkpoint_file, self.identity)

    def describe_files(self, status: Status) -> dict[StoredName, StoredFile]:
        """What a run of this status has left with its record; nothing while it goes on."""
        paths: dict[StoredName, Path] = {}
        if status in ENDED:
            paths = {WEIGHTS: self.folders.weights_file, HISTORY: self.folders.history_file}
        if status == "done":
            paths[PREDICTIONS] = self.folders.predictions_file
        return {name: StoredFile.describe(path) for name, path in paths.items()}
