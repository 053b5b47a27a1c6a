"""Figure 6: error against iterations, plain nets left and residual nets right."""

from collections import Counter
from functools import partial
from typing import Any, NamedTuple

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, MaxNLocator
from pandas import DataFrame

from resnet.report.analysis.curves import averaged, curves_of
from resnet.report.analysis.nets import aside, most_frequent_length, started
from resnet.report.analysis.protocol import deviations
from resnet.report.analysis.published import published
from resnet.report.style import words
from resnet.report.style.drawing import (
    BOLD,
    DASHED,
    KIND_NAMES,
    MARKERS,
    Picture,
    Section,
    depth_colours,
    legend_columns,
    new_figure,
    wrapped,
)
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


def _paperlike(tables: Tables, names: list[str]) -> bool:
    """Whether the nets ran on the paper's data for its iterations, so that its axes fit."""
    return tables.official and all(d.key != "iterations" for name in names for d in deviations(tables, name))


def _line(tables: Tables, name: str, cut: bool) -> Line | None:
    curves, net = curves_of(tables, name), tables.net(name)
    training, test = (averaged(curves, quantity) for quantity in ("training_error", "test_error"))
    if training.empty and test.empty:
        return None
    seeds = set(curves["seed"])
    notes = [words.numbered(len(seeds), "seed")]
    notes += ["unfinished"] if seeds.isdisjoint(tables.seeds(name, "done")["seed"]) else []
    notes += ["off the scale"] if cut and len(test) and test["mean"].min() > TOP else []
    kind = "plain" if net.net == "plain" else "resnet"
    return Line(name, net.depth, kind, f"{name} ({', '.join(notes)})", len(seeds), training, test)


def _draw_line(panel: Any, line: Line, colour: str, marker: str, unit: int) -> Any:
    """Training error thin and dashed, test error bold; a second net of a depth has markers. Gives the test error's line."""
    handle = None
    for name, curve, shade in (("training", line.training, 0.1), ("test", line.test, 0.15)):
        x, mean = [iteration / unit for iteration in curve.index], curve["mean"].tolist()
        look: dict[str, Any] = {"lw": 0.8, "ls": DASHED, "alpha": 0.9}
        if name == "test":
            dot = "." if len(x) == 1 else ""
            look = {"lw": 1.4 if marker else 1.9, "marker": marker or dot, "markersize": 5, "label": line.label}
            look |= {"markevery": max(1, len(x) // 8), "markerfacecolor": "white" if marker else colour}
        (handle,) = panel.plot(x, mean, color=colour, gid=f"{name}-{line.name}", **look)
        if line.seeds > 1:
            panel.fill_between(x, curve["low"], curve["high"], color=colour, alpha=shade, lw=0)
    return handle


def figure(tables: Tables) -> Figure | None:
    """Thin dashed lines are training error (augmented mini-batches), bold lines test error, both the mean over seeds.

    The bands around them span the seeds. Nets whose runs are of another length than most are left out.
    """
    others = aside(tables)
    names = [name for name in tables.nets.index if name not in others]
    candidates = [name for name in names if not curves_of(tables, name).empty]
    paperlike = _paperlike(tables, candidates)
    lines = [line for name in candidates if (line := _line(tables, name, paperlike))]
    if not lines:
        return None
    kinds = [kind for kind in ("plain", "resnet") if any(line.kind == kind for line in lines)]
    columns = legend_columns([line.label for line in lines], PANEL_WIDTH)
    legend_rows = -(-max(Counter(line.kind for line in lines).values()) // columns)
    figure = new_figure(max(6.0, PANEL_WIDTH * len(kinds) + 0.4), 3.7 + 0.2 * legend_rows)
    axes = figure.subplots(1, len(kinds), sharey=True, squeeze=False)[0]
    colours = depth_colours(tables.nets["depth"])
    parts = [part for line in lines for part in (line.training, line.test) if len(part)]
    longest = max(part.index[-1] for part in parts)
    unit = 10_000 if longest >= 10_000 else 1
    for panel, kind in zip(axes, kinds, strict=True):
        of_kind = [line for line in lines if line.kind == kind]
        handles = []
        for place, line in enumerate(of_kind):
            before = [other.depth for other in of_kind[:place]].count(line.depth)
            handles.append(_draw_line(panel, line, colours[line.depth], MARKERS[before - 1] if before else "", unit))
        panel.set_title(KIND_NAMES[kind])
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
    training = "training error (bands: range of the seeds)"
    iterations = most_frequent_length(tables, started(tables))
    papers = iterations == published().protocol.iterations
    where = words.data_and_length([data.name for data in tables.data], None if papers else iterations)
    figure.legend(
        handles=[
            Line2D([], [], color="#444444", lw=1.9, label="test error"),
            Line2D([], [], color="#444444", lw=0.8, ls=DASHED, label=training),
        ],
        loc="outside upper center",
        ncols=2,
        title=wrapped(f"Learning curves on {where}: mean over seeds", figure.get_figwidth()),
        title_fontproperties=BOLD,
    )
    return figure


def section(tables: Tables) -> Section:
    others = [f"{escaped(name)} ({words.count(tables.net(name).iterations)} iterations)" for name in aside(tables)]
    text = f"Of another length than most, and not in the figures of errors: {words.listed(others)}.\n" if others else ""
    caption = "Training error (thin, dashed) and test error (bold), as in the paper's Figure 6."
    absent = "learning curves (no training run has left one)"
    return Section("Learning curves", text, (Picture("error-vs-iteration", caption, absent, partial(figure, tables)),))
