"""A plan's status on one screen."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from resnet.runs.status import PlanStatus, State

STATES: tuple[State, ...] = ("done", "running", "stopped", "not begun", "diverged")
SECONDS_BETWEEN_LOOKS = 2.0


def screen(plan: PlanStatus, last_line: str = "") -> RenderableType:
    """The whole plan: its nets, the seeds that are begun and not done, and what is not the plan's."""
    shown = [state for state in STATES if state != "diverged" or any(net.count(state) for net in plan.nets)]
    nets = _table("net", "iterations", *shown, "hours left")
    for net in plan.nets:
        counts = [str(net.count(state) or "") for state in shown]
        nets.add_row(net.name, f"{net.iterations:,}", *counts, _number(net.hours_left))
    nets.add_section()
    counts = [str(sum(net.count(state) for net in plan.nets)) for state in shown]
    nets.add_row("all", "", *counts, _number(plan.hours_left))
    runs = _table("run", "state", "iteration", "images/s", "hours left")
    for net in plan.nets:
        for seed in net.seeds:
            if seed.state in ("running", "stopped"):
                left = None if seed.seconds_left is None else seed.seconds_left / 3600
                speed = "" if seed.images_per_second is None else f"{seed.images_per_second:,.0f}"
                done = f"{seed.iteration:,} of {net.iterations:,}"
                hours = _number(left) if seed.state == "running" else ""
                runs.add_row(f"{net.name} seed {seed.seed}", seed.state, done, speed, hours)
    lines = [Text(line, overflow="fold") for line in (*plan.notes, last_line) if line]
    return Group(nets, *([runs] if runs.rows else []), *lines)


def _table(first: str, *headings: str) -> Table:
    table = Table()
    table.add_column(first, no_wrap=True)
    for heading in headings:
        table.add_column(heading, justify="right")
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
