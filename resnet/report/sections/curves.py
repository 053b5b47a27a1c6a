"""Figure 6: error against iterations. Plain nets, residual nets, and the residual nets beyond 110 layers."""

from functools import partial
from typing import Any, NamedTuple

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator
from pandas import DataFrame

from resnet.report import style as drawing
from resnet.report import words
from resnet.report.analysis.curves import averaged, curves_of
from resnet.report.analysis.nets import DEEPEST, aside, run_on, without_ablations
from resnet.report.analysis.protocol import deviations
from resnet.report.markdown import escaped
from resnet.report.style import Picture, Section
from resnet.report.tables import Tables

TOP = 20.0
"""Upper end of the error axis in %, as in the paper's Figure 6."""

WIDTH = 9.2


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


def _line(tables: Tables, name: str) -> Line:
    curves, net = curves_of(tables, name), tables.net(name)
    training, test = (averaged(curves, quantity) for quantity in ("training_error", "test_error"))
    seeds = set(curves["seed"])
    unfinished = ", unfinished" if seeds.isdisjoint(tables.seeds(name, "done")["seed"]) else ""
    kind = "plain" if net.net == "plain" else "resnet"
    return Line(name, net.depth, kind, f"{net.depth}-layer, n = {len(seeds)}{unfinished}", len(seeds), training, test)


def panels(lines: list[Line]) -> dict[str, list[Line]]:
    """The lines of each panel under its title; a panel without a line is left out."""
    plain = [line for line in lines if line.kind == "plain"]
    residual = [line for line in lines if line.kind == "resnet" and line.depth <= DEEPEST]
    beyond = [line for line in lines if line.kind == "resnet" and line.depth > DEEPEST]
    deepest = [max(residual, key=lambda line: line.depth)] if residual and beyond else []
    depths = words.listed(str(line.depth) for line in deepest + beyond)
    titled = {"plain nets": plain, "residual nets": residual, f"residual nets, {depths} layers": deepest + beyond}
    return {title: drawn for title, drawn in titled.items() if drawn}


def _draw_line(panel: Any, line: Line, colour: str, unit: int) -> None:
    """Training error thin and dashed, test error bold."""
    thin: dict[str, Any] = {"lw": 0.8, "ls": drawing.DASHED, "alpha": 0.9}
    bold: dict[str, Any] = {"lw": 1.9, "marker": "." if len(line.test) == 1 else "", "label": line.label}
    for name, curve, shade, look in (("training", line.training, 0.1, thin), ("test", line.test, 0.15, bold)):
        x = [iteration / unit for iteration in curve.index]
        panel.plot(x, curve["mean"], color=colour, gid=f"{name}-{line.name}", **look)
        if line.seeds > 1:
            panel.fill_between(x, curve["low"], curve["high"], color=colour, alpha=shade, lw=0)


def _label_lines(panel: Any, lines: list[Line], colours: dict[int, str], unit: int) -> None:
    """Write each line's label at its end, apart from one another; a line above the axis is named in the title."""
    low, high = panel.get_ylim()
    right = panel.get_xlim()[1]
    ends = {line.label: (line, curve) for line in lines if len(curve := line.test if len(line.test) else line.training)}
    hidden = [line.name for line, curve in ends.values() if curve["mean"].min() > high]
    shown = [(curve["mean"].iloc[-1], curve.index[-1] / unit, line) for line, curve in ends.values()]
    shown = [(y, x, line) for y, x, line in sorted(shown, key=lambda end: end[0]) if line.name not in hidden]
    heights = drawing.apart([min(max(y, low), high) for y, _, _ in shown], 0.052 * (high - low))
    for (y, x, line), height in zip(shown, heights, strict=True):
        look: dict[str, Any] = {"color": colours[line.depth], "va": "center", "fontsize": 8, "annotation_clip": False}
        arrow: dict[str, Any] = {"arrowstyle": "-", "lw": 0.6, "color": colours[line.depth], "relpos": (0, 0.5)}
        arrow |= {"shrinkA": 1, "shrinkB": 0}
        panel.annotate(line.label, (x, min(y, high)), (right * 1.04, height), arrowprops=arrow, **look)
    if hidden:
        panel.set_title(f"{panel.get_title()}\n({words.listed(hidden)}: above {high:g} %)")


def figure(tables: Tables) -> Figure | None:
    """Dashed lines are training error (augmented mini-batches), bold lines test error, both the mean over seeds.

    The bands around them span the seeds. Ablations, and nets whose runs are of another length than most, are left out.
    """
    others = aside(tables)
    names = [name for name in without_ablations(tables) if name not in others and len(curves_of(tables, name))]
    lines = [line for name in names if len((line := _line(tables, name)).training) or len(line.test)]
    if not lines:
        return None
    paperlike = tables.official and all(d.key != "iterations" for name in names for d in deviations(tables, name))
    titled = panels(lines)
    figure = drawing.new_figure(WIDTH, 3.5)
    axes = figure.subplots(1, len(titled), sharey=True, squeeze=False)[0]
    colours = drawing.depth_colours(tables.nets["depth"])
    parts = [part for line in lines for part in (line.training, line.test) if len(part)]
    longest = max(part.index[-1] for part in parts)
    unit = 10_000 if longest >= 10_000 else 1
    for panel, (title, drawn) in zip(axes, titled.items(), strict=True):
        for line in drawn:
            _draw_line(panel, line, colours[line.depth], unit)
        panel.set_title(title)
        panel.set_xlabel("iterations, 1e4" if unit > 1 else "iterations")
        panel.xaxis.set_major_locator(MaxNLocator(7 if len(titled) < 3 else 4, integer=True))
        panel.set_xlim(0, longest / unit)
    axes[0].set_ylabel("error, %")
    if paperlike:
        axes[0].set_ylim(0, TOP)
        axes[0].yaxis.set_major_locator(FixedLocator([0, 5, 10, 15, 20]))
    else:
        low, high = min(part["low"].min() for part in parts), max(part["high"].max() for part in parts)
        margin = 0.06 * (high - low) or 1.0
        axes[0].set_ylim(0 if low < 0.5 * high else low - margin, high + margin)
    for panel, drawn in zip(axes, titled.values(), strict=True):
        _label_lines(panel, drawn, colours, unit)
    grey: dict[str, Any] = {"color": "#444444"}
    title = drawing.wrapped(f"Learning curves on {run_on(tables)}, mean over n seeds", WIDTH)
    training = drawing.entry("training error (bands: range of the seeds)", lw=0.8, ls=drawing.DASHED, **grey)
    heading: dict[str, Any] = {"loc": "outside upper center", "title": title, "title_fontproperties": drawing.BOLD}
    figure.legend(handles=[drawing.entry("test error", lw=1.9, **grey), training], ncols=2, **heading)
    return figure


def section(tables: Tables) -> Section:
    others = (f"{escaped(name)} ({words.count(tables.net(name).iterations)} iterations)" for name in aside(tables))
    listed = words.listed(others)
    text = f"Of another length than most, and not in the figures of errors: {listed}.\n" if listed else ""
    caption = "Training error (dashed) and test error (bold), as in the paper's Figure 6."
    absent = "learning curves (no training run has left one)"
    return Section("Learning curves", text, (Picture("error-vs-iteration", caption, absent, partial(figure, tables)),))
