"""How far a plan is, from its result files and locks alone, on one screen: PyTorch is not loaded.

A run writes `metrics.json` whenever it saves a checkpoint, so the files say how far each is and how fast it went. The
lock of a seed's folder says whether a process trains there, on this machine or wherever the file system's locks reach.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from resnet.errors import one_line
from resnet.files import is_locked
from resnet.params import Params, Settings
from resnet.results.consistency import RunFiles
from resnet.results.iteration_time import NetLeft, nets_left
from resnet.results.plan_runs import ENDED, Key, read_plan_runs
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
    """Of the whole run, evaluations left out; None before its first checkpoint."""
    seconds_left: float | None
    """Of a running seed since its last checkpoint; None if nothing says how fast the net is."""


@dataclass(frozen=True)
class NetStatus:
    """How far one net of the plan is."""

    name: str
    iterations: int
    """Planned, of each seed."""
    seeds: tuple[SeedStatus, ...]
    hours_left: float | None
    """Hours of one device for what no seed has saved; None if nothing says how fast the net is."""

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


def plan_status(params: Params, runs: Path) -> PlanStatus:
    """Look how far a plan is: `runs` has `train/<net>/seed-<k>`, `forecast` and `throughput`.

    Raises:
        DamagedFile: a measurement that says how fast a net is cannot be read.
    """
    usable, not_counted = read_plan_runs(params, runs, VERSION).usable()
    left = nets_left(params, runs, usable)
    nets = [_net(params.settings(name), runs / "train" / name, usable, left[name]) for name in params.models]
    moved = sorted(path for name in params.models for path in (runs / "train" / name).glob(".aside/*/*"))
    not_counted += [(path, "set aside, of other settings, data or version") for path in moved]
    return PlanStatus(tuple(nets), tuple(one_line(f"{path}: {reason}") for path, reason in not_counted))


def _net(settings: Settings, out: Path, usable: dict[Key, RunFiles], left: NetLeft) -> NetStatus:
    seeds, iterations = [], settings.train.iterations
    for seed in settings.train.seed_list:
        run, seconds_left = usable.get((settings.name, seed)), None
        record = run.record if run else None
        done, speed = (record.iteration, record.images_per_second) if record else (0, None)
        state: State = "stopped" if record else "not begun"
        if record and record.status in ENDED:
            state = "done" if record.status == "done" else "diverged"
        elif is_locked(out / f"seed-{seed}"):
            state = "running"
            together = record.segments[-1].side_by_side if record and record.segments else 1
            seconds_left = left.time and left.time.seconds * together * (iterations - done)
        seeds.append(SeedStatus(seed, state, done, speed, seconds_left))
    return NetStatus(settings.name, iterations, tuple(seeds), left.hours)


def screen(plan: PlanStatus, last_line: str = "") -> RenderableType:
    """The whole plan, a line a net and a line a seed that runs, has stopped or diverged; and what is not the plan's."""
    table = Table()
    for heading in ("run", "ended", "iterations", "images/s", "hours left"):
        table.add_column(heading, justify="left" if heading == "run" else "right", no_wrap=True)
    for net in plan.nets:
        table.add_row(net.name, f"{net.ended} of {len(net.seeds)}", f"{net.iterations:,}", "", _hours(net.hours_left))
        for seed in (seed for seed in net.seeds if seed.state not in ("done", "not begun")):
            speed = "" if seed.images_per_second is None else f"{seed.images_per_second:,.0f}"
            hours = "" if seed.seconds_left is None else _hours(seed.seconds_left / 3600)
            table.add_row(f"  seed {seed.seed}", seed.state, f"{seed.iteration:,}", speed, hours)
    table.add_section()
    ended = sum(net.ended for net in plan.nets), sum(len(net.seeds) for net in plan.nets)
    table.add_row("all", "{} of {}".format(*ended), "", "", _hours(plan.hours_left))
    return Group(table, *(Text(line, overflow="fold") for line in (*plan.notes, last_line) if line))


def _hours(hours: float | None) -> str:
    return "?" if hours is None else f"{hours:,.2f}"


def watch_plan(look: Callable[[], PlanStatus], console: Console) -> None:
    """Show the status again and again until the plan is complete or the user has seen enough; a file has the last."""
    with Live(console=console, auto_refresh=False) as live:
        while not (plan := look()).complete:
            live.update(screen(plan), refresh=True)
            time.sleep(SECONDS_BETWEEN_LOOKS)
        live.update(screen(plan), refresh=True)
    if not console.is_terminal:
        console.line()  # Rich ends the last line on a terminal alone
