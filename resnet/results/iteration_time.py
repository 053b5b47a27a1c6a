"""What is left of a plan, in hours: how long an iteration of each net takes, by what says it most truly."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from resnet.params.plan import Params
from resnet.results.base import Record, of_any_device
from resnet.results.consistency import RunFiles
from resnet.results.measurements import DescriptionRecord, ForecastRecord, ThroughputRecord
from resnet.results.plan_runs import ENDED, Key
from resnet.results.training import Segment, TrainingRecord

T = TypeVar("T", bound=Record)


class IterationTime(NamedTuple):
    seconds: float
    """Of one device."""
    device: str
    """As `System.timed_on` names it."""


class Sources(NamedTuple):
    """What says how long an iteration of a net takes."""

    segments: Sequence[Segment]
    """The last one of each of the net's own runs."""
    throughput: IterationTime | None
    multiply_adds: float | None
    """Of an iteration's mini-batch; None if nobody has counted them."""

    @classmethod
    def of(
        cls,
        batch_size: int,
        records: Sequence[TrainingRecord],
        throughput: ThroughputRecord | None,
        description: DescriptionRecord | None,
    ) -> Sources:
        """Take what a net's records say."""
        measured = None
        if throughput is not None:
            measured = IterationTime(batch_size / throughput.training.images_per_second, throughput.system.timed_on)
        counted = next((record for record in (*records, description, throughput) if record is not None), None)
        segments = [record.segments[-1] for record in records if record.segments]
        return cls(segments, measured, None if counted is None else float(counted.multiply_adds * batch_size))


class NetLeft(NamedTuple):
    """What is left of one net of a plan."""

    time: IterationTime | None
    """None if no result says how fast the net is."""
    hours: float | None
    """Of one device, for all planned runs that have not come to their end; likewise."""


def nets_left(params: Params, folder: Path, runs: Mapping[Key, RunFiles]) -> dict[str, NetLeft]:
    """Say what is left of each net of a plan: of the runs that count, and the other result files in `folder`.

    Raises:
        DamagedFile: a measurement is damaged.
    """
    plan = {name: params.settings(name).train for name in params.models}
    records = {name: [run.record for (net, _), run in runs.items() if net == name] for name in plan}
    sources = {}
    for name, recipe in plan.items():
        throughput = _read(ThroughputRecord, of_any_device(folder / "throughput" / f"{name}.json"))
        description = _read(DescriptionRecord, folder / "describe" / f"{name}.json")
        sources[name] = Sources.of(recipe.batch_size, records[name], throughput, description)
    times = iteration_times(sources, _read(ForecastRecord, folder / "forecast" / "forecast.json"))
    left = {}
    for name, recipe in plan.items():
        done = sum(recipe.iterations if run.status in ENDED else run.iteration for run in records[name])
        iterations, time = recipe.iterations * len(recipe.seed_list) - done, times.get(name)
        left[name] = NetLeft(time, iterations * time.seconds / 3600 if time else None if iterations else 0.0)
    return left


def _read(kind: type[T], path: Path) -> T | None:
    return kind.read(path) if path.exists() else None


def iteration_times(nets: Mapping[str, Sources], forecast: ForecastRecord | None) -> dict[str, IterationTime]:
    """Give the time of an iteration of each net for which anything says it.

    By its own runs, evaluations included; else by the forecast; else by its throughput. A net without any of these
    takes the median of the others' times for a multiply-add: one measurement of a busy machine does not decide it.
    """
    rows = [(row, forecast.system.timed_on) for row in forecast.rows] if forecast else []
    forecasts = {row.name: IterationTime(row.step_seconds, device) for row, device in rows if row.step_seconds > 0}
    measured = {name: _of_runs(net.segments) or forecasts.get(name) or net.throughput for name, net in nets.items()}
    times = {name: time for name, time in measured.items() if time is not None}
    each = [(time.seconds / work, time.device) for name, time in times.items() if (work := nets[name].multiply_adds)]
    if each:
        seconds, device = statistics.median_high(each)  # that of one net, on its device
        for name, sources in nets.items():
            if name not in times and sources.multiply_adds:
                times[name] = IterationTime(seconds * sources.multiply_adds, device)
    return times


def _of_runs(segments: Sequence[Segment]) -> IterationTime | None:
    """The mean over those segments that were made on the device that trained last: two machines have no mean."""
    timed = [segment for segment in segments if segment.last_iteration > segment.first_iteration]
    if not timed:
        return None
    device = max(timed, key=lambda segment: segment.finished).system.timed_on
    same = [segment for segment in timed if segment.system.timed_on == device]
    # Seeds that trained side by side shared the device.
    seconds = sum(segment.seconds / segment.side_by_side for segment in same)
    return IterationTime(seconds / sum(segment.last_iteration - segment.first_iteration for segment in same), device)
