"""Results of other settings, data or version move to `.aside/<identity>/seed-<k>`, and come back with their settings.

Each of a seed's folders moves by one rename, below the folder that it is in. The folder of results goes last and comes
back first, so that it says where the others belong: what a kill has parted, the next start puts together again.
Nothing is deleted. The report, DVC and Git do not look into the hidden folder.
"""

from __future__ import annotations

import errno
import os
import shutil
import string
from collections.abc import Iterator
from itertools import chain, count
from pathlib import Path
from typing import NamedTuple

from resnet.errors import UserError
from resnet.files import PARTIAL, sync_folder
from resnet.results import DamagedFile, Identity, TrainingRecord
from resnet.runs.folders import Folders
from resnet.runs.results import Results
from resnet.training.checkpoint import is_checkpoint_of, previous, read_header

ASIDE = ".aside"
UNIDENTIFIED = "unidentified"
"""In place of the identity of files that cannot be read, or that do not say which run has made them."""

Move = tuple[Path, Path]
"""A file or a folder, and where it goes."""


class Arrangement(NamedTuple):
    """What must move before a seed can train in its folders."""

    moves: list[Move]
    iterations_left: int | None
    """What the run has to do after the moves; None if it is complete."""
    lines: list[str]
    """What moves, for people."""
    replaces: bool
    """Whether results or a checkpoint of another identity are in the way."""
    damage: DamagedFile | None
    """What is wrong with the run's own finished results: it trains again."""


def label(identity: Identity) -> str:
    """The name of an identity's folder; digests that are none, which a file may have, are never a path."""
    digests = identity.configuration[:12] + identity.data[:6]
    if len(digests) < 18 or not set(digests) <= set(string.hexdigits):
        return UNIDENTIFIED
    return f"{identity.configuration[:12]}-{identity.data[:6]}-v{identity.version}"


def reunite(results: Results) -> None:
    """Put together what a kill between two renames has parted; the caller has the seed's lock."""
    name = _record_label(results.folders)
    for place in _places(results.folders, name) if name not in (None, UNIDENTIFIED) else ():
        if not os.path.lexists(place.results):
            carry_out([move for move in _whole(place, results.folders) if not _is_filled(move[1])])


def arrange(results: Results) -> Arrangement:
    """Plan the moves that a run needs; nothing moves yet."""
    folders, own = results.folders, label(results.identity)
    record, checkpoint = _record_label(folders), _checkpoint_label(results)
    damage = results.damage() if record == own else None
    finished = record == own and results.finished_record() is not None
    # Weights alone are from elsewhere, or from a run that was killed right before its first record.
    present = record or checkpoint or (UNIDENTIFIED if folders.weights_file.exists() else None)
    earlier, left = None, None if finished else results.iterations_left()
    if not finished and checkpoint != own:
        earlier, left = _earlier(results)
    moves: list[Move] = []
    lines: list[str] = []
    if checkpoint is not None and (damage is not None or record not in (None, checkpoint)):
        place = _unused(folders, checkpoint)
        moves += _checkpoints(folders, place)
        if checkpoint == own:
            earlier = place
        else:
            lines.append(f"a checkpoint that it cannot go on from is moved aside to {place.checkpoint_file}")
    if damage is not None or earlier is not None or present not in (None, own):
        # What is there is of no use to the run. If an earlier one comes back: a record without its checkpoint, or less.
        place = _unused(folders, f"{own}.damaged" if damage is not None else present or UNIDENTIFIED)
        moves += reversed(_whole(folders, place))
        shown = next((to for source, to in _whole(folders, place) if _is_filled(source)), None)
        if damage is not None:
            lines.append(f"not complete: {damage}: it trains again, what is there is moved aside to {shown}")
        elif present not in (None, own):
            lines.append(f"other results are moved aside to {shown}")
    if earlier is not None:
        moves += _whole(earlier, folders)
        if checkpoint != own:
            lines.append(f"its earlier results are taken back from {earlier.results}")
    replaces = not finished and any(name not in (None, own) for name in (record, checkpoint))
    return Arrangement(moves, left, lines, replaces, damage)


def carry_out(moves: list[Move]) -> None:
    """Do the moves whose sources are there; the caller has the seed's lock.

    Raises:
        OSError: a name is taken, or the system does not permit a move.
    """
    for source, to in moves:
        if _is_filled(source):
            to.parent.mkdir(parents=True, exist_ok=True)
            _rename(source, to)
            sync_folder(to.parent)
            sync_folder(source.parent)


def _rename(source: Path, to: Path) -> None:
    """Rename; if the system cannot, across file systems and layers of images, copy whole and then remove."""
    try:
        source.rename(to)
        return
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
    copy = to.with_name(f".{to.name}{PARTIAL}")
    if copy.is_dir():  # of a start that was killed
        shutil.rmtree(copy)
    if source.is_dir():
        shutil.copytree(source, copy, symlinks=True)
        copy.rename(to)
        shutil.rmtree(source)
    else:
        shutil.copy2(source, copy, follow_symlinks=False)
        copy.rename(to)
        source.unlink()


def _is_filled(path: Path) -> bool:
    """Whether a name has anything; a rename replaces an empty folder."""
    return any(path.iterdir()) if path.is_dir() else os.path.lexists(path)


def _record_label(folders: Folders) -> str | None:
    if not folders.metrics_file.exists():
        return None
    try:
        return label(TrainingRecord.read(folders.metrics_file).identity)
    except UserError:
        return UNIDENTIFIED


def _checkpoint_label(results: Results) -> str | None:
    path, own = results.folders.checkpoint_file, results.identity
    generations = [file for file in (path, previous(path)) if file.exists()]
    if any(is_checkpoint_of(file, own) for file in generations):
        return label(own)
    if not generations:
        return None
    try:
        made_by = read_header(generations[0]).identity
    except UserError:
        return UNIDENTIFIED
    # A checkpoint of this identity that the run cannot go on from is damaged.
    return UNIDENTIFIED if made_by == own else label(made_by)


def _place(folders: Folders, name: str) -> Folders:
    return Folders(*(folder.parent / ASIDE / name / folder.name for folder in folders))


def _places(folders: Folders, name: str) -> list[Folders]:
    """Where runs of an identity may be: under its name, and under `<name>.2` and so on."""
    parents = [folder.parent / ASIDE for folder in folders]
    names = {entry.name for parent in parents for entry in (*parent.glob(name), *parent.glob(f"{name}.*"))}
    return [_place(folders, each) for each in sorted(names)]


def _unused(folders: Folders, name: str) -> Folders:
    """Where a seed's folders can go under a name; under `<name>.2` and so on if that is taken."""
    names: Iterator[str] = chain([name], (f"{name}.{number}" for number in count(2)))
    return next(place for place in (_place(folders, each) for each in names) if not any(map(os.path.lexists, place)))


def _checkpoints(source: Folders, to: Folders) -> list[Move]:
    """The moves of a checkpoint and, first, of the one before it, which the run can do without."""
    pair = source.checkpoint_file, to.checkpoint_file
    return [(previous(pair[0]), previous(pair[1])), pair]


def _whole(source: Folders, to: Folders) -> list[Move]:
    """The moves of a seed's folders, which may be one, results first."""
    return list(dict.fromkeys(zip(source, to, strict=True)))


def _earlier(results: Results) -> tuple[Folders | None, int | None]:
    """Where this very run is set aside, finished or furthest, and its iterations left; None if it is finished."""
    own, best, fewest = label(results.identity), None, results.settings.train.iterations
    for place in _places(results.folders, own):
        there = results._replace(folders=place)
        if _record_label(place) == own and there.ended_record() is not None:
            if there.damage() is None:
                return place, None
        elif (left := there.iterations_left()) < fewest:
            best, fewest = place, left
    return best, fewest
