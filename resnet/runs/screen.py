"""A plan's status on one screen."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from resnet.runs.status import NetStatus, PlanStatus, SeedStatus, State

STATES: tuple[State, ...] = ("done", "running", "stopped", "not begun", "diverged")
SECONDS_BETWEEN_LOOKS = 2.0


def screen(plan: PlanStatus, last_line: str = "") -> RenderableType:
    """The whole plan: its nets, the seeds that are begun and not done, and what is not the plan's."""
    begun = [(net, seed) for net in plan.nets for seed in net.seeds if seed.state in ("running", "stopped")]
    tables = [_nets_table(plan), *([_seeds_table(begun)] if begun else [])]
    return Group(*tables, *(Text(line, overflow="fold") for line in (*plan.notes, last_line) if line))


def _nets_table(plan: PlanStatus) -> Table:
    shown = [state for state in STATES if state != "diverged" or any(net.count(state) for net in plan.nets)]
    table = Table()
    table.add_column("net", no_wrap=True)
    for heading in ("iterations", *shown, "hours left"):
        table.add_column(heading, justify="right")
    for net in plan.nets:
        counts = [str(net.count(state) or "") for state in shown]
        table.add_row(net.name, f"{net.iterations:,}", *counts, _number(net.hours_left))
    table.add_section()
    counts = [str(sum(net.count(state) for net in plan.nets)) for state in shown]
    table.add_row("all", "", *counts, _number(plan.hours_left))
    return table


def _seeds_table(begun: list[tuple[NetStatus, SeedStatus]]) -> Table:
    table = Table()
    for heading in ("run", "state", "iteration", "images/s", "hours left"):
        table.add_column(heading, justify="left" if heading in ("run", "state") else "right")
    for net, seed in begun:
        left = None if seed.seconds_left is None else seed.seconds_left / 3600
        table.add_row(
            f"{net.name} seed {seed.seed}",
            seed.state,
            f"{seed.iteration:,} of {net.iterations:,}",
            "" if seed.images_per_second is None else f"{seed.images_per_second:,.0f}",
            _number(left) if seed.state == "running" else "",
        )
    return table


def _number(hours: float | None) -> str:
    return "?" if hours is None else f"{hours:,.2f}"


def watch(look: Callable[[], PlanStatus], console: Console) -> None:
    """Show the status again and again until the plan is complete or the user has seen enough; a file has the last."""
    try:
        with Live(console=console, auto_refresh=False) as live:
            while True:
                plan = look()
                live.update(screen(plan), refresh=True)
                if plan.complete:
                    return
                time.sleep(SECONDS_BETWEEN_LOOKS)
    finally:
        if not console.is_terminal:
            console.line()  # Rich ends the last line on a terminal alone
