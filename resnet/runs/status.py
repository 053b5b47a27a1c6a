"""How far a plan is, from its result files and locks alone: PyTorch is not loaded.

A run writes `metrics.json` whenever it saves a checkpoint, so the files say how far each is, how fast it went, and
when; the lock of a seed's folder says whether a process trains there, on this machine or wherever the file system's
locks reach.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import time as now
from typing import Any, Literal

from resnet.errors import UserError
from resnet.files import is_locked
from resnet.params import Params, Settings
from resnet.results import DescriptionRecord, ForecastRecord, ThroughputRecord, TrainingRecord
from resnet.results.iteration_time import IterationTime, Sources, iteration_times
from resnet.runs.folders import Folders, seed_folders
from resnet.runs.identity import identity

State = Literal["done", "diverged", "running", "stopped", "not begun"]
ENDED: tuple[State, ...] = ("done", "diverged")


@dataclass(frozen=True)
class SeedStatus:
    """How far one seed of a net is."""

    seed: int
    state: State
    iteration: int
    """Iterations saved: a running seed may be further by as many as lie between two checkpoints."""
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
    """Hours of one device for what is saved of no seed; None where nothing says how fast the net is."""

    def count(self, state: State) -> int:
        return sum(seed.state == state for seed in self.seeds)


@dataclass(frozen=True)
class PlanStatus:
    """How far a plan is."""

    nets: tuple[NetStatus, ...]
    notes: tuple[str, ...]
    """What lies in the folders and is not the plan's: results of other settings, set aside or in the way."""

    @property
    def seeds(self) -> list[SeedStatus]:
        return [seed for net in self.nets for seed in net.seeds]

    @property
    def complete(self) -> bool:
        return all(seed.state in ENDED for seed in self.seeds)

    @property
    def hours_left(self) -> float | None:
        """Hours of one device; None where that of a net is not known."""
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
        checkpoints: where the checkpoints lie, as `<net>/seed-<k>`; None: beside the results.
    """
    notes: list[str] = []
    all_settings = [params.settings(name) for name in params.models]
    places, records = {}, {}
    for settings in all_settings:
        name, out = settings.name, runs / "train" / settings.name
        parent = None if checkpoints is None else checkpoints / name
        places[name] = [seed_folders(out, seed, checkpoints=parent) for seed in settings.train.seed_list]
        records[name] = [_own_record(settings, folders, notes) for folders in places[name]]
        notes += (f"{path}: set aside, of other settings, data or version" for path in sorted(out.glob(".aside/*/*")))
    for out in sorted(runs.glob("train/*")):
        if out.is_dir() and out.name not in params.models:
            notes.append(f"{out}: no net of the plan")
    times = _times(all_settings, runs, records)
    nets = [
        _net_status(settings, places[settings.name], records[settings.name], times.get(settings.name))
        for settings in all_settings
    ]
    return PlanStatus(tuple(nets), tuple(notes))


def _net_status(
    settings: Settings, places: list[Folders], records: Sequence[TrainingRecord | None], time: IterationTime | None
) -> NetStatus:
    seeds = tuple(
        _seed_status(settings, seed, folders, record, time)
        for seed, folders, record in zip(settings.train.seed_list, places, records, strict=True)
    )
    left = sum(settings.train.iterations - seed.iteration for seed in seeds if seed.state not in ENDED)
    hours = 0.0 if not left else None if time is None else left * time.seconds / 3600
    return NetStatus(settings.name, settings.train.iterations, seeds, hours)


def _own_record(settings: Settings, folders: Folders, notes: list[str]) -> TrainingRecord | None:
    """The record in a seed's folder if it is the plan's; what else lies there is noted."""
    path = folders.metrics_file
    if not path.exists():
        return None
    try:
        record = TrainingRecord.read(path)
    except UserError as error:
        notes.append(str(error))
        return None
    planned = identity(settings, record.data, settings.train.precision_beside(record.precision))
    if record.identity == planned:
        return record
    differences = " and ".join(record.identity.differences(planned))
    notes.append(f"{folders.results}: made with another {differences} than the plan's")
    return None


def _seed_status(
    settings: Settings, seed: int, folders: Folders, record: TrainingRecord | None, time: IterationTime | None
) -> SeedStatus:
    recipe = settings.train
    iteration = 0 if record is None else record.iteration
    if record is not None and record.status in ENDED:
        return SeedStatus(seed, "done" if record.status == "done" else "diverged", iteration, _speed(record), None)
    if not is_locked(folders.results):
        # A kill right after the first checkpoint leaves no record; beside a record of other settings it is theirs.
        begun = record is not None or (folders.checkpoint_file.exists() and not folders.metrics_file.exists())
        return SeedStatus(seed, "stopped" if begun else "not begun", iteration, _speed(record), None)
    own = _speed(record)
    wall = recipe.batch_size / own if own else time and time.seconds
    left = None
    if wall is not None:
        # It has trained on since the last save.
        left = max(0.0, wall * (recipe.iterations - iteration) - max(0.0, now() - _saved_at(folders)))
    return SeedStatus(seed, "running", iteration, own, left)


def _speed(record: TrainingRecord | None) -> float | None:
    """Images/s of a run's last stretch by the clock; None where there is none yet."""
    if record is None or not record.segments or not record.segments[-1].seconds:
        return None
    last = record.segments[-1]
    done = last.last_iteration - last.first_iteration
    return done * int(record.settings["train"]["batch_size"]) / last.seconds


def _saved_at(folders: Folders) -> float:
    """When the run saved last; now if it has not yet. Seconds since 1970."""
    times = [path.stat().st_mtime for path in (folders.metrics_file, folders.checkpoint_file) if path.exists()]
    return max(times, default=now())


def _times(
    plan: Sequence[Settings], runs: Path, records: Mapping[str, Sequence[TrainingRecord | None]]
) -> dict[str, IterationTime]:
    """The time of an iteration of each net whose speed anything tells."""
    forecasts = [path for path in (runs / "forecast.json", runs / "forecast/forecast.json") if path.exists()]
    forecast = ForecastRecord.read(forecasts[0]) if forecasts else None
    return iteration_times({each.name: _sources(each, runs, records[each.name]) for each in plan}, forecast)


def _sources(settings: Settings, runs: Path, records: Sequence[TrainingRecord | None]) -> Sources:
    own = [record for record in records if record is not None]
    batch_size, name = settings.train.batch_size, f"{settings.name}.json"
    measured, described = runs / "throughput" / name, runs / "describe" / name
    throughput = ThroughputRecord.read(measured) if measured.exists() else None
    description = DescriptionRecord.read(described) if described.exists() else None
    time, counted = None, next(iter(own), None) or description or throughput
    if throughput is not None:
        seconds = batch_size / throughput.training.images_per_second
        time = IterationTime(seconds, throughput.system.timed_on)
    work = None if counted is None else counted.multiply_adds * batch_size
    return Sources([record.segments[-1] for record in own if record.segments], time, work)
