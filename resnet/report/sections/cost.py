"""Error against what it costs: parameters, multiply-adds, inference, training time and energy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from resnet.report.analysis.comparisons import change, main_rows
from resnet.report.analysis.statistics import Sample
from resnet.report.style import words as text
from resnet.report.style.drawing import BOLD, COLOURS, MARKERS, new_figure, wrapped
from resnet.report.tables import Results, Row


class Cost(NamedTuple):
    name: str
    unit: str
    of: Callable[[Row], float | None]
    """In the unit; None where it was not measured."""
    device: Callable[[Row], str] = lambda row: ""
    """What it was measured on: seconds of two devices do not compare. Empty where it is the net's own."""


def _inference(row: Row) -> float | None:
    timing = row.throughput.inference if row.throughput else None
    return 1e3 * timing.median_seconds / timing.batch_size if timing else None


def _throughput_device(row: Row) -> str:
    return row.throughput.system.device_name if row.throughput else ""


def _training_device(row: Row) -> str:
    return text.listed(row.training_devices)


LADDERS = ("resnet", "plain")
"""In the order of their colours, which are those of the other figures."""

COSTS = (
    Cost("parameters", "M", lambda row: row.parameters / 1e6 if row.parameters else None),
    Cost("multiply-adds", "M", lambda row: row.multiply_adds / 1e6 if row.multiply_adds else None),
    Cost("inference an image", "ms", _inference, _throughput_device),
    Cost("training time", "h", lambda row: row.seconds.mean / 3600 if row.seconds else None, _training_device),
    Cost("training energy", "kWh", lambda row: row.energy.mean / 3.6e6 if row.energy else None, _training_device),
)


def _ladders(results: Results) -> dict[str, list[Row]]:
    done = [row for net in LADDERS for row in main_rows(results, net) if row.test_error]
    # Errors after other numbers of iterations say nothing beside each other: the most frequent one's are kept.
    counted = Counter(row.iterations for row in done)
    usual = max(counted, key=lambda iterations: (counted[iterations], iterations), default=None)
    found = {net: [row for row in done if (row.net, row.iterations) == (net, usual)] for net in LADDERS}
    return {net: rows for net, rows in found.items() if rows}


def frontiers_table(results: Results) -> str:
    """What the next depth buys: points of test error for each unit of each cost; empty without two depths."""
    lines = []
    confidence = results.params.report.confidence
    for rows in _ladders(results).values():
        for first, second in pairwise(rows):
            found = change(first, second, "test_error").welch
            if found is None:
                continue
            limits, cells = found.interval(confidence), []
            for cost in COSTS:
                before, after = cost.of(first), cost.of(second)
                if before is None or after is None:
                    cells.append("not measured")
                elif cost.device(first) != cost.device(second):
                    cells.append("other devices")
                else:
                    cells.append(f"{found.value / (after - before):+.3g}" if after > before else text.NONE)
            points = f"{found.value:+.2f} ({limits.low:+.2f} to {limits.high:+.2f})"
            lines.append([f"{text.escaped(first.name)} to {text.escaped(second.name)}", points, *cells])
    if not lines:
        return ""
    headings = ["step", f"points ({100 * confidence:g} % interval)", *(f"a {cost.unit}, {cost.name}" for cost in COSTS)]
    said = "\nPoints of test error for each unit more of a cost: negative where depth buys a lower error.\n"
    return text.table(headings, lines) + said


class Panel(NamedTuple):
    """One cost, on one device where it depends on that."""

    cost: Cost
    device: str
    points: dict[str, list[tuple[float, Sample]]]
    """For each ladder: cost and test error of its nets."""


def _panels(ladders: dict[str, list[Row]]) -> list[Panel]:
    panels = []
    for cost in COSTS:
        measured = [row for rows in ladders.values() for row in rows if cost.of(row)]
        for device in dict.fromkeys(map(cost.device, measured)):
            points: dict[str, list[tuple[float, Sample]]] = {}
            for net, rows in ladders.items():
                for row in rows:
                    if (x := cost.of(row)) and row.test_error and cost.device(row) == device:
                        points.setdefault(net, []).append((x, row.test_error))
            panels.append(Panel(cost, device, points))
    return panels


def frontiers_figure(results: Results) -> Figure | None:
    """Small multiples: mean test error ± std over seeds against each cost that was measured, costs logarithmic.

    A cost that was measured on several devices has a panel for each.
    """
    ladders = _ladders(results)
    panels = _panels(ladders)
    if not panels:
        return None
    figure = new_figure(max(5.0, 2.5 * len(panels)), 3.4)
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    legend = {}
    for axis, (cost, device, points) in zip(axes, panels, strict=True):
        for net, reached in points.items():
            look = LADDERS.index(net)
            legend[net] = axis.errorbar(
                [x for x, _ in reached],
                [values.mean for _, values in reached],
                yerr=[values.std or 0.0 for _, values in reached],
                color=COLOURS[look],
                marker=MARKERS[look],
                ms=4,
                lw=1,
                capsize=2,
                label="plain nets" if net == "plain" else "residual nets",
            )
        drawn = [x for reached in points.values() for x, _ in reached]
        axis.set_xscale("log")
        axis.xaxis.set_major_locator(FixedLocator(sorted({min(drawn), max(drawn)})))
        axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
        axis.xaxis.set_minor_locator(NullLocator())
        where = wrapped(f"on {device}", 2.2) if device else ""
        axis.set_xlabel(f"{cost.name}, {cost.unit}\n{where}".rstrip())
    axes[0].set_ylabel("test error, %")
    where = ", ".join(data.name for data in results.data)
    where += f", {text.count(next(iter(ladders.values()))[0].iterations)} iterations"
    figure.suptitle(wrapped(f"Test error against cost on {where}", figure.get_figwidth()), **BOLD)
    figure.legend(handles=[legend[net] for net in LADDERS if net in legend], loc="outside lower center", ncols=2)
    return figure
