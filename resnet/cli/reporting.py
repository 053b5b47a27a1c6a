"""Commands that read result files alone; PyTorch is never loaded."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from resnet import printing
from resnet.cli.options import (
    DEFAULT_PARAMS,
    Format,
    FormatOption,
    ParamsOption,
    RunsOption,
    SetOption,
    print_json,
    read_params,
)
from resnet.errors import UserError
from resnet.params import Params


def report(
    runs: RunsOption = Path("runs"),
    out: Annotated[Path, typer.Option(help="Folder for summary.md, figures and tables.")] = Path("reports"),
    readme: Annotated[
        Path | None, typer.Option(help="Another file, in which to put the headline between that folder's markers.")
    ] = None,
    params: ParamsOption = DEFAULT_PARAMS,
    set_: SetOption = None,
) -> None:
    """Rebuild the tables, the figures and summary.md from result files alone; without parameters, of what is there."""
    from resnet.report import build
    from resnet.training.recipe import VERSION

    plan = read_params(params, set_)
    if not plan.models and params == DEFAULT_PARAMS and not params.exists():
        plan = _with_nets_of(runs, plan)
    print(build(plan, runs, out, readme, VERSION, params.parent))


def _with_nets_of(runs: Path, plan: Params) -> Params:
    """The plan with the nets that results themselves hold, where there are no parameters."""
    from resnet.report.folder import plan_of

    there = plan_of(runs)
    if not there.models:
        raise UserError(
            f"no {DEFAULT_PARAMS} here, and no results in {runs} (train/NET/seed-K/metrics.json, throughput/NET.json): "
            "go to the folder of a plan, or give --params and --runs"
        )
    print(
        f"no {DEFAULT_PARAMS} here: the plan is that of the results in {runs}: {', '.join(there.models)}",
        file=sys.stderr,
    )
    return plan.model_copy(update={"models": there.models, "data": there.data})


def check(
    folders: Annotated[
        list[Path] | None, typer.Argument(metavar="[FOLDER]...", help="Of plans, each with params.yaml [.].")
    ] = None,
) -> None:
    """Verify results: every record, digest, file of weights, prediction, curve, checkpoint and prepared data set."""
    from resnet.runs.check import check as check_results

    checked = check_results(folders or [Path()])
    for line in checked.lines:
        print(line)
    print(printing.check_line(checked.counts, len(checked.problems)))
    if checked.problems:
        raise typer.Exit(1)


def status(
    runs: RunsOption = Path("runs"),
    checkpoints: Annotated[
        Path | None, typer.Option(help="Folder for NET/seed-K/checkpoint.safetensors [RUNS/train].")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Look again and again until the plan is complete.")] = False,
    params: ParamsOption = DEFAULT_PARAMS,
    set_: SetOption = None,
    format_: FormatOption = Format.table,
) -> None:
    """Show how far the plan is: done, running, stopped, not begun, and the hours left."""
    from resnet.runs.status import plan_status, screen, watch_plan

    plan = read_params(params, set_)
    if watch and format_ is Format.json:
        raise UserError("--watch is for people: leave out --format json, or ask again")
    if watch:
        watch_plan(lambda: plan_status(plan, runs, checkpoints), Console())
    elif format_ is Format.json:
        print_json(plan_status(plan, runs, checkpoints).as_json())
    else:
        Console().print(screen(plan_status(plan, runs, checkpoints)))
