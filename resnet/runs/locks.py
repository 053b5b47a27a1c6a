"""A lock per seed: processes train different seeds of one net into the same folder, and no seed twice.

A seed's lock is that of its folder `out/seed-<k>`. It is taken, and the folder moved, only while `out` itself is held,
which takes milliseconds: training holds its seeds' locks alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from resnet.errors import UserError
from resnet.files import is_locked, locked

PATIENCE = 1.0
"""Seconds for which a seed's lock is tried: whoever only looks whether it is held has it for a moment."""
ARRANGING = "arranging the runs in it"
"""What is done while `out` is held."""


class SeedLocks:
    """The locks of some seeds' folders, held until the block ends or the process does.

    Args:
        folders: `out/seed-<k>` of each seed.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        self.folders = tuple(folders)
        self._stack = ExitStack()
        self._held: list[Path] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def take(self) -> None:
        """Take all locks, anew where they are held: a folder that took another's name has a lock of its own.

        The caller holds `out`.

        Raises:
            UserError: another process trains one of the seeds.
        """
        self._stack.close()
        self._held.clear()
        for folder in self.folders:
            self._take(folder)
            self._held.append(folder)

    def _take(self, folder: Path) -> None:
        began = time.monotonic()
        while True:
            try:
                self._stack.enter_context(locked(folder, "training this seed"))
                return
            except UserError:
                if time.monotonic() - began > PATIENCE:
                    raise
                time.sleep(PATIENCE / 20)

    def leave_no_empty_folder(self) -> None:
        """Remove what `take` made, where nothing was put into it; the caller holds `out`."""
        for folder in self._held:
            with suppress(OSError):
                folder.rmdir()


def is_training(folder: Path) -> bool:
    """Whether a process trains in a seed's folder; where locks cannot be looked at, it is taken that none does."""
    return is_locked(folder) is True
