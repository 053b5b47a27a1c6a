"""Commands that read result files alone; PyTorch is never loaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from resnet.cli import options


def report(
    runs: options.Runs = Path("runs"),
    out: Annotated[Path, typer.Option(help="Folder for summary.md, figures and tables.")] = Path("reports"),
    readme: Annotated[Path | None, typer.Option(help="A file with markers to put the headline between.")] = None,
    params: options.ParamsFile = options.DEFAULT_PARAMS,
    set_: options.Assignments = None,
) -> None:
    """Rebuild the tables, the figures and summary.md from result files alone."""
    from resnet.report import build
    from resnet.training.recipe import VERSION

    print(build(options.read_params(params, set_), runs, out, readme, VERSION, params.parent))


def check(
    folders: Annotated[list[Path] | None, typer.Argument(help="Of plans, each with params.yaml [.].")] = None,
) -> None:
    """Verify results: every record, digest, file of weights, prediction, curve, checkpoint and prepared data set."""
    from resnet.runs.check import check as check_results

    checked = check_results(folders or [Path()])
    for line in checked.lines:
        print(line)
    looked_at = ", ".join(f"{count:,} {kind}" for kind, count in checked.counts.items() if count) or "no results"
    problems = len(checked.problems)
    outcome = {0: "all is well", 1: "1 problem"}.get(problems, f"{problems:,} problems")
    print(f"checked {looked_at}: {outcome}")
    if problems:
        raise typer.Exit(1)


def status(
    runs: options.Runs = Path("runs"),
    watch: Annotated[bool, typer.Option("--watch", help="Look again and again until the plan is complete.")] = False,
    params: options.ParamsFile = options.DEFAULT_PARAMS,
    set_: options.Assignments = None,
    format_: options.Format = "table",
) -> None:
    """Show how far the plan is: done, running, stopped, not begun, and the hours left."""
    from resnet.runs.status import plan_status, screen, watch_plan

    plan = options.read_params(params, set_)
    if format_ == "json":
        print(json.dumps(plan_status(plan, runs).as_json(), indent=2))
    elif watch:
        watch_plan(lambda: plan_status(plan, runs), Console())
    else:
        Console().print(screen(plan_status(plan, runs)))


COMMANDS = (status, report, check)
