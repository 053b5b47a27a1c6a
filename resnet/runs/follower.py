"""What a process other than the first does where several train one net: its part of all iterations, and no file."""

from __future__ import annotations

from pathlib import Path

from resnet.data import Data
from resnet.errors import UserError
from resnet.params import Settings
from resnet.results import Identity, Status, TrainingRecord
from resnet.runs.folders import seed_folders
from resnet.runs.run import Run, train_side_by_side
from resnet.system import Machine
from resnet.training.distributed import Processes


class Follower(Run):
    """This process's part of a run whose files are the first process's."""

    def _evaluate(self, machine: Machine) -> None:
        pass

    def save(self) -> None:
        """Leave it to the first process."""

    def finish(self, status: Status) -> TrainingRecord | None:
        """Leave the results to the first process."""
        self.segment.end()
        del self.trainer
        return None


def follow(
    settings: Settings,
    data: Data,
    out: Path,
    machine: Machine,
    processes: Processes,
    *,
    weights: Path | None = None,
    checkpoints: Path | None = None,
) -> None:
    """Train what the first process finds unfinished, one seed after the other, as `train_seeds` does there.

    Raises:
        UserError: here settings, data, version or precision are others than there.
        Interrupted: a signal asked one of the processes to stop.
    """
    told: tuple[list[int], Identity] = processes.from_main(None)
    seeds, identity = told
    for seed in seeds:
        part = Follower(settings, seed, data, seed_folders(out, seed, weights, checkpoints), machine, processes)
        if part.identity != identity:
            raise UserError(
                f"process {processes.rank} ({machine.device}, {machine.precision}) has other settings, data, version "
                "or precision than the first one"
            )
        train_side_by_side([part], [lambda progress, learning_rate: None])
