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
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]
try:
    import msvcrt
except ImportError:  # everywhere else
    msvcrt = None  # type: ignore[assignment]

import psutil

from resnet.errors import UserError

PARTIAL = ".partial"
HOST = "".join(character for character in platform.node() if character.isalnum())[:40]
"""Of this machine, in the names of temporary files: only its own processes can be seen to be dead."""
SECONDS_BETWEEN_TRIES = 0.1


class BusyError(UserError):
    """Another process holds the folder."""


BUSY = (BlockingIOError, PermissionError)
"""What an attempt at a lock raises where another process has it: the second on Windows and some file systems."""


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
    """Hold a folder for this process alone; it is made if need be.

    The lock is the folder's own: it leaves no file, and it ends with the process, however that ends. Windows
    locks no folders, so there it is that of a file `.lock` in it. A file system without locks lets everyone in,
    which is said.

    Args:
        folder: what to hold.
        work: what is done there, for the line that another process is at it.
        wait: wait for a process that holds it, and say so.

    Raises:
        BusyError: another process holds it, and this one does not wait.
        OSError: the folder cannot be made or opened.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY) if fcntl else os.open(folder / ".lock", os.O_RDWR | os.O_CREAT)
    try:
        if not _held(descriptor, folder, work):
            if not wait:
                raise BusyError(f"{folder}: another run is {work}")
            print(f"{folder}: waiting for another process to finish {work}", file=sys.stderr)
            while not _held(descriptor, folder, work):
                time.sleep(SECONDS_BETWEEN_TRIES)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def locked_file(path: Path, work: str, *, patience: float = 30.0) -> Iterator[None]:
    """Hold a file that is there for its lock alone, as `locked` holds a folder; wait for whoever has it.

    Args:
        path: the file; it is made if need be.
        work: what is done, for the line that another process is at it.
        patience: seconds before that line: a holder that stands still this long may be suspended.
    """
    with path.open("ab") as file:
        began, told = time.monotonic(), False
        while not _held(file.fileno(), path, work):
            if not told and time.monotonic() - began > patience:
                told = True
                print(f"{path}: waiting for another process at {work}; is one suspended?", file=sys.stderr)
            time.sleep(SECONDS_BETWEEN_TRIES)
        yield


def is_locked(folder: Path) -> bool | None:
    """Whether a process holds a folder by `locked`; None where that cannot be known here."""
    try:
        descriptor = os.open(folder if fcntl else folder / ".lock", os.O_RDONLY if fcntl else os.O_RDWR)
    except OSError:
        return None
    try:
        _lock(descriptor)
    except BUSY:
        return True
    except OSError:
        return None
    else:
        return False
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    """Lock a file or a folder until it is closed.

    Raises:
        BUSY: another process has it.
        OSError: there are no locks here.
    """
    if fcntl is not None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    elif msvcrt is not None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        raise OSError("this Python has no locks")


_told: set[str] = set()


def _held(descriptor: int, place: Path, work: str) -> bool:
    """Try a lock once; where there are none, say so once, and go on."""
    try:
        _lock(descriptor)
    except BUSY:
        return False
    except OSError:
        line = f"{place}: a file system without locks: nothing keeps another process from {work} at the same time"
        if line not in _told:
            _told.add(line)
            print(line, file=sys.stderr)
    return True
