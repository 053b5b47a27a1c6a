"""Commands in processes of their own that start at once: copies of this one, which has loaded everything."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

PATIENCE = 300.0
"""Seconds after which a command counts as hung."""


class Process:
    """A call in a copy of this process, which has started no threads, in a folder, its output in a file.

    Args:
        call: what it does.
        folder: where.
        output: the file that standard output and error are appended to.
    """

    def __init__(self, call: Callable[[], object], folder: Path, output: Path) -> None:
        self.began = time.monotonic()
        self.output, self.mark = output, output.stat().st_size if output.exists() else 0
        sys.stdout.flush()
        sys.stderr.flush()
        self.number = os.fork()
        if self.number == 0:
            _become(call, folder, output)

    def wait(self, seconds: float = PATIENCE) -> int | None:
        """The exit code, negative for a signal; None after so many seconds, and then the process is killed."""
        end = self.began + seconds
        while time.monotonic() < end:
            code = self.ended()
            if code is not None:
                return code
            time.sleep(0.005)
        self.send(signal.SIGKILL)
        os.waitpid(self.number, 0)
        return None

    def ended(self) -> int | None:
        """The exit code, or None while it runs."""
        number, status = os.waitpid(self.number, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if number else None

    def send(self, number: int) -> None:
        """Send a signal to the process and to all that it has started."""
        with suppress(ProcessLookupError):
            os.killpg(self.number, number)

    def printed(self) -> str:
        """What it has printed."""
        return self.output.read_bytes()[self.mark :].decode("utf-8", "replace")


def _become(call: Callable[[], object], folder: Path, output: Path) -> None:
    code: object = 1
    try:
        os.setsid()
        os.chdir(folder)
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        call()
        code = 0
    except SystemExit as exit_:
        code = exit_.code
    except BaseException:
        with suppress(BaseException):
            traceback.print_exc()
    finally:
        with suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)


def resnet(*arguments: object) -> Callable[[], object]:
    """The command `resnet` with these arguments, for `Process`."""

    def call() -> None:
        from resnet.cli import main

        sys.argv = ["resnet", *map(str, arguments)]
        sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
        main()

    return call
