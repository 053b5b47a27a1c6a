"""Commands in processes of their own that start at once: copies of this one, which has loaded everything."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.context import ForkProcess
from pathlib import Path

PATIENCE = 300.0
"""Seconds after which a command counts as hung."""


class Process(ForkProcess):
    """A call in a copy of this process, which has started no threads; in a folder, its output in a file.

    Args:
        call: what it does.
        folder: where.
        output: the file that holds its standard output and error.
    """

    def __init__(self, call: Callable[[], object], folder: Path, output: Path) -> None:
        super().__init__()
        self.call, self.folder, self.output = call, folder, output
        self.start()

    def run(self) -> None:
        """Do it, in a process group of its own."""
        os.setsid()
        os.chdir(self.folder)
        descriptor = os.open(self.output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        self.call()

    def end(self) -> int | None:
        """Wait for its exit code, negative for a signal; None if it has hung, and then it is killed."""
        self.join(PATIENCE)
        code = self.exitcode
        if code is None:
            self.send(signal.SIGKILL)
            self.join()
        return code

    def send(self, number: int) -> None:
        """Send a signal to the process and to all that it has started."""
        assert self.pid is not None
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def printed(self) -> str:
        """What it has printed."""
        return self.output.read_text("utf-8", "replace") if self.output.exists() else ""


def resnet(*arguments: object) -> Callable[[], object]:
    """The command `resnet` with these arguments, for `Process`."""

    def call() -> None:
        from resnet.cli import main

        sys.argv = ["resnet", *map(str, arguments)]
        main()

    return call
