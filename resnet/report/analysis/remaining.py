"""What is left of the plan, and how long it takes at the speeds that the results tell."""

from typing import Any, NamedTuple

from resnet.report.analysis.agreement import current_runs, stale_runs
from resnet.report.tables import Tables, rows, select
from resnet.results.iteration_time import IterationTime, Sources, iteration_times


class Remaining(NamedTuple):
    runs: int
    """Planned runs that have not come to their end, done or diverged, under the plan's identity."""
    stale: int
    """How many of them have begun under another."""
    seconds: float | None
    """Of one device, for all of them; None where the speed of a net is unknown."""
    devices: tuple[str, ...]
    """What the speeds were measured on."""


def times(tables: Tables) -> dict[str, IterationTime]:
    """The time of a training iteration of each net whose speed anything tells, as `resnet status` has it."""
    return iteration_times({name: _sources(tables, name) for name in tables.nets.index}, tables.forecast)


def _sources(tables: Tables, name: str) -> Sources:
    batch_size, current = int(tables.net(name).settings["train.batch_size"]), current_runs(tables, name)
    timed = list(rows(select(tables.speed, name=name, kind="training")))
    measured = IterationTime(batch_size / timed[0].images_per_second, timed[0].timed_on) if timed else None
    counted: Any = next(rows(current), None) or tables.descriptions.get(name) or next(iter(timed), None)
    work = float(counted.multiply_adds) * batch_size if counted else None
    return Sources([segments[-1] for segments in current["segments"] if segments], measured, work)


def remaining(tables: Tables) -> Remaining:
    """Count the runs and the hours that are left."""
    runs, stale, iterations = 0, 0, dict[str, int]()
    for name in tables.nets.index:
        current, planned = current_runs(tables, name), int(tables.net(name).settings["train.iterations"])
        left = len(tables.seeds(name)) - len(current[current["status"] != "interrupted"])
        if left:
            iterations[name] = left * planned - sum(map(int, select(current, status="interrupted")["iteration"]))
        runs, stale = runs + left, stale + len(stale_runs(tables, name))
    known = times(tables)
    if iterations.keys() - known.keys():
        return Remaining(runs, stale, None, ())
    seconds = sum((known[name].seconds * number for name, number in iterations.items()), 0.0)
    return Remaining(runs, stale, seconds, tuple(dict.fromkeys(known[name].device for name in iterations)))
