"""Results of other settings, data or version move to `.aside/<identity>/seed-<k>`, and come back with their settings.

Each of a seed's folders moves by one rename, below the folder that it is in. The folder of results goes last and comes
back first, so that it says where the others belong: what a kill has parted, the next start puts together again.
A run that comes back is found by what its files say, not by a name. Nothing is deleted. The report, DVC and Git do not
look into the hidden folder.
"""

from __future__ import annotations

import os
import shutil
from itertools import count
from pathlib import Path
from typing import NamedTuple

from resnet.errors import UserError
from resnet.files import sha256_of, sync_folder
from resnet.results import Identity, TrainingRecord
from resnet.runs.folders import Folders
from resnet.runs.results import Results
from resnet.training.checkpoint import previous

UNIDENTIFIED = "unidentified"
"""In place of the identity of files without a record that can be read."""

Moves = list[tuple[Path, Path]]
"""Files or folders, and where each goes."""


class Arrangement(NamedTuple):
    """What must move before a seed can train in its folders."""

    moves: Moves
    iterations_left: int | None
    """What the run has to do after the moves; None if it is complete."""
    lines: tuple[str, ...] = ()
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
    """Plan the moves that a run needs; nothing moves yet."""
    folders, all_iterations = results.folders, results.settings.train.iterations
    found = _record_label(folders)
    left: int | None = results.iterations_left()
    usable, own = left != all_iterations, found in (None, label(results.identity))
    ended, damage = results.ended()
    if ended and not damage:
        return Arrangement([], None)
    if own and not ended and usable:
        return Arrangement([], left)
    # What is there is of no use to the run, but for a checkpoint with a record that does not fit.
    place = _unused(folders, found or UNIDENTIFIED)
    back, taken_back, obstacle = _checkpoints(place, folders), "", ""
    if not usable:
        back, left = _earlier(results)
        taken_back = f"its earlier results are taken back from {back[0][0]}" if back else ""
    files = folders.weights_file, *(file for file, _ in _checkpoints(folders, place))
    if own and not (ended or back or any(file.exists() for file in files)):
        return Arrangement([], left)
    shown = next((to for source, to in _whole(folders, place) if _is_filled(source)), None)
    moved = f"other results are moved aside to {shown}" if shown else ""
    if damage:
        moved = f"not complete: {damage}: it trains again, what is there is moved aside to {shown}"
    if damage and os.path.lexists(folders.weights_file):  # a fresh clone has none: training makes them
        obstacle = f"{damage}: bring it back (git checkout, dvc checkout)"
    elif not usable and any(file.exists() for file in files[1:]):
        obstacle = f"{files[1]}: not a checkpoint of these settings, data and version: bring that back"
    lines = tuple(line for line in (moved, taken_back) if line)
    return Arrangement([*reversed(_whole(folders, place)), *back], left, lines, obstacle)


def _earlier(results: Results) -> tuple[Moves, int | None]:
    """The moves that take this very run back, finished or furthest, and its iterations left; None if it is finished."""
    best: Moves = []
    fewest = results.settings.train.iterations
    for place in _places(results.folders):
        there = results._replace(folders=place)
        ended, damage = there.ended()
        if ended and not damage:
            return _whole(place, results.folders), None
        if (left := there.iterations_left()) < fewest:
            whole = not ended and _record_label(place) in (None, label(results.identity))
            best, fewest = (_whole if whole else _checkpoints)(place, results.folders), left
    return best, fewest


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
