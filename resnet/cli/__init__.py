"""The command `resnet`: one command per stage, the same ones that dvc.yaml calls.

Heavy imports are inside the commands: `resnet --help` answers at once, and `resnet report` never loads PyTorch.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from types import FrameType
from typing import Annotated

import typer

from resnet import __version__, threads
from resnet.cli import making, measuring, reporting
from resnet.cli.output import Output
from resnet.errors import Interrupted, explained, one_line
from resnet.files import expanded

app = typer.Typer(
    help="The ResNet depth experiment on CIFAR-10: He et al., CVPR 2016, section 4.2.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in making.COMMANDS + measuring.COMMANDS + reporting.COMMANDS:
    app.command()(command)


def _version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def _root(version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True)] = False) -> None:
    pass


def main() -> None:
    """Run the command line, whatever the terminal can show and for however long it is there."""
    output = Output()
    sys.unraisablehook = _raise_again
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # a shell's background job ignores it
        signal.signal(signal.SIGINT, _interrupt)
    status = run(sys.argv[1:])
    if (lost := output.lost()) is not None:
        print(f"resnet: standard output cannot be written ({lost.strerror})", file=sys.stderr)
        status = status or 1
    sys.exit(status)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Raise Ctrl-C, but only after an import: PyTorch's and Triton's abort, die or go on if it is raised inside."""
    if any(each.f_code.co_filename.startswith("<frozen importlib") for each, _ in traceback.walk_stack(frame)):
        _interrupt_later()
    else:
        raise KeyboardInterrupt


def _raise_again(unraisable: sys.UnraisableHookArgs) -> None:
    """Raise Ctrl-C again if it fell into a destructor, from which nothing is raised."""
    if isinstance(unraisable.exc_value, KeyboardInterrupt):
        _interrupt_later()
    else:
        sys.__unraisablehook__(unraisable)


def _interrupt_later() -> None:
    # A signal ends the main thread's waiting, which Python's own `interrupt_main` does not.
    timer = threading.Timer(0.02, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT))
    timer.daemon = True
    timer.start()


def _expanded(argument: str) -> str:
    """Put the home folder where a shell would have, had it not been quoted or behind `--out=`."""
    option, tilde, rest = argument.partition("~/")
    if tilde and (not option or (option.startswith("--") and option.endswith("=") and option != "--set=")):
        return option + str(expanded(tilde + rest))
    return argument


def run(arguments: Sequence[str]) -> int:
    """Run one command, and give its exit code: what a user can mend is one line on standard error and code 1.

    Raises:
        Exception: a defect of this program.
    """
    try:
        threads.settle()
        status = app([_expanded(argument) for argument in arguments], prog_name="resnet", standalone_mode=False) or 0
        if status == 130:  # what Typer makes of Ctrl-C
            raise KeyboardInterrupt
        return status
    except (typer.Abort, KeyboardInterrupt, Interrupted) as error:
        saved = ": a checkpoint is saved; the same command goes on from it" if isinstance(error, Interrupted) else ""
        print(f"resnet: interrupted{saved}", file=sys.stderr)
        return 130
    except Exception as error:
        usage = getattr(error, "format_message", None)  # of the command line's own errors, whichever library's
        line = explained(error) if usage is None else f"{one_line(usage())} (`resnet --help` lists what there is)"
        if line is None:
            raise
        if os.environ.get("RESNET_TRACEBACK"):  # shows where it comes from
            traceback.print_exception(error)
        print(f"resnet: {line}", file=sys.stderr)
    return 1
