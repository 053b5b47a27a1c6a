"""Figure 6: error against iterations, plain nets left and residual nets right."""

from collections import Counter
from functools import partial
from typing import Any, NamedTuple

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator
from pandas import DataFrame

from resnet.report.analysis.curves import averaged, curves_of
from resnet.report.analysis.nets import aside, run_on
from resnet.report.analysis.protocol import deviations
from resnet.report.style import drawing, words
from resnet.report.style.drawing import Picture, Section
from resnet.report.style.markdown import escaped
from resnet.report.tables import Tables

TOP = 20.0
"""Upper end of the error axis in %, as in the paper's Figure 6."""

PANEL_WIDTH = 4.6


class Line(NamedTuple):
    """What is drawn of a net."""

    name: str
    depth: int
    kind: str
    """`plain` or `resnet`, which pre-activation nets count among."""
    label: str
    seeds: int
    training: DataFrame
    test: DataFrame


def _line(tables: Tables, name: str, cut: bool) -> Line:
    curves, net = curves_of(tables, name), tables.net(name)
    training, test = (averaged(curves, quantity) for quantity in ("training_error", "test_error"))
    seeds = set(curves["seed"])
    notes = [words.numbered(len(seeds), "seed")]
    notes += ["unfinished"] if seeds.isdisjoint(tables.seeds(name, "done")["seed"]) else []
    notes += ["off the scale"] if cut and test["mean"].min() > TOP else []
    kind = "plain" if net.net == "plain" else "resnet"
    return Line(name, net.depth, kind, f"{name} ({', '.join(notes)})", len(seeds), training, test)


def _draw_line(panel: Any, line: Line, colour: str, marker: str, unit: int) -> Any:
    """Training error thin and dashed, test error bold; a second net of a depth has markers. Gives the bold line."""
    thin: dict[str, Any] = {"lw": 0.8, "ls": drawing.DASHED, "alpha": 0.9}
    bold: dict[str, Any] = {"lw": 1.4 if marker else 1.9, "label": line.label, "markersize": 5}
    bold |= {"marker": marker or ("." if len(line.test) == 1 else ""), "markevery": max(1, len(line.test) // 8)}
    bold |= {"markerfacecolor": "white" if marker else colour}
    handle = None
    for name, curve, shade, look in (("training", line.training, 0.1, thin), ("test", line.test, 0.15, bold)):
        x = [iteration / unit for iteration in curve.index]
        (handle,) = panel.plot(x, curve["mean"], color=colour, gid=f"{name}-{line.name}", **look)
        if line.seeds > 1:
            panel.fill_between(x, curve["low"], curve["high"], color=colour, alpha=shade, lw=0)
    return handle


def figure(tables: Tables) -> Figure | None:
    """Thin dashed lines are training error (augmented mini-batches), bold lines test error, both the mean over seeds.

    The bands around them span the seeds. Nets whose runs are of another length than most are left out.
    """
    others = aside(tables)
    names = [name for name in tables.nets.index if name not in others and len(curves_of(tables, name))]
    paperlike = tables.official and all(d.key != "iterations" for name in names for d in deviations(tables, name))
    lines = [line for name in names if len((line := _line(tables, name, paperlike)).training) or len(line.test)]
    if not lines:
        return None
    counted = Counter(line.kind for line in lines)
    kinds = [kind for kind in drawing.KIND_NAMES if kind in counted]
    columns = drawing.legend_columns([line.label for line in lines], PANEL_WIDTH)
    height = 3.7 + 0.2 * -(-max(counted.values()) // columns)
    figure = drawing.new_figure(max(6.0, PANEL_WIDTH * len(kinds) + 0.4), height)
    axes = figure.subplots(1, len(kinds), sharey=True, squeeze=False)[0]
    colours = drawing.depth_colours(tables.nets["depth"])
    parts = [part for line in lines for part in (line.training, line.test) if len(part)]
    longest = max(part.index[-1] for part in parts)
    unit = 10_000 if longest >= 10_000 else 1
    for panel, kind in zip(axes, kinds, strict=True):
        handles, depths = [], list[int]()
        for line in (line for line in lines if line.kind == kind):
            marker = drawing.MARKERS[depths.count(line.depth) - 1] if line.depth in depths else ""
            handles.append(_draw_line(panel, line, colours[line.depth], marker, unit))
            depths.append(line.depth)
        panel.set_title(drawing.KIND_NAMES[kind])
        panel.set_xlabel("iterations, 1e4" if unit > 1 else "iterations")
        panel.xaxis.set_major_locator(MaxNLocator(7, integer=unit == 1))
        panel.set_xlim(0, 1.015 * longest / unit)
        below: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.16)}
        panel.legend(handles=handles, ncols=min(columns, len(handles)), **below)
    axes[0].set_ylabel("error, %")
    if paperlike:
        axes[0].set_ylim(0, TOP)
        axes[0].yaxis.set_major_locator(FixedLocator([0, 5, 10, 15, 20]))
    else:
        low, high = min(part["low"].min() for part in parts), max(part["high"].max() for part in parts)
        margin = 0.06 * (high - low) or 1.0
        axes[0].set_ylim(0 if low < 0.5 * high else low - margin, high + margin)
    grey: dict[str, Any] = {"color": "#444444"}
    title = drawing.wrapped(f"Learning curves on {run_on(tables)}: mean over seeds", figure.get_figwidth())
    training = drawing.entry("training error (bands: range of the seeds)", lw=0.8, ls=drawing.DASHED, **grey)
    heading: dict[str, Any] = {"loc": "outside upper center", "title": title, "title_fontproperties": drawing.BOLD}
    figure.legend(handles=[drawing.entry("test error", lw=1.9, **grey), training], ncols=2, **heading)
    return figure


def section(tables: Tables) -> Section:
    others = (f"{escaped(name)} ({words.count(tables.net(name).iterations)} iterations)" for name in aside(tables))
    listed = words.listed(others)
    text = f"Of another length than most, and not in the figures of errors: {listed}.\n" if listed else ""
    caption = "Training error (thin, dashed) and test error (bold), as in the paper's Figure 6."
    absent = "learning curves (no training run has left one)"
    return Section("Learning curves", text, (Picture("error-vs-iteration", caption, absent, partial(figure, tables)),))
