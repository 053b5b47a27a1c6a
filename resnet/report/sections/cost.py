"""What depth buys: points of test error for each unit of each cost, and error against cost."""

from functools import partial
from typing import Any

from matplotlib.figure import Figure

from resnet.report import style as drawing
from resnet.report import words
from resnet.report.analysis.cost import KINDS, UNITS, costs, ladders, steps
from resnet.report.markdown import table
from resnet.report.style import COLOURS, KIND_NAMES, MARKERS, Picture, Section
from resnet.report.tables import Tables

POINTS = (
    "Points of test error for each unit more of a cost: negative where depth buys a lower error. Times and energy of "
    "different machines are neither averaged nor set against each other.\n"
)


def steps_table(tables: Tables) -> str:
    level, lines = tables.params.report.confidence, []
    for step in steps(tables):
        points = words.difference(step.difference.value, step.difference.interval(level))
        line = {"step": f"{step.first} to {step.second}", f"points ({100 * level:g} % interval)": points}
        for cost, a_unit in step.a_unit.items():
            cell = f"{a_unit:+.3g}" if isinstance(a_unit, float) else a_unit or words.NONE
            line[f"a {UNITS[cost]}, {cost}"] = cell
        lines.append(line)
    return table(lines)


def figure(tables: Tables) -> Figure | None:
    """Small multiples: mean test error ± std over seeds against each cost that was measured, costs logarithmic.

    A cost that was measured on several devices has a panel for each.
    """
    panels: list[Any] = list(costs(tables).groupby(["cost", "unit", "devices"], sort=False))
    if not panels:
        return None
    figure = drawing.new_figure(max(5.0, 2.5 * len(panels)), 3.4)
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    legend = {}
    for axis, ((cost, unit, devices), panel) in zip(axes, panels, strict=True):
        for kind, line in panel.groupby("net", sort=False):
            k, std = KINDS.index(kind), line["std"].astype(float).fillna(0.0)
            look: dict[str, Any] = {"color": COLOURS[k], "marker": MARKERS[k], "label": KIND_NAMES[kind]}
            legend[kind] = axis.errorbar(line["value"], line["mean"], yerr=std, ms=4, lw=1, capsize=2, **look)
        axis.set_xscale("log")
        drawing.log_ticks(axis.xaxis, sorted({panel["value"].min(), panel["value"].max()}), "{:.3g}".format)
        where = drawing.wrapped(f"on {words.listed(devices)}", 2.2) if devices else ""
        axis.set_xlabel(f"{cost}, {unit}\n{where}".rstrip())
    axes[0].set_ylabel("test error, %")
    length = next(tables.net(name).iterations for names in ladders(tables).values() for name in names)
    where = ", ".join([*(data.name for data in tables.data), f"{words.count(length)} iterations"])
    drawing.entitle(figure, f"Test error against cost on {where}")
    drawing.legend_below(figure, [legend[kind] for kind in KINDS if kind in legend], most=2)
    return figure


def section(tables: Tables) -> Section:
    text = steps_table(tables)
    text += f"\n{POINTS}" if text else ""
    absent = "error against cost (no seed is done)"
    picture = Picture("frontiers", "Test error against what it costs.", absent, partial(figure, tables))
    return Section("What depth buys", text, (picture,))
