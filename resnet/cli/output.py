"""Standard output and error that outlive a closed terminal, a broken pipe and a terminal of few characters."""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from typing_extensions import Buffer

CLOSED = (errno.EPIPE, errno.EIO, errno.ENXIO)
"""What writing to a pipe without a reader, or to a terminal that is gone, raises."""


def outlive_terminal() -> None:
    """Go on when the terminal is closed, as under `nohup`: for commands that train, which Ctrl-C and SIGTERM end."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


class _Lasting(io.FileIO):
    """A file descriptor that takes everything: from its first error on nothing is written, and nothing is raised."""

    failure: OSError | None = None

    def write(self, data: Buffer, /) -> int:
        while self.failure is None:
            try:
                written = super().write(data)
            except OSError as error:
                self.failure = error
            else:
                if written is not None:
                    return written
                os.set_blocking(self.fileno(), True)  # somebody has made the terminal non-blocking
        return memoryview(data).nbytes


class Output:
    """The process's standard output and error, replaced: a training of hours must not end because nobody looks."""

    def __init__(self) -> None:
        sys.stdout, self._standard = _replaced(sys.stdout, 1)
        sys.stderr, _ = _replaced(sys.stderr, 2)

    def lost(self) -> OSError | None:
        """Why results that should have been printed were not; None if all were, or if the reader has left."""
        sys.stdout.flush()
        failure = self._standard.failure
        return None if failure is None or failure.errno in CLOSED else failure


def _replaced(stream: TextIO | None, number: int) -> tuple[io.TextIOWrapper, _Lasting]:
    # Without a stream the process was started with the descriptor closed.
    raw = _Lasting(os.devnull if stream is None else number, "w", closefd=stream is None)
    encoding, lines = getattr(stream, "encoding", None) or "utf-8", number == 2 or raw.isatty()
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding, "backslashreplace", line_buffering=lines), raw
