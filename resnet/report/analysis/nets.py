"""What the seeds of a net say together, and which nets may be set beside each other."""

from collections import Counter
from typing import Any, NamedTuple

from resnet.params.bearing import CURVE_ALONE, OF_SHORTCUTS, WITHOUT_EFFECT, bearing_on_errors
from resnet.report.published import published
from resnet.report.samples import Interval, Sample, sample
from resnet.report.tables import Tables, rows, select

OF_A_MACHINE = {"seconds", "energy_joules", "images_per_second", "peak_memory_bytes"}
"""Columns of `runs` that say something about the machine too."""


def over_seeds(tables: Tables, name: str, quantity: str) -> Sample | None:
    """Sample a column of `runs` over the seeds that are done; None where the seeds are not alike.

    What belongs to a machine is not averaged over two: None where the seeds ran on several.
    """
    several = quantity in OF_A_MACHINE and len(training_devices(tables, name)) > 1
    return None if tables.net(name).mixed or several else sample(tables.seeds(name, "done")[quantity])


def error_interval(tables: Tables, errors: Sample) -> Interval | None:
    """The interval of a mean error in %, cut at 0 and 100: few scattered seeds give a wider one. None for one seed."""
    ends = errors.interval(tables.params.report.confidence)
    return Interval(max(0.0, ends.low), min(100.0, ends.high)) if ends else None


def over_seeds_by_machine(tables: Tables, name: str, quantity: str) -> dict[str, Sample]:
    """One sample for each machine, by its name, over the finished seeds that ran on it from beginning to end."""
    stretches, done = select(tables.machines, name=name, kind="training"), tables.seeds(name, "done")
    groups: dict[str, list[float]] = {}
    for run in rows(done) if not tables.net(name).mixed else ():
        machines = {system.timed_on for system in select(stretches, seed=run.seed)["system"]}
        if len(machines) == 1:
            groups.setdefault(machines.pop(), []).append(getattr(run, quantity))
    samples = {machine: sample(values) for machine, values in sorted(groups.items())}
    return {machine: values for machine, values in samples.items() if values}


def status(tables: Tables, name: str) -> str:
    """`done`, `partial`, `mixed` (not averaged), `interrupted`, `diverged`, `left out` or `not run`."""
    statuses = set(tables.seeds(name)["status"])
    if tables.net(name).mixed:
        return "mixed"
    if "done" in statuses:
        return "partial" if len(statuses) > 1 else "done"
    return next((stopped for stopped in ("interrupted", "diverged", "left out") if stopped in statuses), "not run")


class Stop(NamedTuple):
    """Seeds of a net that have begun, are not done, and stopped at the same iteration."""

    status: str
    iteration: int
    iterations: int
    """Planned."""
    seeds: list[int]


def stops(tables: Tables, name: str) -> list[Stop]:
    """Where the seeds of a net stopped: the interrupted ones first."""
    stopped = list[Stop]()
    for status in ("interrupted", "diverged"):
        places: Any = tables.seeds(name, status).groupby(["iteration", "iterations"], sort=False)
        stopped += [Stop(status, int(at), int(planned), list(runs["seed"])) for (at, planned), runs in places]
    return stopped


def started(tables: Tables) -> list[str]:
    """The nets of which a seed has been started."""
    return [name for name in tables.nets.index if len(tables.started(name))]


def most_frequent_length(tables: Tables, names: list[str]) -> int | None:
    """The planned iterations of most of these nets, the longest of equals; None without any."""
    counted = Counter(int(tables.net(name).iterations) for name in names)
    return max(counted, key=lambda iterations: (counted[iterations], iterations), default=None)


def aside(tables: Tables) -> list[str]:
    """The nets with results that the figures of errors leave out, for their runs are of another length than most.

    Errors after 20 iterations and after 64,000 say nothing beside each other, and would hide what the others say.
    """
    usual = most_frequent_length(tables, started(tables))
    return [name for name in started(tables) if tables.net(name).iterations != usual]


def token_runs(tables: Tables) -> list[str]:
    """The nets trained for fewer iterations than the paper's and than most nets of the plan.

    Runs of a few iterations show that a net runs; their weights mean nothing.
    """
    whole = (published().protocol.iterations, most_frequent_length(tables, list(tables.nets.index)) or 0)
    return [name for name in started(tables) if tables.net(name).iterations < min(whole)]


def run_on(tables: Tables) -> str:
    """Name the data, and the schedule where it is not the paper's: a figure may be seen alone."""
    length, papers = most_frequent_length(tables, started(tables)), published().protocol.iterations
    shortened = [] if length in (None, papers) else [f"{length:,} of the paper's {papers:,} iterations"]
    return ", ".join([*(data.name for data in tables.data), *shortened])


def series(tables: Tables, names: list[str], devices: dict[str, str] | None = None) -> dict[str, list[str]]:
    """Nets that differ in depth alone, by depth, under a label; a device is named where there are several."""
    devices, groups = devices or {}, dict[str, list[str]]()
    options = {tables.net(name).shortcut for name in names} - {"none"}
    for net in sorted(map(tables.net, names), key=lambda net: names.index(net.name)):
        label = {"plain": "plain nets"}.get(net.net, "residual nets")
        label += f", option {net.shortcut}" if net.net != "plain" and options != {"A"} else ""
        grouped = net.settings.get("train.batch_norm_images")
        label += f", batch norm of {grouped} images" if grouped else ""
        label += f", {devices[net.name]}" if len(set(devices.values())) > 1 else ""
        groups.setdefault(label, []).append(net.name)
    return {label: sorted(members, key=lambda name: tables.net(name).depth) for label, members in groups.items()}


def training_devices(tables: Tables, name: str) -> list[str]:
    """What the finished seeds were trained on; several names where they, or stretches of one, were made on several."""
    stretches, done = select(tables.machines, name=name, kind="training"), tables.seeds(name, "done")["seed"]
    return sorted({system.timed_on for system in stretches[stretches["seed"].isin(done)]["system"]})


def configuration(tables: Tables, name: str) -> dict[str, Any]:
    """The settings of a net's runs that bear on its errors, with precision and data; the plan's where none has run."""
    net, run = tables.net(name), next(rows(tables.started(name)), None)
    ran = run.settings | {"data": (run.data.name, run.data.split_fingerprint)} if run else {}
    return bearing_on_errors(net.net, net.settings | ran)


def differing_settings(tables: Tables, first: str, second: str) -> dict[str, tuple[Any, Any]]:
    """The settings in which two nets differ, with the value of each."""
    ours, theirs = configuration(tables, first), configuration(tables, second)
    pairs = {key: (ours.get(key), theirs.get(key)) for key in sorted(ours.keys() | theirs.keys())}
    return {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}


def incomparable(tables: Tables, first: str, second: str) -> list[str]:
    """What keeps two nets from being compared: settings but the warm-up; shortcuts only between nets of one kind."""
    ignored = OF_SHORTCUTS if tables.net(first).net != tables.net(second).net else ()
    differing = differing_settings(tables, first, second)
    return [key for key in differing if not key.startswith("train.warmup") and key not in ignored]


def main_net(tables: Tables, kind: str, depth: int) -> str | None:
    """The net that stands for a kind and depth: of several, the first with the fewest settings of its own.

    A row of another precision is the same experiment: it stands for both once it is complete, and the first is not.
    """

    def own(name: str) -> tuple[int, bool]:
        entry = tables.params.models[name]
        keys = {*entry.model, *entry.train} - {"precision"} - WITHOUT_EFFECT - CURVE_ALONE
        complete = len(tables.seeds(name, "done")) == len(tables.seeds(name))
        return sum(not key.startswith("warmup") for key in keys), not complete

    return min(select(tables.nets, net=kind, depth=depth).index, key=own, default=None)


def precisions(tables: Tables) -> list[tuple[str, str]]:
    """Pairs of nets that differ in their precision alone, in the plan's order: (the first, the other)."""

    def alike(name: str) -> tuple[Any, ...]:
        settings = tables.params.settings(name)
        rest = {"precision"} | WITHOUT_EFFECT | CURVE_ALONE
        return settings.net, settings.depth, settings.model, settings.train.model_dump_json(exclude=rest)

    names = [name for name in tables.nets.index if name in tables.params.models]
    first: dict[tuple[Any, ...], str] = {}
    pairs = []
    for name in names:
        other = first.setdefault(alike(name), name)
        asked = [tables.params.settings(net).train.precision for net in (other, name)]
        pairs += [(other, name)] if other != name and asked[0] != asked[1] else []
    return pairs


def main_nets(tables: Tables, kind: str) -> list[str]:
    """One net a depth, by depth."""
    depths = sorted(set(select(tables.nets, net=kind)["depth"]))
    return [name for depth in depths if (name := main_net(tables, kind, depth))]


DEEPEST = 110
"""Deeper nets stand apart, as ResNet-1202 in the paper's Figure 6."""


def without_ablations(tables: Tables) -> list[str]:
    """The nets of the main figures, in the plan's order: of the nets of a depth, those that vary another stay out."""
    kept = {*main_nets(tables, "plain"), *main_nets(tables, "resnet")}
    return [name for name in tables.nets.index if name in kept]
