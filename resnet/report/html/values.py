"""What the charts show: tables in, rows out, with the words that a hover shows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from resnet.report import words
from resnet.report.analysis.cost import UNITS, costs_of
from resnet.report.analysis.curves import drawn_runs
from resnet.report.analysis.nets import aside, error_interval, main_net, over_seeds, series, started, without_ablations
from resnet.report.analysis.responses import profile, responses_by_seed
from resnet.report.published import published
from resnet.report.style import depth_colours
from resnet.report.tables import Tables, rows, select

DEPTH = "depth, weighted layers"
AXES = (DEPTH, *(f"{cost}, {unit}" for cost, unit in UNITS.items()))
"""What error may be drawn against; the names are columns of `errors`."""
ORDERS = ("in the order of the layers", "sorted by magnitude")

POINTS = 160
"""Most points of a seed's curve beside those where test error was measured; a screen shows no more."""
HOVERED = 32
"""Most points of a line that answer a pointer: more could not be hit apart."""

Row = dict[str, Any]


def legend(tables: Tables) -> list[Row]:
    """The nets that have begun, by kind and depth, each with its colour; `shown` at first are those of one ladder.

    What differs from a ladder in more than depth, or ran for another length, waits for a click.
    """
    names, others = started(tables), aside(tables)
    colours = depth_colours(tables.nets["depth"])
    families = sorted(series(tables, names).items(), key=lambda family: not family[0].startswith("plain"))
    return [
        {
            "name": name,
            "family": family,
            "depth": int(net.depth),
            "colour": colours[net.depth],
            "shown": name == main_net(tables, net.net, net.depth) and name not in others,
        }
        for family, members in families
        for name in members
        for net in [tables.net(name)]
    ]


def errors(tables: Tables, nets: Sequence[Row]) -> list[Row]:
    """A row a net with results: mean test error, its interval, and what it is drawn against."""
    level, written = tables.params.report.confidence, []
    for net in nets:
        sample = over_seeds(tables, net["name"], "test_error")
        if not sample:
            continue
        ends = error_interval(tables, sample)
        costs = costs_of(tables, net["name"])
        seeds = [int(seed) for seed in tables.seeds(net["name"], "done")["seed"]]
        written.append(
            {
                **{key: net[key] for key in ("name", "family", "depth", "shown")},
                "error": sample.mean,
                "low": ends.low if ends else None,
                "high": ends.high if ends else None,
                "test error": f"{words.spread(sample.mean, sample.std, None)} %",
                f"{100 * level:g} % interval": f"{words.interval_of_mean(ends)} %" if ends else "none: one seed",
                "seeds": f"{sample.n} ({', '.join(map(str, seeds))})",
                "devices": {
                    f"{cost}, {UNITS[cost]}": ", ".join(costs[cost].devices) for cost in UNITS if costs[cost].devices
                },
                **_places(tables, net["name"]),
            }
        )
    return written


def _places(tables: Tables, name: str) -> Row:
    """Where a net stands on each axis."""
    values = {f"{cost}, {UNITS[cost]}": of_net.value for cost, of_net in costs_of(tables, name).items()}
    kept = {axis: value for axis, value in values.items() if value and math.isfinite(value)}
    return {DEPTH: int(tables.net(name).depth), **kept}


def seeds(tables: Tables, points: Sequence[Row]) -> list[Row]:
    """A row a finished seed of the nets that have a point, where its net's stands."""
    return [
        {
            **{key: value for key, value in point.items() if key in ("name", "family", "depth", *AXES)},
            "seed": int(run.seed),
            "error": run.test_error,
            "test error": f"{words.percent(run.test_error)} %",
        }
        for point in points
        for run in rows(tables.seeds(point["name"], "done"))
    ]


def others(tables: Tables) -> list[Row]:
    """What was published about the kinds and depths of the plan, run or not; on the official data alone.

    A figure stands under the net that stands for its kind and depth, and disappears with it; `begun`: the reader has a
    switch for that. With another shortcut than the net's it has no other place than its depth.
    """
    if not tables.official:
        return []
    known, begun = published(), started(tables)
    return [
        {
            "name": net.name,
            "begun": net.name in begun,
            "source": figure.source,
            "paper": figure.source == "paper",
            "error": figure.error,
            "published": f"{words.published_error(figure, best=False)} %",
            "shortcut": known.shortcut_of(figure),
            **{axis: places[axis] for axis in (AXES[:3] if alike else AXES[:1]) if axis in places},
        }
        for net in map(tables.net, without_ablations(tables))
        for places in [_places(tables, net.name)]
        for figure in known.errors_of(net.net, net.depth)
        for alike in [known.shortcut_of(figure) == net.shortcut]
    ]


def at_full_length(tables: Tables, nets: Sequence[Row]) -> bool:
    """Whether published errors may stand beside ours at first: the nets that are shown ran as long as the paper's."""
    lengths = {int(tables.net(net["name"]).iterations) for net in nets if net["shown"]}
    return lengths == {published().protocol.iterations}


def axes(points: Sequence[Row]) -> list[str]:
    """The axes that have data."""
    return [axis for axis in AXES if any(axis in point for point in points)]


def curves(tables: Tables, nets: Sequence[Row]) -> list[Row]:
    """A row a seed, its curve in lists: iterations, training and test errors in %; None where none was measured."""
    drawn, written = drawn_runs(tables), []
    for net in nets:
        of_net = select(drawn, name=net["name"])
        for seed in dict.fromkeys(map(int, of_net["seed"])):
            curve = select(of_net, seed=seed)
            step = math.ceil(len(curve) / POINTS)
            kept = curve[curve["test_error"].notna() | (np.arange(len(curve)) % step == step - 1)]
            measured = int(kept["test_error"].notna().sum())
            written.append(
                {
                    **{key: net[key] for key in ("name", "family", "depth")},
                    "seed": seed,
                    "every": {
                        "test error": math.ceil(measured / HOVERED) or 1,
                        "training error": math.ceil(len(kept) / HOVERED) or 1,
                    },
                    "iteration": [int(iteration) for iteration in kept["iteration"]],
                    "test error": _finite(kept["test_error"]),
                    "training error": _finite(kept["training_error"]),
                }
            )
    return written


def _finite(values: Any, digits: int = 2) -> list[float | None]:
    return [round(value, digits) if math.isfinite(value) else None for value in map(float, values)]


def top(tables: Tables, nets: Sequence[Row], choices: Sequence[int]) -> int:
    """Where the error axis of the curves ends at first: the smallest choice that leaves the last errors below half."""
    samples = [over_seeds(tables, net["name"], "test_error") for net in nets if net["shown"]]
    last = max((sample.mean for sample in samples if sample), default=100.0)
    return next((choice for choice in sorted(choices) if choice >= 2 * last), max(choices))


def responses(tables: Tables, nets: Sequence[Row]) -> list[Row]:
    """Two rows a net, one an order, its layers in lists: mean, low and high over seeds."""
    written = []
    for net in nets:
        by_seed = responses_by_seed(tables, net["name"])
        for order in ORDERS if len(by_seed) else ():
            line = profile(by_seed, ordered=order == ORDERS[1])
            written.append(
                {
                    **{key: net[key] for key in ("name", "family", "depth")},
                    "order": order,
                    "seeds": len(by_seed),
                    "every": math.ceil(len(line) / HOVERED),
                    "layer": list(range(1, len(line) + 1)),
                    **{column: _finite(line[column], 3) for column in ("mean", "low", "high")},
                }
            )
    return written
