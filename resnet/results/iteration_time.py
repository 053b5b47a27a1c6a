"""What is left of a plan, in hours: how long an iteration of each net takes, by what says it most truly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from resnet.params.plan import Params, Settings
from resnet.results.base import of_any_device
from resnet.results.consistency import RunFiles
from resnet.results.measurements import ForecastRecord, ThroughputRecord
from resnet.results.plan_runs import ENDED, Key
from resnet.results.training import TrainingRecord


class IterationTime(NamedTuple):
    seconds: float
    """Of one device."""
    device: str
    """As `System.timed_on` names it."""


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
    forecasts, left = folder / "forecast" / "forecast.json", {}
    forecast = ForecastRecord.read(forecasts) if forecasts.exists() else None
    for name in params.models:
        settings, records = params.settings(name), [run.record for (net, _), run in runs.items() if net == name]
        measured = of_any_device(folder / "throughput" / f"{name}.json")
        throughput = ThroughputRecord.read(measured) if measured.exists() else None
        time, planned = iteration_time(settings, records, forecast, throughput), settings.train.iterations
        done = sum(planned if record.status in ENDED else record.iteration for record in records)
        iterations = planned * len(settings.train.seed_list) - done
        left[name] = NetLeft(time, iterations * time.seconds / 3600 if time else None if iterations else 0.0)
    return left


def iteration_time(
    settings: Settings,
    runs: Sequence[TrainingRecord],
    forecast: ForecastRecord | None,
    throughput: ThroughputRecord | None,
) -> IterationTime | None:
    """Give the time of a net's iteration: by its own runs, else by the forecast, else by its throughput.

    That of its runs includes evaluations. None if there is none of the three.
    """
    if (time := _of_runs(runs)) is not None:
        return time
    rows = {row.name: row.step_seconds for row in forecast.rows} if forecast else {}
    if forecast and rows.get(settings.name):  # 0 if nothing was left of the net
        return IterationTime(rows[settings.name], forecast.system.timed_on)
    if throughput is None:
        return None
    return IterationTime(settings.train.batch_size / throughput.training.images_per_second, throughput.system.timed_on)


def _of_runs(runs: Sequence[TrainingRecord]) -> IterationTime | None:
    """The mean of the runs' last segments on the device that trained last: two machines have no mean."""
    last = [run.segments[-1] for run in runs if run.segments]
    timed = [segment for segment in last if segment.last_iteration > segment.first_iteration]
    if not timed:
        return None
    device = max(timed, key=lambda segment: segment.finished).system.timed_on
    same = [segment for segment in timed if segment.system.timed_on == device]
    # Seeds that trained side by side shared the device.
    seconds = sum(segment.seconds / segment.side_by_side for segment in same)
    return IterationTime(seconds / sum(segment.last_iteration - segment.first_iteration for segment in same), device)
