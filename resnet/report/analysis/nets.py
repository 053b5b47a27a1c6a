"""What the seeds of a net say together, and which nets may be set beside each other."""

from collections import Counter
from typing import Any

from resnet.params import ModelParams, TrainParams
from resnet.report.analysis.published import published
from resnet.report.analysis.statistics import Sample, sample
from resnet.report.tables import Tables, different, flattened, rows, select

WITHOUT_EFFECT = {"seeds", "seeds_at_once", "device", "checkpoint_every", "log_every", "evaluate_every", "recompute"}
"""Keys of `train` that change nothing about the errors reported."""

OF_RESIDUAL_NETS = ("model.shortcut", "model.zero_padding")
"""Settings that mean nothing for a plain net."""


def over_seeds(tables: Tables, name: str, quantity: str) -> Sample | None:
    """Sample a column of `runs` over the seeds that are done; None where the seeds are not alike."""
    return None if tables.net(name).mixed else sample(tables.seeds(name, "done")[quantity])


def status(tables: Tables, name: str) -> str:
    """`done`, `partial`, `mixed` (not averaged), `interrupted`, `diverged`, `left out` or `not run`."""
    statuses = set(tables.seeds(name)["status"])
    if tables.net(name).mixed:
        return "mixed"
    if "done" in statuses:
        return "partial" if len(statuses) > 1 else "done"
    return next((stopped for stopped in ("interrupted", "diverged", "left out") if stopped in statuses), "not run")


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


def run_on(tables: Tables) -> str:
    """Name the data, and the iterations where they are not the paper's: a figure may be seen alone."""
    iterations = most_frequent_length(tables, started(tables))
    length = [] if iterations in (None, published().protocol.iterations) else [f"{iterations:,} iterations"]
    return ", ".join([*(data.name for data in tables.data), *length])


def series(tables: Tables, names: list[str], devices: dict[str, str] | None = None) -> dict[str, list[str]]:
    """Nets that differ in depth alone, by depth, under a label; a device is named where there are several."""
    devices, groups = devices or {}, dict[str, list[str]]()
    options = {tables.net(name).shortcut for name in names} - {"none"}
    for net in sorted(map(tables.net, names), key=lambda net: names.index(net.name)):
        label = {"plain": "plain nets", "preact": "pre-activation nets"}.get(net.net, "residual nets")
        label += f", option {net.shortcut}" if net.net != "plain" and options != {"A"} else ""
        label += f", {devices[net.name]}" if len(set(devices.values())) > 1 else ""
        groups.setdefault(label, []).append(net.name)
    return {label: sorted(members, key=lambda name: tables.net(name).depth) for label, members in groups.items()}


def training_devices(tables: Tables, name: str) -> list[str]:
    """What the finished seeds were trained on; several names where they, or stretches of one, were made on several."""
    stretches, done = select(tables.machines, name=name, kind="training"), tables.seeds(name, "done")["seed"]
    return sorted({system.device_name for system in stretches[stretches["seed"].isin(done)]["system"]})


def with_effect(settings: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key.split(".")[-1] not in WITHOUT_EFFECT}


def configuration(tables: Tables, name: str) -> dict[str, Any]:
    """The settings of a net's runs that bear on its errors, with precision and data; the plan's where none has run."""
    net, run = tables.net(name), next(rows(tables.started(name)), None)
    ran = run.settings | {"data": (run.data.name, run.data.split_fingerprint)} if run else {}
    kept = with_effect(net.settings | ran)
    return {key: value for key, value in kept.items() if net.net != "plain" or key not in OF_RESIDUAL_NETS}


def differing_settings(tables: Tables, first: str, second: str) -> dict[str, tuple[Any, Any]]:
    """The settings in which two nets differ, with the value of each."""
    ours, theirs = configuration(tables, first), configuration(tables, second)
    pairs = {key: (ours.get(key), theirs.get(key)) for key in sorted(ours.keys() | theirs.keys())}
    return {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}


def incomparable(tables: Tables, first: str, second: str) -> list[str]:
    """What keeps two nets from being compared: settings but the warm-up; shortcuts only between nets of one kind."""
    ignored = OF_RESIDUAL_NETS if tables.net(first).net != tables.net(second).net else ()
    differing = differing_settings(tables, first, second)
    return [key for key in differing if not key.startswith("train.warmup") and key not in ignored]


def main_net(tables: Tables, kind: str, depth: int) -> str | None:
    """The net that stands for a kind and depth: of several, the first with the fewest settings of its own."""

    def own(name: str) -> int:
        entry = tables.params.models[name]
        return sum(not key.startswith("warmup") for key in {*entry.model, *entry.train} - {"seeds", "device"})

    return min(select(tables.nets, net=kind, depth=depth).index, key=own, default=None)


def main_nets(tables: Tables, kind: str) -> list[str]:
    """One net a depth, by depth."""
    depths = sorted(set(select(tables.nets, net=kind)["depth"]))
    return [name for depth in depths if (name := main_net(tables, kind, depth))]


# What a reader must know about the files


def mixed_settings(tables: Tables, name: str) -> dict[str, list[tuple[Any, list[int]]]]:
    """What differs among the finished runs: values with their seeds, or no values where only identities differ."""
    finished = [(run, with_effect(run.settings)) for run in rows(tables.seeds(name, "done", "diverged"))]
    differing: dict[str, list[tuple[Any, list[int]]]] = {}
    for key in sorted({key for _, ran in finished for key in ran}):
        values = different(ran.get(key) for _, ran in finished)
        if len(values) > 1:
            differing[key] = [(value, [run.seed for run, ran in finished if ran.get(key) == value]) for value in values]
    parts = ("the identity of the configuration", "the data", "the version of what an iteration computes")
    for place, part in enumerate(parts):
        if len({run.identity[place] for run, _ in finished}) > 1 and (place or not differing):
            differing[part] = []
    return differing


def stale_settings(tables: Tables, name: str) -> dict[str, tuple[Any, Any]]:
    """The settings that a net was run with and that the plan no longer asks for: what ran, and what is asked for."""
    net = tables.net(name)
    asked = {k: v for k, v in with_effect(net.settings).items() if net.net != "plain" or not k.startswith("model.")}
    if asked["train.precision"] == "auto":
        del asked["train.precision"]  # every precision is what it asks for
    defaults = flattened({"model": ModelParams().model_dump(), "train": TrainParams().model_dump()})
    effective = [defaults | run.settings for run in rows(tables.started(name))]
    return {key: (ran[key], now) for key, now in asked.items() for ran in effective if ran[key] != now}


def counts(tables: Tables, name: str, quantity: str) -> list[int]:
    """The different counts that a net's files give of its parameters or multiply-adds."""
    layers = select(tables.layers, name=name)[quantity]
    given = [*tables.started(name)[quantity], *select(tables.speed, name=name)[quantity]]
    return sorted({int(value) for value in (*given, *([layers.sum()] if len(layers) else []))})
