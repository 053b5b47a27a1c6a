"""Folders of the user's: their paths, and one process at a time in them."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from resnet.errors import UserError


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
def locked(folder: Path, work: str) -> Iterator[None]:
    """Hold a folder for this process alone; wait for another process that holds it, and say so.

    The lock is the folder's own: it leaves no file, and it ends with the process, however that ends. A file
    system without locks lets everyone in, which is said.

    Args:
        folder: what to hold; it exists.
        work: what is done there, for the line that says so.

    Raises:
        OSError: the folder cannot be opened.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"{folder}: waiting for another process to finish {work}", file=sys.stderr)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError:
            print(f"{folder}: a file system without locks: {work} must not run twice at once", file=sys.stderr)
        yield
    finally:
        os.close(descriptor)
