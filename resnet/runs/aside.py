"""Results of other settings, data or version are moved aside and come back when they are asked for: none is deleted.

A seed's folders move to `.aside/<identity>/seed-<k>` in the folder that each lies in, by rename. The moves of one
start are written down before the first of them, and a start that finds such a list carries it to its end: a kill
leaves no seed whose files are of two runs. The folder is hidden: the report, DVC and Git do not look into it.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import string
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import chain, count
from pathlib import Path
from typing import NamedTuple

from resnet.errors import UserError
from resnet.files import PARTIAL, sync_folder, write_text
from resnet.results import DamagedFile, Identity, TrainingRecord
from resnet.runs.folders import Folders
from resnet.runs.results import Results
from resnet.training.checkpoint import is_checkpoint_of, previous, read_header

ASIDE = ".aside"
UNIDENTIFIED = "unidentified"
"""Stands for the identity of files that cannot be read, or that do not say whose they are."""

Move = tuple[Path, Path]
"""A file or a folder, and where it goes: to a name that nothing has, or that an earlier move of the list frees."""


class Arrangement(NamedTuple):
    """What must move before a seed can train in its folders."""

    moves: list[Move]
    source: Folders
    """Where the run's own files, and no others that matter to it, lie before the moves."""
    lines: list[str]
    """What is moved and where to, for people."""
    replaces: bool
    """Whether results or a checkpoint of another identity are in the way: those move only when that is asked for."""
    damage: DamagedFile | None = None
    """What is wrong with the run's own finished results: it trains again."""


def label(identity: Identity) -> str:
    """The name of what lies aside of an identity; sums that are no sums, which a file may hold, are never a path."""
    sums = identity.configuration[:12] + identity.data[:6]
    if len(sums) < 18 or not set(sums) <= set(string.hexdigits):
        return UNIDENTIFIED
    return f"{identity.configuration[:12]}-{identity.data[:6]}-v{identity.version}"


def arrange(results: Results) -> Arrangement:
    """Plan the moves that a run needs; nothing is moved yet."""
    folders, own = results.folders, label(results.identity)
    record, checkpoint = _record_label(folders), _checkpoint_label(results)
    damage = results.damage() if record == own else None
    finished = record == own and results.finished_record() is not None
    source, replaces = folders, False
    moves: list[Move] = []
    lines: list[str] = []
    if record is None and checkpoint is None:
        # Weights alone: a kill right before the first record, or files from elsewhere.
        foreign = UNIDENTIFIED if folders.weights_file.exists() else None
    else:
        foreign = next((made_by for made_by in (record, checkpoint) if made_by not in (None, own)), None)
        replaces = foreign is not None and not finished
    if damage is not None:
        aside = _free(folders, own)
        moves += _whole(folders, aside)
        lines.append(f"not complete: {damage}: it trains again, what is there is moved aside to {moves[0][1]}")
        source, replaces = folders._replace(results=aside.results), False
        if checkpoint == own:
            moves += _checkpoints(aside, folders)
    elif foreign is not None:
        aside = _free(folders, foreign)
        if record == own:
            moves += _checkpoints(folders, aside)
            lines.append(f"a checkpoint that it cannot go on from is moved aside to {aside.checkpoint_file}")
        else:
            moves += _whole(folders, aside)
            lines.append(f"other results are moved aside to {moves[0][1]}")
            source = folders._replace(results=aside.results)  # nothing is there yet: no record
            if checkpoint == own:
                moves += _checkpoints(aside, folders)
    if not finished and checkpoint != own and (earlier := _lying_aside(results)) is not None:
        if not moves or (record == own and damage is None):
            # What is left in place is of no use to the run: a record without its checkpoint, or less.
            moves += _whole(folders, _free(folders, record or UNIDENTIFIED))
        moves += _whole(earlier, folders)
        lines.append(f"its earlier results are taken back from {earlier.results}")
        source = earlier
    return Arrangement(moves, source, lines, replaces, damage)


def carry_out(out: Path, moves: Sequence[Move], parents: Iterable[Path]) -> None:
    """Do the moves, all or, after a kill, all at the next start; the caller holds `out`."""
    if moves:
        base = out.resolve()
        pairs = [[os.path.relpath(path.parent.resolve() / path.name, base) for path in move] for move in moves]
        write_text(_list_file(out), json.dumps(pairs, indent=2) + "\n")
        finish_moves(out, parents)


def finish_moves(out: Path, parents: Iterable[Path] = ()) -> None:
    """Carry the moves to their end that a kill interrupted, if there are any; the caller holds `out`.

    Args:
        out: the net's folder of results, with the list.
        parents: the other folders that its seeds' folders are in.

    Raises:
        UserError: the list of moves cannot be read, or it leads out of the net's folders; nothing moves.
    """
    path, base = _list_file(out), out.resolve()
    if not path.exists():
        return
    try:
        moves = [(base / source, base / to) for source, to in json.loads(path.read_bytes())]
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{path}: not a list of moves ({error})") from error
    homes = {base, *(parent.resolve() for parent in parents)}
    for each in chain.from_iterable(moves):
        if not any(each.parent.resolve().is_relative_to(home) for home in homes):
            raise UserError(f"{path}: not a list of moves ({each} is outside the net's folders)")
    for source, to in moves:
        # A name that is taken says that its move is done: it was free when the list was made.
        if os.path.lexists(source) and not _taken(to):
            to.parent.mkdir(parents=True, exist_ok=True)
            _rename(source, to)
            sync_folder(to.parent)
            sync_folder(source.parent)
    path.unlink()
    sync_folder(path.parent)
    for folder in chain.from_iterable(source.parents[:2] for source, _ in moves):
        if ASIDE in folder.parts[-2:]:
            with suppress(OSError):  # it still holds other seeds
                folder.rmdir()


def _rename(source: Path, to: Path) -> None:
    """Rename; across file systems copy whole, and then remove."""
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
    else:
        shutil.copy2(source, copy, follow_symlinks=False)
    copy.rename(to)
    if source.is_dir():
        shutil.rmtree(source)
    else:
        source.unlink()


def _list_file(out: Path) -> Path:
    return out / ASIDE / "moves.json"


def _taken(path: Path) -> bool:
    """Whether a name holds anything; a rename replaces an empty folder."""
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


def _aside(folders: Folders, name: str) -> Folders:
    return Folders(*(folder.parent / ASIDE / name / folder.name for folder in folders))


def _free(folders: Folders, name: str) -> Folders:
    """Where a seed's folders go under an identity; under `<identity>.2` and so on where that one lies there already."""
    names = chain([name], (f"{name}.{number}" for number in count(2)))
    places = (_aside(folders, each) for each in names)
    return next(place for place in places if not any(map(os.path.lexists, place)))


def _checkpoints(source: Folders, to: Folders) -> list[Move]:
    """The moves of a checkpoint and of the one before it, as far as they are there."""
    pair = source.checkpoint_file, to.checkpoint_file
    return [pair, (previous(pair[0]), previous(pair[1]))]


def _whole(source: Folders, to: Folders) -> list[Move]:
    """The moves of all that lies in a seed's folders, which may be one folder."""
    return [move for move in dict.fromkeys(zip(source, to, strict=True)) if _taken(move[0])]


def _lying_aside(results: Results) -> Folders | None:
    """Where this very run lies aside, finished or furthest; None where that is nowhere."""
    name = label(results.identity)
    parents = [folder.parent / ASIDE for folder in results.folders]
    names = {entry.name for parent in parents for entry in (*parent.glob(name), *parent.glob(f"{name}.*"))}
    best, fewest = None, results.settings.train.iterations
    for place in (_aside(results.folders, each) for each in sorted(names)):
        there = results._replace(folders=place)
        finished = _record_label(place) == name and there.finished_record() is not None
        left = -1 if finished else there.iterations_left()
        if left < fewest:
            best, fewest = place, left
    return best
