"""Commands that read result files alone; PyTorch is never loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from resnet import printing
from resnet.cli.options import DEFAULT_PARAMS, ParamsOption, SetOption, read_params


def report(
    runs: Annotated[Path, typer.Option(help="Folder of result files.")] = Path("runs"),
    out: Annotated[Path, typer.Option(help="Folder for summary.md, figures and tables.")] = Path("reports"),
    readme: Annotated[
        Path | None, typer.Option(help="A file beside that folder, in which to put the headline between its markers.")
    ] = None,
    params: ParamsOption = DEFAULT_PARAMS,
    set_: SetOption = None,
) -> None:
    """Rebuild the tables, the figures and summary.md from result files alone."""
    from resnet.report import build

    print(build(read_params(params, set_), runs, out, readme))


def check(
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="[PATH]...", help="Folders of results, or single files [.].")
    ] = None,
) -> None:
    """Verify results: every record, digest, file of weights, prediction, curve, checkpoint and prepared data set."""
    from resnet.runs.check import check as check_results

    checked = check_results(paths or [Path()])
    for path, what in checked.problems:
        print(f"{path}: {what}")
    print(printing.check_line(checked.counts, len(checked.problems)))
    if checked.problems:
        raise typer.Exit(1)
