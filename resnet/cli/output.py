"""Standard output and error that outlive a closed terminal, a broken pipe and a terminal of few characters."""

from __future__ import annotations

import errno
import io
import os
import select
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from typing_extensions import Buffer

CLOSED = (errno.EPIPE, errno.EIO, errno.ENXIO)
"""What writing to a pipe without a reader, or to a terminal that is gone, raises."""


def outlive_terminal() -> None:
    """Go on when the terminal is closed, as under `nohup`: for commands that train, which Ctrl-C and SIGTERM end."""
    if hasattr(signal, "SIGHUP"):  # Windows has none
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


class _Lasting(io.FileIO):
    """A file descriptor that takes everything: from its first error on nothing is written, and nothing is raised."""

    failure: OSError | None = None

    def write(self, data: Buffer, /) -> int:
        size = memoryview(data).nbytes
        while self.failure is None:
            try:
                written = super().write(data)
            except OSError as error:
                self.failure = error
                break
            if written is not None:
                return written
            select.select([], [self], [], 1.0)  # somebody has made the terminal non-blocking
        return size


class Output:
    """The process's standard output and error, replaced while a command runs.

    A training of hours must not end because nobody looks any more. What a terminal cannot show is printed as
    escapes.
    """

    def __init__(self) -> None:
        sys.stdout, self.standard = _replaced(sys.stdout, 1)
        sys.stderr, _ = _replaced(sys.stderr, 2)

    def lost(self) -> OSError | None:
        """Why results that should have been printed were not; None where all were, or where the reader has left."""
        with suppress(OSError, ValueError):
            sys.stdout.flush()
        failure = self.standard.failure if self.standard is not None else None
        return None if failure is None or failure.errno in CLOSED else failure


def _replaced(stream: TextIO | None, number: int) -> tuple[io.TextIOWrapper, _Lasting | None]:
    if stream is None:  # the process was started with the descriptor closed
        return open(os.devnull, "w", encoding="utf-8"), None
    with suppress(OSError, ValueError):
        stream.flush()
    raw = _Lasting(number, "w", closefd=False)
    encoding = getattr(stream, "encoding", None) or "utf-8"
    wrapper = io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=encoding,
        errors="backslashreplace",
        line_buffering=number == 2 or raw.isatty(),
    )
    return wrapper, raw
