"""Commands that read result files alone; PyTorch is never loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
