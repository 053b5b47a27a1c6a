"""Files that are complete or absent, whatever happens while they are written, and names that one process locks."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from glob import escape
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from resnet.errors import UserError

PARTIAL = ".partial"
HOST = "".join(character for character in platform.node() if character.isalnum())[:40]
"""Of this machine, in the names of temporary files: only its own processes can be seen to be dead."""
PATIENCE = 1.0
"""Seconds for which a lock is tried: a process that only looks whether it is free has it for a moment."""
WITHOUT_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP)
"""Errors of a file system that has no locks."""


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

    A crash at any moment leaves the earlier file or the new one, never a part; so does an exception in the block.
    What a killed process left of the same file goes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for leftover in path.parent.glob(f".{escape(path.name)}.{HOST}-*{PARTIAL}"):
        if not psutil.pid_exists(int(leftover.stem.rpartition("-")[2])):
            leftover.unlink(missing_ok=True)
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


def remove_partials(folder: Path) -> None:
    """Remove what killed processes left half-written in a folder; the caller has its lock: nobody else writes there."""
    for leftover in folder.glob(f".*{PARTIAL}"):
        leftover.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries to the disk, so that a rename in it outlives a loss of power."""
    with suppress(OSError):  # some network file systems cannot
        descriptor = os.open(folder, os.O_RDONLY)
        try:
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
def locked(path: Path, work: str, *, wait: bool = False) -> Iterator[None]:
    """Lock the name of a file or a folder for this process alone, whatever is there or is moved there.

    The lock is a file `.<name>.lock` in the same folder. The kernel frees it when the process ends, however that ends.
    A file system without locks lets every process in, which a line says once.

    Args:
        path: what others may not lock.
        work: what this process does there, for the lines.
        wait: wait for a process that has the lock, and say so.

    Raises:
        UserError: another process has the lock, and this one does not wait.
        OSError: the system does not permit the lock.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = _lock_of(path)
    try:
        lock.acquire(timeout=PATIENCE)
    except Timeout as error:
        _check_permitted(lock)
        if not wait:
            raise UserError(f"{path}: another run is {work}") from error
        print(f"{path}: waiting for another process to finish {work}", file=sys.stderr)
        lock.acquire()
    except OSError as error:
        if error.errno not in WITHOUT_LOCKS:
            raise
        say_once(f"{path}: a file system without locks: nothing keeps another process from {work} at the same time")
    try:
        yield
    finally:
        _free(lock)


def is_locked(path: Path) -> bool:
    """Whether a process has locked a name by `locked`; False if that cannot be known here."""
    lock = _lock_of(path)
    try:
        if os.path.exists(lock.lock_file):
            lock.acquire(timeout=0)
            _free(lock)
    except OSError as error:
        return isinstance(error, Timeout)
    return False


def _lock_of(path: Path) -> FileLock:
    return FileLock(path.with_name(f".{path.name}.lock"), fallback_to_soft=False)


def _free(lock: FileLock) -> None:
    """Remove the lock's file, then free it: a process that waits for a removed file takes a new one."""
    if lock.is_locked:
        with suppress(OSError):
            os.unlink(lock.lock_file)
    lock.release()


def _check_permitted(lock: FileLock) -> None:
    """Raise what forbids a lock for ever, which `filelock` takes for another process that has it."""
    with suppress(BlockingIOError, FileNotFoundError), open(lock.lock_file, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@cache
def say_once(line: str) -> None:
    """Print a line on standard error, once in a process."""
    print(line, file=sys.stderr)
