"""Error against cost: parameters, multiply-adds, inference, training time and energy."""

from itertools import pairwise
from typing import NamedTuple

from pandas import DataFrame

from resnet.report.analysis.comparisons import change
from resnet.report.analysis.nets import (
    main_nets,
    most_frequent_length,
    over_seeds,
    training_devices,
)
from resnet.report.samples import Difference
from resnet.report.tables import Tables, rows, select

UNITS = {
    "parameters": "M",
    "multiply-adds": "M",
    "inference an image": "ms",
    "training time": "h",
    "training energy": "kWh",
}
"""Each cost and its unit."""
KINDS = ("resnet", "plain")


class Cost(NamedTuple):
    value: float | None
    """In its unit; None where it was not measured, or the seeds ran on several machines."""
    devices: tuple[str, ...] = ()
    """What it was measured on: seconds of two devices do not compare. Empty where it is the net's own."""


def costs_of(tables: Tables, name: str) -> dict[str, Cost]:
    net, timed = tables.net(name), next(rows(select(tables.speed, name=name, kind="inference")), None)
    seconds, energy = (over_seeds(tables, name, quantity) for quantity in ("seconds", "energy_joules"))
    devices = tuple(training_devices(tables, name))
    inference = Cost(1e3 * timed.median_seconds / timed.batch_size, (timed.timed_on,)) if timed else Cost(None)
    trained = Cost(seconds.mean / 3600 if seconds else None, devices)
    counted = tables.seeds(name, "done")["energy_joules"].notna().any()
    used = Cost(energy.mean / 3.6e6 if energy else None, devices if counted else ())
    own = (Cost(net.parameters / 1e6), Cost(net.multiply_adds / 1e6))
    return dict(zip(UNITS, (*own, inference, trained, used), strict=True))


def ladders(tables: Tables) -> dict[str, list[str]]:
    """The main nets of each kind by depth that have an error, of the most frequent length."""
    done = [name for kind in KINDS for name in main_nets(tables, kind) if over_seeds(tables, name, "test_error")]
    alike = select(tables.nets.loc[done], iterations=most_frequent_length(tables, done))
    return {kind: list(select(alike, net=kind).index) for kind in KINDS}


class Step(NamedTuple):
    """What the next depth buys: points of test error, and for each cost points a unit, or why there are none."""

    first: str
    second: str
    difference: Difference
    a_unit: dict[str, float | str | None]


def _a_unit(points: float, before: Cost, after: Cost) -> float | str | None:
    if max(len(before.devices), len(after.devices)) > 1:
        return "several machines"
    if before.value is None or after.value is None:
        return "not measured"
    if before.devices != after.devices:
        return "other devices"
    return points / (after.value - before.value) if after.value > before.value else None


def steps(tables: Tables) -> list[Step]:
    bought = []
    for first, second in (pair for names in ladders(tables).values() for pair in pairwise(names)):
        if difference := change(tables, first, second, "test_error").welch:
            before, after = costs_of(tables, first), costs_of(tables, second)
            a_unit = {cost: _a_unit(difference.value, before[cost], after[cost]) for cost in UNITS}
            bought.append(Step(first, second, difference, a_unit))
    return bought


def costs(tables: Tables) -> DataFrame:
    """A row a cost and net of the ladders: the cost, its unit and devices, mean test error in % and its std."""
    nets = [(kind, name) for kind, names in ladders(tables).items() for name in names]
    of_nets = {name: costs_of(tables, name) for _, name in nets}
    cells = [
        (cost, UNITS[cost], of_nets[name][cost].devices, kind, of_nets[name][cost].value, error.mean, error.std)
        for cost in UNITS
        for kind, name in nets
        if of_nets[name][cost].value and (error := over_seeds(tables, name, "test_error"))
    ]
    return DataFrame(cells, columns=["cost", "unit", "devices", "net", "value", "mean", "std"])
