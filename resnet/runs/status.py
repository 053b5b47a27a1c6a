"""How far a plan is, from its result files and locks alone: PyTorch is not loaded.

A run writes `metrics.json` whenever it saves a checkpoint, so the files say how far each is, how fast it went, and
when. The lock of a seed's folder says whether a process trains there, on this machine or wherever the file system's
locks reach.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from time import time as now
from typing import Any, Literal

from resnet.errors import one_line
from resnet.files import is_locked
from resnet.params import Params, Settings
from resnet.results import TrainingRecord
from resnet.results.consistency import RunFiles, weights_of
from resnet.results.iteration_time import IterationTime, NetLeft, nets_left
from resnet.results.plan_runs import ENDED, Key, first_damage, read_plan_runs
from resnet.runs.folders import Folders, seed_folders
from resnet.training.recipe import VERSION

State = Literal["done", "diverged", "running", "stopped", "not begun"]


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
    """Of a running seed, by its own speed or else by that of its net."""


@dataclass(frozen=True)
class NetStatus:
    """How far one net of the plan is."""

    name: str
    iterations: int
    """Planned, of each seed."""
    seeds: tuple[SeedStatus, ...]
    hours_left: float | None
    """Hours of one device for what no seed has saved; None if nothing says how fast the net is."""

    def count(self, *states: State) -> int:
        return sum(seed.state in states for seed in self.seeds)

    @property
    def ended(self) -> int:
        """Seeds that have run to their end, done or diverged."""
        return self.count("done", "diverged")

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
    def seeds(self) -> list[SeedStatus]:
        return [seed for net in self.nets for seed in net.seeds]

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
        damage = first_damage(run, weights_of(run.folder)) if run.record.status in ENDED else None
        if damage is None:
            usable[key] = run
        elif (damage.path, damage.problem) not in not_counted:
            not_counted.append((damage.path, damage.problem))
    left = nets_left(params, runs, usable)
    nets = [_net(params.settings(name), runs, checkpoints, usable, left[name]) for name in params.models]
    aside = sorted(path for name in params.models for path in (runs / "train" / name).glob(".aside/*/*"))
    not_counted += [(path, "set aside, of other settings, data or version") for path in aside]
    return PlanStatus(tuple(nets), tuple(one_line(f"{path}: {reason}") for path, reason in not_counted))


def _net(
    settings: Settings, runs: Path, checkpoints: Path | None, usable: dict[Key, RunFiles], left: NetLeft
) -> NetStatus:
    name, parent = settings.name, None if checkpoints is None else checkpoints / settings.name
    seeds = []
    for seed in settings.train.seed_list:
        run = usable.get((name, seed))
        folders = seed_folders(runs / "train" / name, seed, checkpoints=parent)
        seeds.append(_seed(settings, seed, folders, run and run.record, left.time))
    return NetStatus(name, settings.train.iterations, tuple(seeds), left.hours)


def _seed(
    settings: Settings, seed: int, folders: Folders, record: TrainingRecord | None, time: IterationTime | None
) -> SeedStatus:
    iteration, speed = (record.iteration, _speed(record)) if record else (0, None)
    if record is not None and record.status in ENDED:
        return SeedStatus(seed, "done" if record.status == "done" else "diverged", iteration, speed, None)
    if not is_locked(folders.results):
        # A kill right after the first checkpoint leaves no record; a checkpoint with a record that does not count
        # is of that record's run.
        begun = record is not None or (folders.checkpoint_file.exists() and not folders.metrics_file.exists())
        return SeedStatus(seed, "stopped" if begun else "not begun", iteration, speed, None)
    seconds = settings.train.batch_size / speed if speed else time and time.seconds
    left = None
    if seconds is not None:  # it has trained on since the last save
        left = max(0.0, seconds * (settings.train.iterations - iteration) - max(0.0, now() - _saved_at(folders)))
    return SeedStatus(seed, "running", iteration, speed, left)


def _speed(record: TrainingRecord) -> float | None:
    """Images/s of a run's last stretch by the clock; None if there is none yet."""
    if not record.segments or not record.segments[-1].seconds:
        return None
    last = record.segments[-1]
    done = last.last_iteration - last.first_iteration
    return done * int(record.settings["train"]["batch_size"]) / last.seconds


def _saved_at(folders: Folders) -> float:
    """When the run saved last; now if it has not yet. Seconds since 1970."""
    times = [path.stat().st_mtime for path in (folders.metrics_file, folders.checkpoint_file) if path.exists()]
    return max(times, default=now())
