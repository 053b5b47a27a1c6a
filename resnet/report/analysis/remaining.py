"""What is left of the plan, and how long it takes at the speeds that the results tell."""

from typing import NamedTuple

from resnet.report.tables import Tables, rows, select


class Remaining(NamedTuple):
    runs: int
    """Planned runs that are neither done nor diverged."""
    seconds: float | None
    """Of all of them, one after the other; None where the speed of a net is unknown."""
    devices: tuple[str, ...]
    """What the speeds were measured on."""


class Speed(NamedTuple):
    seconds: float
    """Of a training iteration."""
    device: str


def measured_speed(tables: Tables, name: str) -> Speed | None:
    """The speed of a net: by the forecast, else by its throughput, else by a run of its own."""
    forecasts = tables.forecast.rows if tables.forecast else ()
    for forecast in forecasts:
        if tables.forecast and forecast.name == name and forecast.step_seconds > 0:
            return Speed(forecast.step_seconds, tables.forecast.system.device_name)
    batch_size = tables.net(name).settings["train.batch_size"]
    for timing in rows(select(tables.speed, name=name, kind="training")):
        return Speed(batch_size / timing.images_per_second, timing.device_name)
    runs = tables.started(name)
    for run in rows(runs[runs["iteration"] > 0]):
        stretches = select(tables.machines, name=name, kind="training", seed=run.seed)
        return Speed(run.seconds / run.iteration, stretches["system"].iloc[-1].device_name)
    return None


def _work(tables: Tables, name: str) -> float:
    """Multiply-adds of an iteration; NaN where they were not counted."""
    net = tables.net(name)
    return float(net.multiply_adds) * int(net.settings["train.batch_size"])


def remaining(tables: Tables) -> Remaining:
    """Count the runs and the hours that are left.

    A net without a measured speed takes that of the net nearest in multiply-adds, scaled by them.
    """
    left = tables.runs[~tables.runs["status"].isin(["done", "diverged"])]
    speeds = {name: speed for name in tables.nets.index if (speed := measured_speed(tables, name))}
    seconds, devices = 0.0, dict[str, None]()
    for name, runs in left.groupby("name", sort=False):
        work = _work(tables, str(name))
        known = str(name) if name in speeds else min(speeds, key=lambda x: abs(_work(tables, x) - work), default=None)
        if known is None:
            return Remaining(len(left), None, ())
        scale = 1.0 if known == name else work / _work(tables, known)
        planned = tables.net(str(name)).settings["train.iterations"]
        iterations = sum(planned - (run.iteration if run.status == "interrupted" else 0) for run in rows(runs))
        seconds += scale * speeds[known].seconds * iterations
        devices[speeds[known].device] = None
    return Remaining(len(left), seconds if seconds == seconds else None, tuple(devices))
