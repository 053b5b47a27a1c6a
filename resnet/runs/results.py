"""Where a run's files are, which run's they are, and the way of other runs' files out of them and back.

What a run's numbers depend on is its identity: its settings, its data, and the version of what an iteration computes.
A checkpoint goes on only under the identity that it was made with, and a finished run counts as the plan's if its
identity is the plan's. The code itself decides nothing: `training/recipe.py` says when its results change (`VERSION`),
and golden trajectories (`tests/training/test_trajectories.py`) hold it to that.

Results of other settings, data or version move to `.aside/<identity>/seed-<k>`, and come back with their settings.
Each of a seed's folders moves by one rename, below the folder that it is in. The folder of results goes last and comes
back first, so that it says where the others belong: what a kill has parted, the next start puts together again.
A run that comes back is found by what its files say, not by a name. Nothing is deleted. The report, DVC and Git do not
look into the hidden folder.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import NamedTuple

from resnet.errors import UserError
from resnet.files import sha256_of, sync_folder
from resnet.params import Settings
from resnet.params.bearing import configuration
from resnet.results import DamagedFile, DataRecord, Identity, TrainingRecord
from resnet.results.consistency import read_run
from resnet.results.plan_runs import ENDED, first_damage
from resnet.training.checkpoint import iterations_saved, previous, remove_checkpoints
from resnet.training.recipe import VERSION

UNIDENTIFIED = "unidentified"
"""In place of the identity of files without a record that can be read."""

Moves = list[tuple[Path, Path]]
"""Files or folders, and where each goes."""


class Folders(NamedTuple):
    """The folders of a seed, which may be one."""

    results: Path
    """`metrics.json`, `history.csv` and `test_predictions.npy`: uint8 (images, 2), the label and the prediction
    of each test image in canonical order."""
    weights: Path
    """`model.safetensors`, of the last iterate."""
    checkpoint: Path
    """`checkpoint.safetensors`, while the run goes on."""

    @property
    def metrics_file(self) -> Path:
        return self.results / "metrics.json"

    @property
    def weights_file(self) -> Path:
        return self.weights / "model.safetensors"

    @property
    def checkpoint_file(self) -> Path:
        return self.checkpoint / "checkpoint.safetensors"


def seed_folders(out: Path, seed: int, weights: Path | None = None, checkpoints: Path | None = None) -> Folders:
    """The folders of one seed: `seed-<k>` below each of the three, which are `out` unless they are given."""
    name = f"seed-{seed}"
    return Folders(out / name, (weights or out) / name, (checkpoints or out) / name)


def identity(settings: Settings, data: DataRecord, precision: str) -> Identity:
    """The identity of a run of these settings; `precision` is the one that `auto` came to."""
    return Identity(
        configuration=configuration(settings.net, settings.depth, settings.model, settings.train, precision),
        data=data.digest,
        version=VERSION,
    )


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
        if iterations_saved(self.folders.checkpoint_file, self.identity):
            remove_checkpoints(self.folders.checkpoint_file)
        if record.name != self.settings.name:
            record = record.model_copy(update={"name": self.settings.name})
            record.write(self.folders.metrics_file)
        return record

    def iterations_left(self, *, cloned: bool = False) -> int:
        """What the run still has to do from its last checkpoint, if it can go on from one; 0 if it is complete."""
        record, damage = self.ended(cloned=cloned)
        if record is not None and damage is None:
            return 0
        return self.settings.train.iterations - iterations_saved(self.folders.checkpoint_file, self.identity)


class Arrangement(NamedTuple):
    """What must move before a seed can train in its folders."""

    moves: Moves
    iterations_left: int
    """What the run has to do after the moves; 0 if it is complete."""
    lines: Sequence[str] = ()
    """What moves, for people."""
    obstacle: str = ""
    """What must not move unless a user says so: damaged results, or a checkpoint that the run cannot go on from."""


def label(identity: Identity) -> str:
    """The name of an identity's folder: a digest, whatever a file gives as its identity."""
    return sha256_of(identity.model_dump())[:16]


def reunite(folders: Folders) -> None:
    """Put together what a kill between two renames has parted; the caller has the seed's lock."""
    name = _record_label(folders)
    for place in _places(folders):
        if place.results.parent.name.split(".")[0] == name != UNIDENTIFIED and not _is_filled(place.results):
            carry_out([move for move in _whole(place, folders) if not _is_filled(move[1])])


def arrange(results: Results) -> Arrangement:
    """Plan the moves that a run needs; nothing moves yet.

    The run, finished or furthest, may be in its folders or in any place to which its folders have moved.
    """
    here, everything, own = results.folders, results.settings.train.iterations, (None, label(results.identity))
    (record, damage), left = results.ended(), results.iterations_left()
    in_place, usable = record is None and _record_label(here) in own, left < everything
    if left == 0 or (in_place and usable):
        return Arrangement([], left)
    place, back, taken_back = _unused(here, _record_label(here) or UNIDENTIFIED), list[tuple[Path, Path]](), ""
    if usable:
        back = _checkpoints(place, here)
    elif others := [results._replace(folders=other) for other in _places(here)]:
        best = min(others, key=Results.iterations_left)
        if (left := best.iterations_left()) < everything:
            back = (_whole if _record_label(best.folders) in own else _checkpoints)(best.folders, here)
            taken_back = f"its earlier results are taken back from {back[0][0]}"
    files = here.weights_file, *(file for file, _ in _checkpoints(here, place))
    if in_place and not back and not any(file.exists() for file in files):
        return Arrangement([], left)
    shown = next((to for source, to in _whole(here, place) if _is_filled(source)), None)
    moved, obstacle = f"other results are moved aside to {shown}" if shown else "", ""
    if damage:
        moved = f"not complete: {damage}: it trains again, what is there is moved aside to {shown}"
    if damage and os.path.lexists(here.weights_file):  # a fresh clone has none: training makes them
        obstacle = f"{damage}: bring it back (git checkout, dvc checkout)"
    elif not usable and any(file.exists() for file in files[1:]):
        obstacle = f"{files[1]}: not a checkpoint of these settings, data and version: bring that back"
    lines = [line for line in (moved, taken_back) if line]
    return Arrangement([*reversed(_whole(here, place)), *back], left, lines, obstacle)


def carry_out(moves: Moves) -> None:
    """Do the moves whose sources are there; the caller has the seed's lock.

    Raises:
        OSError: a name is taken, or the system does not permit a move.
    """
    for source, to in moves:
        if _is_filled(source):
            to.parent.mkdir(parents=True, exist_ok=True)
            if to.is_dir():
                to.rmdir()  # an empty folder takes no name
            shutil.move(source, to)  # copies what the system cannot rename, as a folder in a layer of an image
            sync_folder(to.parent)
            sync_folder(source.parent)


def _is_filled(path: Path) -> bool:
    """Whether a name has anything: an empty folder has nothing."""
    return any(path.iterdir()) if path.is_dir() else os.path.lexists(path)


def _record_label(folders: Folders) -> str | None:
    if not folders.metrics_file.exists():
        return None
    try:
        return label(TrainingRecord.read(folders.metrics_file).identity)
    except UserError:
        return UNIDENTIFIED


def _place(folders: Folders, name: str) -> Folders:
    return Folders(*(folder.parent / ".aside" / name / folder.name for folder in folders))


def _places(folders: Folders) -> list[Folders]:
    """Where runs of the seed are set aside."""
    names = {entry.parent.name for folder in folders for entry in folder.parent.glob(f".aside/*/{folder.name}")}
    return [_place(folders, name) for name in sorted(names)]


def _unused(folders: Folders, name: str) -> Folders:
    """Where a seed's folders can go under a name; under `<name>.2` and so on if that is taken."""
    places = (_place(folders, name if number == 1 else f"{name}.{number}") for number in count(1))
    return next(place for place in places if not any(map(_is_filled, place)))


def _checkpoints(source: Folders, to: Folders) -> Moves:
    """The moves of a checkpoint and of the one before it."""
    pair = source.checkpoint_file, to.checkpoint_file
    return [pair, (previous(pair[0]), previous(pair[1]))]


def _whole(source: Folders, to: Folders) -> Moves:
    """The moves of a seed's folders, which may be one, results first."""
    return list(dict.fromkeys(zip(source, to, strict=True)))
