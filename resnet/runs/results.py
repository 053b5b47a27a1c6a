"""What a run has left in its folders: whether it has ended, whether its files are whole, and how far it is."""

from __future__ import annotations

from typing import NamedTuple

from resnet.params import Settings
from resnet.results import DamagedFile, Identity, TrainingRecord
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

    def ended(self, *, cloned: bool = False) -> tuple[TrainingRecord | None, DamagedFile | None]:
        """The record if this run has ended, and what is wrong with its first file that is not what it has left.

        In a clone the weights may be absent.
        """
        try:
            record = TrainingRecord.read(self.folders.metrics_file)
        except DamagedFile:
            return None, None
        if record.identity != self.identity or record.status not in ENDED:
            return None, None
        try:
            weights = None if cloned else self.folders.weights_file
            return record, first_damage(read_run(self.folders.results), weights)
        except DamagedFile as error:
            return record, error

    def take_over(self) -> TrainingRecord | None:
        """The record if the run is complete, under the name that the plan now has for it.

        The run's checkpoint goes if a kill right after the results were written has left one.
        """
        record, damage = self.ended()
        if record is None or damage is not None:
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
