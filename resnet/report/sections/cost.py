"""What depth buys: points of test error for each unit of each cost, and error against cost."""

from functools import partial

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from resnet.report.analysis.cost import KINDS, costs, ladders, steps
from resnet.report.style import words
from resnet.report.style.drawing import BOLD, COLOURS, KIND_NAMES, MARKERS, Picture, Section, new_figure, wrapped
from resnet.report.style.markdown import table
from resnet.report.tables import Tables


def steps_table(tables: Tables) -> str:
    level, lines = tables.params.report.confidence, []
    for step in steps(tables):
        points = f"{step.difference.value:+.2f} ({words.interval(step.difference.interval(level))})"
        line = {"step": f"{step.first} to {step.second}", f"points ({words.confidence(level)})": points}
        for cost, a_unit in step.a_unit.items():
            cell = f"{a_unit:+.3g}" if isinstance(a_unit, float) else a_unit or words.NONE
            line[f"a {cost.unit}, {cost.name}"] = cell
        lines.append(line)
    return table(lines)


def figure(tables: Tables) -> Figure | None:
    """Small multiples: mean test error ± std over seeds against each cost that was measured, costs logarithmic.

    A cost that was measured on several devices has a panel for each.
    """
    points = costs(tables)
    panels = list(points.groupby(["cost", "unit", "devices"], sort=False))
    if not panels:
        return None
    figure = new_figure(max(5.0, 2.5 * len(panels)), 3.4)
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    legend = {}
    for axis, ((cost, unit, devices), panel) in zip(axes, panels, strict=True):
        for kind, line in panel.groupby("net", sort=False):
            look = KINDS.index(str(kind))
            legend[kind] = axis.errorbar(
                line["value"].tolist(),
                line["mean"].tolist(),
                yerr=line["std"].astype(float).fillna(0.0).tolist(),
                color=COLOURS[look],
                marker=MARKERS[look],
                ms=4,
                lw=1,
                capsize=2,
                label=KIND_NAMES[str(kind)],
            )
        axis.set_xscale("log")
        axis.xaxis.set_major_locator(FixedLocator(sorted({panel["value"].min(), panel["value"].max()})))
        axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
        axis.xaxis.set_minor_locator(NullLocator())
        where = wrapped(f"on {words.listed(devices)}", 2.2) if devices else ""
        axis.set_xlabel(f"{cost}, {unit}\n{where}".rstrip())
    axes[0].set_ylabel("test error, %")
    drawn = next(name for names in ladders(tables).values() for name in names)
    where = words.data_and_length([data.name for data in tables.data], int(tables.net(drawn).iterations))
    figure.suptitle(wrapped(f"Test error against cost on {where}", figure.get_figwidth()), **BOLD)
    figure.legend(handles=[legend[kind] for kind in KINDS if kind in legend], loc="outside lower center", ncols=2)
    return figure


def section(tables: Tables) -> Section:
    written = steps_table(tables)
    if written:
        written += "\nPoints of test error for each unit more of a cost: negative where depth buys a lower error.\n"
    absent = "error against cost (no seed is done)"
    picture = Picture("frontiers", "Test error against what it costs.", absent, partial(figure, tables))
    return Section("What depth buys", written, (picture,))
