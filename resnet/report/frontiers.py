"""Error against what it costs: parameters, multiply-adds, inference, training time and energy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from resnet.report import text
from resnet.report.collect import Results, Row
from resnet.report.comparisons import change, main_rows
from resnet.report.drawing import BOLD, COLOURS, MARKERS, new_figure, wrapped


class Cost(NamedTuple):
    name: str
    unit: str
    of: Callable[[Row], float | None]
    """In the unit; None where it was not measured."""


def _inference(row: Row) -> float | None:
    timing = row.throughput.inference if row.throughput else None
    return 1e3 * timing.median_seconds / timing.batch_size if timing else None


COSTS = (
    Cost("parameters", "M", lambda row: row.parameters / 1e6 if row.parameters else None),
    Cost("multiply-adds", "M", lambda row: row.multiply_adds / 1e6 if row.multiply_adds else None),
    Cost("inference an image", "ms", _inference),
    Cost("training time", "h", lambda row: row.seconds.mean / 3600 if row.seconds else None),
    Cost("training energy", "kWh", lambda row: row.energy.mean / 3.6e6 if row.energy else None),
)


def _ladders(results: Results) -> dict[str, list[Row]]:
    done = [row for net in ("plain", "resnet") for row in main_rows(results, net) if row.test_error]
    # Errors after other numbers of iterations say nothing beside each other: the most frequent one's are kept.
    counted = Counter(row.iterations for row in done)
    usual = max(counted, key=lambda iterations: (counted[iterations], iterations), default=None)
    found = {net: [row for row in done if (row.net, row.iterations) == (net, usual)] for net in ("plain", "resnet")}
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
                else:
                    cells.append(f"{found.value / (after - before):+.3g}" if after > before else text.NONE)
            points = f"{found.value:+.2f} ({limits.low:+.2f} to {limits.high:+.2f})"
            lines.append([f"{text.escaped(first.name)} to {text.escaped(second.name)}", points, *cells])
    if not lines:
        return ""
    headings = ["step", f"points ({100 * confidence:g} % interval)", *(f"a {cost.unit}, {cost.name}" for cost in COSTS)]
    said = "\nPoints of test error for each unit more of a cost: negative where depth buys a lower error.\n"
    return text.table(headings, lines) + said


def frontiers_figure(results: Results) -> Figure | None:
    """Small multiples: mean test error ± std over seeds against each cost that was measured, costs logarithmic."""
    ladders = _ladders(results)
    costs = [cost for cost in COSTS if any(cost.of(row) for rows in ladders.values() for row in rows)]
    if not costs:
        return None
    figure = new_figure(max(5.0, 2.5 * len(costs)), 3.4)
    axes = figure.subplots(1, len(costs), sharey=True, squeeze=False)[0]
    for panel, cost in zip(axes, costs, strict=True):
        for k, (net, rows) in enumerate(ladders.items()):
            points = [(x, row.test_error) for row in rows if row.test_error and (x := cost.of(row))]
            panel.errorbar(
                [x for x, _ in points],
                [values.mean for _, values in points],
                yerr=[values.std or 0.0 for _, values in points],
                color=COLOURS[k],
                marker=MARKERS[k],
                ms=4,
                lw=1,
                capsize=2,
                label=("plain nets" if net == "plain" else "residual nets") if panel is axes[0] else None,
            )
        drawn = [x for rows in ladders.values() for row in rows if (x := cost.of(row))]
        panel.set_xscale("log")
        panel.xaxis.set_major_locator(FixedLocator(sorted({min(drawn), max(drawn)})))
        panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
        panel.xaxis.set_minor_locator(NullLocator())
        panel.set_xlabel(f"{cost.name}, {cost.unit}")
    axes[0].set_ylabel("test error, %")
    where = ", ".join(data.name for data in results.data)
    where += f", {text.count(next(iter(ladders.values()))[0].iterations)} iterations"
    figure.suptitle(wrapped(f"Test error against cost on {where}", figure.get_figwidth()), **BOLD)
    figure.legend(loc="outside lower center", ncols=2)
    return figure
