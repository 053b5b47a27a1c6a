"""Seconds of a training iteration of each net of a plan, by what tells them most truly: what is left takes so long."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from resnet.results.speed import ForecastRecord
from resnet.results.training import Segment


class IterationTime(NamedTuple):
    seconds: float
    """Of one device."""
    device: str
    """As `System.timed_on` names it."""


class Sources(NamedTuple):
    """What tells how long an iteration of a net takes."""

    segments: Sequence[Segment]
    """The last one of each of the net's own runs."""
    throughput: IterationTime | None
    multiply_adds: float | None
    """Of an iteration's mini-batch; None where they were not counted."""


def iteration_times(nets: Mapping[str, Sources], forecast: ForecastRecord | None) -> dict[str, IterationTime]:
    """Give the time of an iteration of each net for which anything tells it.

    By its own runs, evaluations included; else by the forecast; else by its throughput. A net without any of these
    takes the median of the others' times for a multiply-add: one measurement of a busy machine does not decide it.
    """
    times = {name: time for name, sources in nets.items() if (time := _measured(name, sources, forecast))}
    each = [(time.seconds / work, time.device) for name, time in times.items() if (work := nets[name].multiply_adds)]
    if each:
        seconds, device = statistics.median_high(each)  # that of one net, on its device
        for name, sources in nets.items():
            if name not in times and sources.multiply_adds:
                times[name] = IterationTime(seconds * sources.multiply_adds, device)
    return times


def _measured(name: str, sources: Sources, forecast: ForecastRecord | None) -> IterationTime | None:
    own = _of_runs(sources.segments)
    rows = forecast.rows if forecast else ()
    step = next((row.step_seconds for row in rows if row.name == name and row.step_seconds > 0), None)
    if own is None and forecast and step:
        return IterationTime(step, forecast.system.timed_on)
    return own or sources.throughput


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
