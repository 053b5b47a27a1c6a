"""How far a plan is, from its result files and locks alone, on one screen: PyTorch is not loaded.

A run writes `metrics.json` whenever it saves a checkpoint, so the files say how far each is and how fast it went. The
lock of a seed's folder says whether a process trains there, on this machine or wherever the file system's locks reach.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from resnet.errors import one_line
from resnet.files import is_locked
from resnet.params import Params, Settings
from resnet.results import TrainingRecord
from resnet.results.consistency import RunFiles
from resnet.results.iteration_time import NetLeft, nets_left
from resnet.results.plan_runs import ENDED, Key, first_damage, read_plan_runs
from resnet.runs.folders import seed_folders
from resnet.training.recipe import VERSION

State = Literal["done", "running", "stopped", "not begun", "diverged"]
SECONDS_BETWEEN_LOOKS = 2.0


@dataclass(frozen=True)
class SeedStatus:
    """How far one seed of a net is."""

    seed: int
    state: State
    iteration: int
    """Iterations saved: a running seed may be further by as many as there are between two checkpoints."""
    images_per_second: float | None
    """Of its last stretch by the clock, evaluations included; None before its first checkpoint."""
    seconds_left: float | None
    """Of a running seed since its last checkpoint, by its own speed or else by that of its net."""


@dataclass(frozen=True)
class NetStatus:
    """How far one net of the plan is."""

    name: str
    iterations: int
    """Planned, of each seed."""
    seeds: tuple[SeedStatus, ...]
    hours_left: float | None
    """Hours of one device for what no seed has saved; None if nothing says how fast the net is."""

    def count(self, state: State) -> int:
        return sum(seed.state == state for seed in self.seeds)

    @property
    def ended(self) -> int:
        """Seeds that have run to their end, done or diverged."""
        return sum(seed.state in ENDED for seed in self.seeds)

    @property
    def complete(self) -> bool:
        return self.ended == len(self.seeds)


@dataclass(frozen=True)
class PlanStatus:
    """How far a plan is."""

    nets: tuple[NetStatus, ...]
    notes: tuple[str, ...]
    """What is in the folders and does not count, with the reason; printable lines."""

    @property
    def complete(self) -> bool:
        return all(net.complete for net in self.nets)

    @property
    def hours_left(self) -> float | None:
        """Hours of one device; None if that of a net is not known."""
        known = [net.hours_left for net in self.nets if net.hours_left is not None]
        return sum(known) if len(known) == len(self.nets) else None

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self) | {"complete": self.complete, "hours_left": self.hours_left}


def plan_status(params: Params, runs: Path, checkpoints: Path | None = None) -> PlanStatus:
    """Look how far a plan is.

    Args:
        params: the plan.
        runs: the folder of result files, with `train/<net>/seed-<k>`, `forecast` and `throughput`.
        checkpoints: of the folders `<net>/seed-<k>` with checkpoints [they are with the results].

    Raises:
        DamagedFile: a measurement that says how fast a net is cannot be read.
    """
    counted, not_counted = read_plan_runs(params, runs, VERSION)
    usable: dict[Key, RunFiles] = {}
    for key, run in counted.items():
        damage = first_damage(run) if run.record.status in ENDED else None
        if damage is None:
            usable[key] = run
        elif (damage.path, damage.problem) not in not_counted:
            not_counted.append((damage.path, damage.problem))
    left = nets_left(params, runs, usable)
    folders = {name: (runs / "train" / name, (checkpoints or runs / "train") / name) for name in params.models}
    nets = [_net(params.settings(name), *folders[name], usable, left[name]) for name in params.models]
    moved = sorted(path for name in params.models for path in (runs / "train" / name).glob(".aside/*/*"))
    not_counted += [(path, "set aside, of other settings, data or version") for path in moved]
    return PlanStatus(tuple(nets), tuple(one_line(f"{path}: {reason}") for path, reason in not_counted))


def _net(settings: Settings, out: Path, saved: Path, usable: dict[Key, RunFiles], left: NetLeft) -> NetStatus:
    seeds, recipe = [], settings.train
    for seed in recipe.seed_list:
        run = usable.get((settings.name, seed))
        iteration, speed = (run.record.iteration, _speed(run.record)) if run else (0, None)
        folders, seconds_left = seed_folders(out, seed, checkpoints=saved), None
        # A checkpoint with a record that does not count is of that record's run.
        begun = run or (folders.checkpoint_file.exists() and not folders.metrics_file.exists())
        state: State = "stopped" if begun else "not begun"
        if run and run.record.status in ENDED:
            state = "done" if run.record.status == "done" else "diverged"
        elif is_locked(folders.results):
            state = "running"
            seconds = recipe.batch_size / speed if speed else left.time and left.time.seconds
            seconds_left = seconds and seconds * (recipe.iterations - iteration)
        seeds.append(SeedStatus(seed, state, iteration, speed, seconds_left))
    return NetStatus(settings.name, recipe.iterations, tuple(seeds), left.hours)


def _speed(record: TrainingRecord) -> float | None:
    """Images/s of a run's last stretch by the clock; None if there is none yet."""
    if not record.segments or not record.segments[-1].seconds:
        return None
    last = record.segments[-1]
    done = last.last_iteration - last.first_iteration
    return done * int(record.settings["train"]["batch_size"]) / last.seconds


def screen(plan: PlanStatus, last_line: str = "") -> RenderableType:
    """The whole plan: its nets, the seeds that are begun and not done, and what is not the plan's."""
    shown = [state for state in get_args(State) if state != "diverged" or any(net.count(state) for net in plan.nets)]
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


def watch_plan(look: Callable[[], PlanStatus], console: Console) -> None:
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
