"""The charts of index.html, one function each: rows in, a Vega-Lite specification out.

A specification names its rows and carries them beside it (`datasets`), so that the schema need not walk through them.
Text and axes take the page's colour, so that a dark page has light axes. The page sets the parameter `nets`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from resnet.report.analysis.responses import far_apart
from resnet.report.html.values import ORDERS

Row = dict[str, Any]
Spec = dict[str, Any]

QUANTITIES = ("test error", "training error")
TOPS = (5, 10, 20, 40, 100)
"""Where the error axis of the curves may end, in %."""

CONFIG: Any = {
    "background": "transparent",
    "font": "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif",
    "view": {"stroke": None},
    "axis": {
        **dict.fromkeys(("labelColor", "titleColor", "gridColor", "domainColor", "tickColor"), "currentColor"),
        **dict.fromkeys(("labelFontSize", "titleFontSize"), 12),
        **dict.fromkeys(("domainOpacity", "tickOpacity"), 0.5),
        "gridOpacity": 0.12,
        "labelOpacity": 0.8,
        "titleFontWeight": "normal",
        "titlePadding": 10,
    },
}
DASHES = ([5, 3], [1, 0], [2, 2], [8, 3, 2, 3])
SHAPES = ("square", "circle", "triangle-up", "diamond")
HOVER = alt.selection_point(name="hovered", on="pointerover", clear="pointerout", empty=False)
HOVERED = alt.condition(HOVER, alt.value(1), alt.value(0))
"""Points that answer a pointer are not seen until it is there: the lines say where they are."""
THOUSANDS = "datum.value < 1000 ? datum.label : format(datum.value / 1000, '~g') + 'k'"
SHOWN = "indexof(nets, datum.name) >= 0"
PUBLISHED = f"published && ({SHOWN} || !datum.begun)"
"""A published figure of a net that has not begun has no switch of its own."""


def families(nets: Sequence[Row]) -> dict[str, int]:
    """The place of each kind among dashes and shapes: the first is the plain nets'."""
    ordered = list(dict.fromkeys(net["family"] for net in nets))
    first = 0 if ordered and ordered[0].startswith("plain") else 1
    return {family: (first + place) % len(SHAPES) for place, family in enumerate(ordered)}


def _by_depth(nets: Sequence[Row]) -> alt.Color:
    colours = {net["depth"]: net["colour"] for net in nets}
    scale = alt.Scale(domain=list(colours), range=list(colours.values()))
    return alt.Color("depth:N", scale=scale, legend=None)


def _by_family(channel: Any, nets: Sequence[Row], looks: Sequence[Any]) -> Any:
    places = families(nets)
    scale = alt.Scale(domain=list(places), range=[looks[place] for place in places.values()])
    return channel("family:N", scale=scale, legend=None)


def _shown(nets: Sequence[Row]) -> alt.Parameter:
    return alt.param(name="nets", value=[net["name"] for net in nets if net["shown"]])


def _select(name: str, label: str, options: Sequence[Any], value: Any) -> alt.Parameter:
    return alt.param(name=name, value=value, bind=alt.binding_select(options=list(options), name=label))


def _spec(chart: Any, title: str, description: str, height: int, **datasets: Any) -> Spec:
    sized = chart.properties(
        width="container", height=height, autosize=alt.AutoSizeParams(type="fit-x", contains="padding")
    )
    spec: Spec = sized.properties(description=f"{title}. {description}").configure(**CONFIG).to_dict()
    return spec | {"datasets": datasets}


def _rows(name: str, *conditions: str) -> Any:
    """Rows by their name in `datasets` for which all conditions hold."""
    chart: Any = alt.Chart(alt.NamedData(name))
    for condition in conditions:
        chart = chart.transform_filter(condition)
    return chart


def layered(**layers: Any) -> Any:
    """Layers under their names, which the marks bear in the page."""
    return alt.layer(*(layer.properties(name=name) for name, layer in layers.items()))


def tooltip(*fields: str) -> list[alt.Tooltip]:
    """Fields of text by their names, in which a dot or a bracket is no path."""
    titles = {"name": "net", "rev": "revision"}
    names = {field: re.sub(r"([.\[\]])", r"\\\1", field) for field in fields}
    return [alt.Tooltip(field=name, type="nominal", title=titles.get(x, x)) for x, name in names.items()]


def _error_layers(nets: Sequence[Row], level: str) -> dict[str, Any]:
    """The layers of `errors` by their names, in the order in which they are drawn; `level` names the interval."""
    places = alt.Axis(values=alt.ExprRef("ticks[axis]"), format=",.4~g", labelOverlap="greedy")
    x = alt.X("place:Q", title=None, scale=alt.Scale(type="log", padding=28, nice=False), axis=places)
    y = alt.Y("error:Q", title="test error, %", scale=alt.Scale(zero=False, padding=12), axis=alt.Axis(tickCount=6))
    colour, shape = _by_depth(nets), _by_family(alt.Shape, nets, SHAPES)

    def placed(name: str, condition: str = SHOWN) -> Any:
        rows = _rows(name, condition).transform_calculate(place="datum[axis]")
        return rows.transform_filter("isValid(datum.place)")

    means = placed("points").transform_calculate(
        where="format(datum.place, '.4~g') + (datum.devices[axis] ? ' on ' + datum.devices[axis] : '')"
    )
    hover = [
        *tooltip("name", "test error", level, "seeds"),
        alt.Tooltip("where:N", title="at"),
    ]
    lines = (
        means.transform_filter("datum.shown")
        .mark_line(stroke="currentColor", strokeWidth=1.2, opacity=0.45)
        .encode(x, y, strokeDash=_by_family(alt.StrokeDash, nets, DASHES))
    )
    intervals = means.transform_filter("isValid(datum.low)").mark_rule(strokeWidth=2, opacity=0.8)
    intervals = intervals.encode(x, alt.Y("low:Q"), alt.Y2("high:Q"), color=colour)
    hollow = (
        placed("others", PUBLISHED)
        .mark_point(size=50, strokeWidth=1.4, stroke="currentColor", xOffset=11)
        .encode(
            x,
            y,
            shape=alt.condition("datum.paper", alt.value("diamond"), alt.value("triangle-down")),
            opacity=alt.condition("datum.paper", alt.value(0.9), alt.value(0.45)),
            tooltip=tooltip("source", "name", "published", "shortcut"),
        )
    )
    dots = placed("seeds").mark_point(size=20, filled=True, opacity=0.6, xOffset=-11)
    dots = dots.encode(x, y, color=colour, shape=shape, tooltip=tooltip("name", "seed", "test error"))
    marks = means.mark_point(size=120, filled=True, opacity=1)
    marks = marks.encode(x, y, color=colour, shape=shape, tooltip=hover, description=alt.Description("name:N"))
    return {"kinds": lines, "hollow": hollow, "intervals": intervals, "dots": dots, "means": marks}


def errors(
    points: Sequence[Row],
    seeds: Sequence[Row],
    others: Sequence[Row],
    nets: Sequence[Row],
    axes: Sequence[str],
    published: bool,
) -> Spec:
    """Test error against what the reader chooses: mean with interval, each seed, and published figures, hollow."""
    level = next((key for key in (points[0] if points else ()) if key.endswith("% interval")), "interval")
    title = alt.TitleParams(
        alt.ExprRef("axis"), orient="bottom", fontSize=12, fontWeight="normal", color="currentColor", offset=12
    )
    drawn = _error_layers(nets, level).items()
    chart = layered(**{name: layer for name, layer in drawn if others or name != "hollow"})
    chart = chart.properties(title=title)
    chart = chart.add_params(_shown(nets), _select("axis", "against", axes, axes[0]))
    ours, theirs = ({row[axes[0]] for row in rows} for rows in (points, others))
    ticks = [json.dumps({axes[0]: sorted(depths)}) for depths in (ours | theirs, ours)]
    if others:
        box = alt.binding_checkbox(name="published figures")
        chart = chart.add_params(alt.param(name="published", value=published, bind=box))
    # At the depths that are drawn; an axis of another quantity has the ticks that Vega chooses.
    chart = chart.add_params(
        alt.param(name="ticks", expr=f"published ? {ticks[0]} : {ticks[1]}" if others else ticks[1])
    )
    described = (
        "A point a net, its mean over seeds; a line its interval; small points are seeds, hollow ones published."
    )
    data = {"points": list(points), "seeds": list(seeds), "others": list(others)}
    return _spec(chart, "Test error of the nets", described, 400, **data)


def curves(runs: Sequence[Row], nets: Sequence[Row], top: float) -> Spec:
    """Error against iterations, a line a seed."""
    base = (
        _rows("runs", SHOWN).transform_flatten(["iteration", *QUANTITIES]).transform_calculate(error="datum[quantity]")
    )
    base = base.transform_filter("isValid(datum.error)")
    ends = alt.Scale(domainMin=0, nice=False)
    x = alt.X("iteration:Q", title="iteration", axis=alt.Axis(labelExpr=THOUSANDS, grid=False, tickCount=8), scale=ends)
    y = alt.Y("error:Q", title="error, %", scale=alt.Scale(domainMin=0, domainMax=alt.ExprRef("top"), nice=False))
    lines = base.mark_line(strokeWidth=1.3, opacity=0.8, clip=True).encode(
        x,
        y,
        color=_by_depth(nets),
        strokeDash=_by_family(alt.StrokeDash, nets, DASHES),
        detail=["name:N", "seed:N"],
        description=alt.Description("name:N"),
        tooltip=tooltip("name", "seed"),
    )
    counted = base.transform_window(number="row_number()", groupby=["name", "seed"])
    points = counted.transform_filter("datum.number % datum.every[quantity] == 0").transform_calculate(
        **{f"{quantity}, %": f"isValid(datum['{quantity}']) ? datum['{quantity}'] : '–'" for quantity in QUANTITIES}
    )
    hovered = points.mark_point(size=60, filled=True, clip=True).encode(
        x,
        y,
        color=_by_depth(nets),
        opacity=HOVERED,
        tooltip=tooltip("name", "seed", "iteration", *(f"{quantity}, %" for quantity in QUANTITIES)),
    )
    chart = layered(lines=lines, points=hovered.add_params(HOVER)).add_params(
        _shown(nets),
        _select("quantity", "show", QUANTITIES, QUANTITIES[0]),
        _select("top", "up to, %", TOPS, top),
    )
    described = "A line a seed of the nets that are shown; colours tell depths, dashes kinds of nets."
    return _spec(chart, "Error while training", described, 380, runs=list(runs))


def responses(layers: Sequence[Row], nets: Sequence[Row]) -> Spec:
    """How strongly each layer responds, a line a net with its range over seeds: the paper's Figure 7."""
    columns = ["layer", "mean", "low", "high"]
    base = _rows("layers", SHOWN, "datum.order == order").transform_flatten(columns)
    # A net of a thousand layers leaves no room for others on an even scale.
    deep = max(len(row["layer"]) for row in layers) > 200
    along = alt.Scale(type="log" if deep else "linear", nice=False)
    x = alt.X("layer:Q", title="3x3 layer", axis=alt.Axis(tickMinStep=1, grid=False, tickCount=8), scale=along)
    apart = far_apart(row["mean"] for row in layers)
    upwards = alt.Scale(type="log", nice=False) if apart else alt.Scale(zero=True)
    y = alt.Y("mean:Q", title=f"std of the response{', log scale' if apart else ''}", scale=upwards)
    look: Mapping[str, Any] = {"color": _by_depth(nets), "detail": ["name:N"]}
    bands = base.mark_area(opacity=0.15).encode(x, alt.Y("low:Q"), alt.Y2("high:Q"), **look)
    dashes = _by_family(alt.StrokeDash, nets, DASHES)
    lines = base.mark_line(strokeWidth=1.6).encode(x, y, strokeDash=dashes, description="name:N", **look)
    points = base.transform_filter("datum.layer % datum.every == 0").mark_point(size=60, filled=True)
    hover = tooltip("name", "layer", "mean", "low", "high", "seeds")
    points = points.encode(x, y, tooltip=hover, opacity=HOVERED, **look)
    chart = layered(ranges=bands, lines=lines, points=points.add_params(HOVER)).add_params(
        _shown(nets), _select("order", "layers", ORDERS, ORDERS[0])
    )
    described = "Standard deviation after batch norm, before ReLU and addition; a line a net, mean over seeds."
    return _spec(chart, "Responses of the layers", described, 320, layers=list(layers))
