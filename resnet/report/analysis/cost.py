"""Error against cost: parameters, multiply-adds, inference, training time and energy."""

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

from pandas import DataFrame

from resnet.report.analysis.comparisons import change
from resnet.report.analysis.nets import main_nets, most_frequent_length, over_seeds, training_devices
from resnet.report.analysis.statistics import Difference
from resnet.report.tables import Tables, rows, select


class Cost(NamedTuple):
    name: str
    unit: str
    value: Callable[[Tables, str], float | None]
    """In the unit; None where it was not measured."""
    devices: Callable[[Tables, str], list[str]] = lambda tables, name: []
    """What it was measured on: seconds of two devices do not compare. Empty where it is the net's own."""


def _millions(column: str) -> Callable[[Tables, str], float | None]:
    return lambda tables, name: getattr(tables.net(name), column) / 1e6


def _mean(quantity: str, unit: float) -> Callable[[Tables, str], float | None]:
    def mean(tables: Tables, name: str) -> float | None:
        values = over_seeds(tables, name, quantity)
        return values.mean / unit if values else None

    return mean


def _inference(tables: Tables, name: str) -> float | None:
    timed = rows(select(tables.speed, name=name, kind="inference"))
    return next((1e3 * timing.median_seconds / timing.batch_size for timing in timed), None)


def _inference_devices(tables: Tables, name: str) -> list[str]:
    return list(select(tables.speed, name=name, kind="inference")["device_name"])


COSTS = (
    Cost("parameters", "M", _millions("parameters")),
    Cost("multiply-adds", "M", _millions("multiply_adds")),
    Cost("inference an image", "ms", _inference, _inference_devices),
    Cost("training time", "h", _mean("seconds", 3600), training_devices),
    Cost("training energy", "kWh", _mean("energy_joules", 3.6e6), training_devices),
)
KINDS = ("resnet", "plain")


def ladders(tables: Tables) -> dict[str, list[str]]:
    """The main nets of each kind by depth that have an error, of the most frequent length."""
    done = [name for kind in KINDS for name in main_nets(tables, kind) if over_seeds(tables, name, "test_error")]
    usual = most_frequent_length(tables, done)
    alike = select(tables.nets.loc[done], iterations=usual)
    return {kind: list(select(alike, net=kind).index) for kind in KINDS}


class Step(NamedTuple):
    """What the next depth buys: points of test error, and for each of COSTS points a unit, or why there are none."""

    first: str
    second: str
    difference: Difference
    a_unit: dict[Cost, float | str | None]


def steps(tables: Tables) -> list[Step]:
    bought = []
    for first, second in (pair for names in ladders(tables).values() for pair in pairwise(names)):
        difference = change(tables, first, second, "test_error").welch
        if difference is None:
            continue
        a_unit: dict[Cost, float | str | None] = {}
        for cost in COSTS:
            before, after = cost.value(tables, first), cost.value(tables, second)
            if before is None or after is None:
                a_unit[cost] = "not measured"
            elif cost.devices(tables, first) != cost.devices(tables, second):
                a_unit[cost] = "other devices"
            else:
                a_unit[cost] = difference.value / (after - before) if after > before else None
        bought.append(Step(first, second, difference, a_unit))
    return bought


def costs(tables: Tables) -> DataFrame:
    """A row a cost, device and net of the ladders: the cost in its unit, mean test error in % and its std."""
    cells = []
    for cost in COSTS:
        for kind, name in ((kind, name) for kind, names in ladders(tables).items() for name in names):
            value, error = cost.value(tables, name), over_seeds(tables, name, "test_error")
            if value and error:
                cells.append(
                    (cost.name, cost.unit, tuple(cost.devices(tables, name)), kind, value, error.mean, error.std)
                )
    return DataFrame(cells, columns=["cost", "unit", "devices", "net", "value", "mean", "std"])
