"""The command `resnet`: one command per stage, the same ones that dvc.yaml calls.

Heavy imports are inside the commands: `resnet --help` answers at once, and `resnet report` never
loads PyTorch.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from resnet import __version__, threads
from resnet.cli import making, measuring, reporting
from resnet.errors import UserError

COMMANDS = (
    making.data,
    measuring.describe,
    making.train,
    measuring.evaluate,
    measuring.published,
    measuring.responses,
    measuring.throughput,
    measuring.latency,
    making.forecast,
    making.plan,
    reporting.status,
    making.adopt,
    making.sweep,
    reporting.report,
)
"""In the order of `resnet --help`."""

app = typer.Typer(
    help="The ResNet depth experiment on CIFAR-10: He et al., CVPR 2016, section 4.2.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in COMMANDS:
    app.command()(command)


def _version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line: a user's mistake is one line on standard error and exit code 1."""
    threads.settle()
    try:
        app()
    except UserError as error:
        print(f"resnet: {error}", file=sys.stderr)
        sys.exit(1)
