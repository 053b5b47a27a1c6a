"""Files that are complete or absent, whatever happens while they are written, and folders that one process holds."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

import psutil

from resnet.errors import UserError

PARTIAL = ".partial"
HOST = "".join(character for character in platform.node() if character.isalnum())[:40]
"""Of this machine, in the names of temporary files: only its own processes can be seen to be dead."""
SECONDS_BETWEEN_TRIES = 0.1


class BusyError(UserError):
    """Another process holds the folder."""


def expanded(path: str | Path) -> Path:
    """Put the user's home folder in the place of a leading `~`.

    Raises:
        UserError: the home folder is not known.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise UserError(f"{path}: no home folder is known here: write the path in full") from error


@contextmanager
def complete_or_absent(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; put it in place, durably, when the block ends well.

    The temporary file is flushed to the disk before it takes the name and the folder is flushed
    after, so that a crash at any moment leaves the earlier file or the new one, never a part.
    An exception in the block removes the temporary file and leaves `path` as it was. What a killed
    process left of the same file goes as well.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for leftover in path.parent.glob(_escaped(f".{path.name}.") + f"*{PARTIAL}"):
        if _is_dead(leftover):
            with suppress(OSError):
                leftover.unlink()
    partial = path.with_name(f".{path.name}.{HOST}-{os.getpid()}{PARTIAL}")
    try:
        yield partial
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        # Some writers make private files: give this one the permissions of any other.
        os.umask(umask := os.umask(0))
        partial.chmod(0o666 & ~umask)
        os.replace(partial, path)
    finally:
        with suppress(OSError):  # a folder that is gone, a disk that fails: the first error counts
            partial.unlink(missing_ok=True)
    sync_folder(path.parent)


def _escaped(name: str) -> str:
    return "".join(f"[{character}]" if character in "*?[" else character for character in name)


def _is_dead(partial: Path) -> bool:
    """Whether a temporary file is of a process of this machine that is gone."""
    host, _, number = partial.name.removesuffix(PARTIAL).rpartition(".")[2].rpartition("-")
    return host == HOST and number.isdecimal() and len(number) < 10 and not psutil.pid_exists(int(number))


def remove_partials(folder: Path) -> None:
    """Remove what killed processes left half-written in a folder; the caller holds it, so nobody else writes there."""
    for leftover in folder.glob(f".*{PARTIAL}"):
        with suppress(OSError):
            if leftover.is_file():
                leftover.unlink()


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries to the disk, so that a rename in it outlives a crash.

    Where the system cannot (Windows, some network file systems), a rename is whole all the same; only a loss of
    power right after it may undo it.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return  # Windows opens no folder
    try:
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(value: object) -> str:
    """SHA-256 (hex) of a value as the JSON that a file would hold."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, complete or absent."""
    with complete_or_absent(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")


@contextmanager
def locked(folder: Path, work: str = "training into this folder", *, wait: bool = False) -> Iterator[None]:
    """Keep a folder for this process alone; it is made if need be.

    The lock is the folder's own: it leaves no file, and it ends with the process, however that ends. A file system
    without locks lets everyone in, which a line says once.

    Args:
        folder: what others may not lock.
        work: what is done there, for the line that another process is at it.
        wait: wait for a process that has it, and say so.

    Raises:
        BusyError: another process has it, and this one does not wait.
        OSError: the folder cannot be made or opened.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if fcntl is None:  # Windows locks and opens no folders
        _say_once(_without_locks(folder, work))
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if not _take(descriptor, folder, work):
            if not wait:
                raise BusyError(f"{folder}: another run is {work}")
            print(f"{folder}: waiting for another process to finish {work}", file=sys.stderr)
            while not _take(descriptor, folder, work):
                time.sleep(SECONDS_BETWEEN_TRIES)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def locked_file(path: Path, work: str, *, patience: float = 30.0) -> Iterator[None]:
    """Lock a file that is there for its lock alone, and wait for a process that has it.

    Args:
        path: the file; it is made if need be.
        work: what is done, for the line that another process is at it.
        patience: seconds before that line: a process that takes this long may be suspended.
    """
    with path.open("ab") as file:
        began, said = time.monotonic(), False
        while not _take(file.fileno(), path, work):
            if not said and time.monotonic() - began > patience:
                said = True
                print(f"{path}: waiting for another process at {work}; is one suspended?", file=sys.stderr)
            time.sleep(SECONDS_BETWEEN_TRIES)
        yield


def is_locked(folder: Path) -> bool | None:
    """Whether a process has locked a folder by `locked`; None if that cannot be known here."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return None
    try:
        return not _lock(descriptor)
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Lock a file or a folder until it is closed; False if another process has it.

    Raises:
        OSError: there are no locks here.
    """
    if fcntl is None:
        raise OSError("this Python has no locks")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _take(descriptor: int, place: Path, work: str) -> bool:
    """Try a lock once; if there are none here, say so once, and go on."""
    try:
        return _lock(descriptor)
    except OSError:
        _say_once(_without_locks(place, work))
        return True


def _without_locks(place: Path, work: str) -> str:
    return f"{place}: a file system without locks: nothing keeps another process from {work} at the same time"


@cache
def _say_once(line: str) -> None:
    print(line, file=sys.stderr)
