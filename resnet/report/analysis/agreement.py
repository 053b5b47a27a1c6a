"""Whether the files of a net agree: its seeds with one another, its runs with the plan, and the counts of its files."""

from typing import Any

from pandas import DataFrame, Series

from resnet.params.bearing import bearing_on_result, configuration
from resnet.report.tables import Tables, different, rows, select


def current_runs(tables: Tables, name: str) -> DataFrame:
    """The runs of a net that have begun under the plan's identity, as `resnet status` counts them.

    That is its settings, and the version of what an iteration computes today, where `tables` has it. All other runs
    are as good as not begun: training moves them aside.
    """
    settings, started = tables.params.settings(name), tables.started(name)

    def is_current(run: Any) -> bool:
        precision = settings.train.precision_beside(run.precision)
        planned = configuration(settings.net, settings.depth, settings.model, settings.train, precision)
        made, _, version = run.identity
        return made == planned and tables.version in (None, version)

    return started[Series([is_current(run) for run in rows(started)], started.index, dtype=bool)]


def stale_runs(tables: Tables, name: str) -> DataFrame:
    """The runs of a net that have begun under other settings or another version than the plan's."""
    started = tables.started(name)
    return started.drop(current_runs(tables, name).index)


def stale_versions(tables: Tables, name: str) -> list[int]:
    """The versions of what an iteration computes that made a net's runs and are not the one of today."""
    versions = {version for _, _, version in tables.started(name)["identity"]}
    return sorted(versions - {tables.version}) if tables.version is not None else []


def mixed_settings(tables: Tables, name: str) -> dict[str, list[tuple[Any, list[int]]]]:
    """What differs among the finished runs: values with their seeds, or no values where only identities differ."""
    kind = tables.net(name).net
    finished = [(run, bearing_on_result(kind, run.settings)) for run in rows(tables.seeds(name, "done", "diverged"))]
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
    asked = bearing_on_result(net.net, net.settings)
    if asked["train.precision"] == "auto":
        del asked["train.precision"]  # every precision is what it asks for
    ran = tables.started(name)["settings"]
    return {key: (settings[key], now) for key, now in asked.items() for settings in ran if settings[key] != now}


def counts(tables: Tables, name: str, quantity: str) -> list[int]:
    """The different counts that a net's files give of its parameters or multiply-adds."""
    layers = select(tables.layers, name=name)[quantity]
    given = [*tables.started(name)[quantity], *select(tables.speed, name=name)[quantity]]
    return sorted({int(value) for value in (*given, *([layers.sum()] if len(layers) else []))})
