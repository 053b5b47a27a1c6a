"""What is left of the plan, and how long it takes at the speeds that the results tell."""

from typing import NamedTuple

import pandas as pd

from resnet.records.iteration_time import IterationTime, Sources, iteration_times
from resnet.report.tables import Tables, rows, select


class Remaining(NamedTuple):
    runs: int
    """Planned runs that are neither done nor diverged."""
    seconds: float | None
    """Of one device, for all of them; None where the speed of a net is unknown."""
    devices: tuple[str, ...]
    """What the speeds were measured on."""


def times(tables: Tables) -> dict[str, IterationTime]:
    """The time of a training iteration of each net whose speed anything tells, as `resnet status` has it."""
    return iteration_times({name: _sources(tables, name) for name in tables.nets.index}, tables.forecast)


def _sources(tables: Tables, name: str) -> Sources:
    net, batch_size = tables.net(name), int(tables.net(name).settings["train.batch_size"])
    timings = [
        IterationTime(batch_size / timing.images_per_second, timing.device_name)
        for timing in rows(select(tables.speed, name=name, kind="training"))
    ]
    segments = [run.segments[-1] for run in rows(tables.started(name)) if run.segments]
    work = None if pd.isna(net.multiply_adds) else float(net.multiply_adds) * batch_size
    return Sources(segments, timings[0] if timings else None, work)


def remaining(tables: Tables) -> Remaining:
    """Count the runs and the hours that are left."""
    left = tables.runs[~tables.runs["status"].isin(["done", "diverged"])]
    known, seconds, devices = times(tables), 0.0, dict[str, None]()
    for name, runs in left.groupby("name", sort=False):
        if name not in known:
            return Remaining(len(left), None, ())
        planned = tables.net(str(name)).settings["train.iterations"]
        iterations = sum(planned - (run.iteration if run.status == "interrupted" else 0) for run in rows(runs))
        seconds += known[str(name)].seconds * iterations
        devices[known[str(name)].device] = None
    return Remaining(len(left), seconds, tuple(devices))
