"""The figures, in the style of the paper's Figure 6: drawn from the rows, nothing drawn without data.

Every function that draws gives a figure, or None where there is nothing to draw. Files hold no
date and no random identifiers: the same result files give the same bytes.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from resnet.records import HistoryRow, Timing
from resnet.report.analysis.protocol import row_differences
from resnet.report.analysis.published import PublishedError, published
from resnet.report.sections.cost import frontiers_figure
from resnet.report.sections.latency import latency_by_depth
from resnet.report.sections.responses import responses_figure
from resnet.report.sections.results import drawn_runs, paper_error
from resnet.report.sections.roofline import roofline
from resnet.report.style import words as text
from resnet.report.style.drawing import (
    BOLD,
    COLOURS,
    MARKERS,
    depth_colours,
    legend_columns,
    new_figure,
    save_or_remove,
    style,
    wrapped,
)
from resnet.report.tables import Results, Row

TOP = 20.0
"""Upper end of the error axis in %, as in the paper's Figure 6."""


class Curve(NamedTuple):
    """A quantity over a run, averaged over seeds: x in iterations, errors in %."""

    iterations: list[int]
    mean: list[float]
    low: list[float]
    high: list[float]


class Series(NamedTuple):
    """Rows that one line joins in a figure over depth."""

    label: str
    rows: tuple[Row, ...]


def curve(histories: Sequence[Sequence[HistoryRow]], value: Callable[[HistoryRow], float | None]) -> Curve:
    """Average a column over seeds at the iterations where every seed has a finite value."""
    by_seed = []
    for history in histories:
        found = {point.iteration: cell for point in history if (cell := value(point)) is not None}
        by_seed.append({iteration: cell for iteration, cell in found.items() if math.isfinite(cell)})
    common = sorted(set.intersection(*map(set, by_seed))) if by_seed else []
    cells = [[of_seed[iteration] for of_seed in by_seed] for iteration in common]
    return Curve(
        common,
        [math.fsum(of) / len(of) for of in cells],
        [min(of) for of in cells],
        [max(of) for of in cells],
    )


def _histories(row: Row) -> list[tuple[HistoryRow, ...]]:
    """The finished seeds' learning curves; where none is finished, what there is."""
    runs = drawn_runs(row)
    done = [run.history for run in runs if run.status == "done"]
    return done or [run.history for run in runs]


def usual_iterations(results: Results) -> int | None:
    """The planned iterations of most rows that have results, the longest of equals; None without any."""
    counted = Counter(row.iterations for row in results.rows if row.records)
    return max(counted, key=lambda iterations: (counted[iterations], iterations)) if counted else None


def aside(results: Results) -> list[Row]:
    """The rows with results that the figures of errors leave out.

    Errors after 20 iterations and after 64,000 say nothing beside each other, and would hide what
    the others say: the figures show the rows of the usual number of iterations.
    """
    usual = usual_iterations(results)
    return [row for row in results.rows if row.records and row.iterations != usual]


def _beside(results: Results) -> list[Row]:
    others = aside(results)
    return [row for row in results.rows if row not in others]


def _run_on(results: Results) -> str:
    """Name the data, and the iterations where they are not the paper's: a figure may be seen alone."""
    where = ", ".join(data.name for data in results.data)
    iterations = usual_iterations(results)
    if iterations is not None and iterations != published().protocol.iterations:
        where += f", {text.count(iterations)} iterations"
    return where


def training_curves(results: Results) -> Figure | None:
    """Figure 6: error against iterations, plain nets left and residual nets right.

    Thin dashed lines are training error (augmented mini-batches), bold lines test error, both the
    mean over seeds; the bands around them span the seeds. Pre-activation nets are residual nets.
    """
    curves = {row.name: _row_curves(row) for row in _beside(results)}
    drawn = [
        row for row in _beside(results) if curves[row.name].test.iterations or curves[row.name].training.iterations
    ]
    if not drawn:
        return None
    kinds = {row.name: "plain" if row.net == "plain" else "resnet" for row in drawn}
    nets = [net for net in ("plain", "resnet") if net in kinds.values()]
    paperlike = results.official and all(
        difference.key != "iterations" for row in drawn for difference in row_differences(row)
    )
    labels = {
        row.name: _curve_label(row, curves[row.name], hidden=paperlike and _above(curves[row.name].test, TOP))
        for row in drawn
    }
    panel_width = 4.6
    columns = legend_columns(labels.values(), panel_width)
    lines = -(-max(sum(kind == net for kind in kinds.values()) for net in nets) // columns)
    figure = new_figure(max(6.0, panel_width * len(nets) + 0.4), 3.7 + 0.2 * lines)
    axes = figure.subplots(1, len(nets), sharey=True, squeeze=False)[0]
    colours = depth_colours(results)
    low, high = 100.0, 0.0
    longest = max(last for row in drawn for part in curves[row.name][1:] for last in part.iterations[-1:])
    unit = 10_000 if longest >= 10_000 else 1
    for panel, net in zip(axes, nets, strict=True):
        handles, depths_seen = [], list[int]()
        for row in (row for row in drawn if kinds[row.name] == net):
            (seeds, training, test), colour = curves[row.name], colours[row.depth]
            # A second net of the same depth, such as one with another shortcut, has markers.
            marker = MARKERS[depths_seen.count(row.depth) - 1] if row.depth in depths_seen else ""
            depths_seen.append(row.depth)
            x = [iteration / unit for iteration in training.iterations]
            panel.plot(x, training.mean, color=colour, lw=0.8, ls=(0, (4, 2)), alpha=0.9, gid=f"training-{row.name}")
            if seeds > 1:
                panel.fill_between(x, training.low, training.high, color=colour, alpha=0.1, lw=0)
            x = [iteration / unit for iteration in test.iterations]
            dot = "." if len(x) == 1 else ""
            (line,) = panel.plot(
                x,
                test.mean,
                color=colour,
                lw=1.4 if marker else 1.9,
                marker=marker or dot,
                markersize=5,
                markevery=max(1, len(x) // 8),
                markerfacecolor="white" if marker else colour,
                gid=f"test-{row.name}",
                label=labels[row.name],
            )
            if seeds > 1:
                panel.fill_between(x, test.low, test.high, color=colour, alpha=0.15, lw=0)
            handles.append(line)
            low = min(low, *training.low, *test.low, 100.0)
            high = max(high, *training.high, *test.high, 0.0)
        panel.set_title("plain nets" if net == "plain" else "residual nets")
        panel.set_xlabel("iterations, 1e4" if unit > 1 else "iterations")
        panel.xaxis.set_major_locator(MaxNLocator(7, integer=unit == 1))
        panel.set_xlim(0, 1.015 * longest / unit)
        panel.legend(
            handles=handles,
            loc="upper center",
            bbox_to_anchor=(0.5, -0.16),
            ncols=min(columns, len(handles)),
        )
    axes[0].set_ylabel("error, %")
    if paperlike:
        axes[0].set_ylim(0, TOP)
        axes[0].yaxis.set_major_locator(FixedLocator([0, 5, 10, 15, 20]))
    else:
        margin = 0.06 * (high - low) or 1.0
        axes[0].set_ylim(0 if low < 0.5 * high else low - margin, high + margin)
    title = wrapped(f"Learning curves on {_run_on(results)}: mean over seeds", figure.get_figwidth())
    figure.legend(
        handles=[
            Line2D([], [], color="#444444", lw=1.9, label="test error"),
            Line2D([], [], color="#444444", lw=0.8, ls=(0, (4, 2)), label="training error (bands: range of the seeds)"),
        ],
        loc="outside upper center",
        ncols=2,
        title=title,
        title_fontproperties=BOLD,
    )
    return figure


class RowCurves(NamedTuple):
    """What Figure 6 draws of a row."""

    seeds: int
    training: Curve
    test: Curve


def _row_curves(row: Row) -> RowCurves:
    histories = _histories(row)
    return RowCurves(
        len(histories),
        curve(histories, lambda point: point.training_error),
        curve(histories, lambda point: point.test_error),
    )


def _above(drawn: Curve, top: float) -> bool:
    return bool(drawn.mean) and min(drawn.mean) > top


def _curve_label(row: Row, curves: RowCurves, hidden: bool) -> str:
    said = [f"{curves.seeds} seed{'s' if curves.seeds > 1 else ''}"]
    if all(run.status != "done" for run in drawn_runs(row)):
        said.append("unfinished")
    if hidden:
        said.append("off the scale")
    return f"{row.name} ({', '.join(said)})"


def _series(rows: Sequence[Row], device: Callable[[Row], str] = lambda row: "") -> list[Series]:
    """Group rows that differ in depth alone; a device is named where there are several."""
    several = len({device(row) for row in rows}) > 1
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.net, row.shortcut, device(row)), []).append(row)
    options = {row.shortcut for row in rows if row.net != "plain"}
    found = []
    for (net, shortcut, name), members in groups.items():
        label = {"plain": "plain nets", "preact": "pre-activation nets"}.get(net, "residual nets")
        if net != "plain" and (len(options) > 1 or shortcut != "A"):
            label += f", option {shortcut}"
        label += f", {name}" if several else ""
        found.append(Series(label, tuple(sorted(members, key=lambda row: row.depth))))
    return found


def _series_looks(series: Sequence[Series]) -> list[tuple[str, str]]:
    return [(COLOURS[k % len(COLOURS)], MARKERS[k % len(MARKERS)]) for k in range(len(series))]


def depth_errors(results: Results) -> Figure | None:
    """Test error against depth: a small marker a seed, mean and standard deviation, the paper's open."""
    measured = [row for row in _beside(results) if row.test_error]
    if not measured:
        return None
    figure = new_figure(6.4, 4.4)
    axes = figure.subplots()
    depths = sorted({row.depth for row in measured})
    place = {depth: k for k, depth in enumerate(depths)}
    series = _series(measured)
    width = min(0.28, 0.84 / len(series))
    handles = []
    published_points: list[tuple[float, PublishedError]] = []
    for k, ((label, rows), (colour, marker)) in enumerate(zip(series, _series_looks(series), strict=True)):
        seeds_look: dict[str, Any] = {
            "ls": "",
            "marker": marker,
            "ms": 4,
            "color": colour,
            "alpha": 0.55,
            "mew": 0,
        }
        xs, means, stds = [], [], []
        for row in rows:
            values = row.test_error
            assert values is not None, "rows without a finished seed are not drawn"
            x = place[row.depth] + width * (k - (len(series) - 1) / 2)
            axes.plot([x - 0.25 * width] * values.n, values.values, gid=f"seeds-{row.name}", **seeds_look)
            xs.append(x)
            means.append(values.mean)
            stds.append(values.std or 0.0)
            paper = paper_error(row) if results.official else None
            if paper:
                published_points.append((x + 0.3 * width, paper))
        axes.plot(xs, means, color=colour, lw=0.8, alpha=0.45, gid=f"means-{k}")
        axes.errorbar(xs, means, yerr=stds, color=colour, ls="", marker="_", ms=9, mew=2, capsize=3, lw=1.2)
        handles.append(Line2D([], [], label=f"{label}, one seed", **seeds_look))
    handles.append(Line2D([], [], ls="", marker="_", ms=9, mew=2, color="#444444", label="mean ± std over seeds"))
    if published_points:
        look: dict[str, Any] = {"ls": "", "marker": "D", "ms": 5, "mfc": "white", "color": "#555555"}
        axes.errorbar(
            [x for x, _ in published_points],
            [paper.error for _, paper in published_points],
            yerr=[paper.std or 0.0 for _, paper in published_points],
            lw=1,
            capsize=2,
            gid="paper",
            **look,
        )
        handles.append(Line2D([], [], label=f"the paper ({_paper_iterations()})", **look))
    axes.set_xticks(range(len(depths)), [str(depth) for depth in depths])
    axes.set_xlim(-0.6, len(depths) - 0.4)
    axes.grid(visible=False, axis="x")
    axes.set_xlabel("depth, weighted layers (equally spaced)")
    axes.set_ylabel("test error, %")
    figure.suptitle(wrapped(f"Test error against depth on {_run_on(results)}", 6.4), **BOLD)
    axes.margins(y=0.1)
    columns = legend_columns([str(handle.get_label()) for handle in handles], 6.0)
    figure.legend(handles=handles, loc="outside lower center", ncols=columns)
    return figure


def _paper_iterations() -> str:
    return f"{published().protocol.iterations:,} iterations"


def throughput(results: Results) -> Figure | None:
    """Images/s against depth, both axes logarithmic: training left, inference right."""
    timed = [row for row in results.rows if row.throughput]
    if not timed:
        return None
    figure = new_figure(8.6, 4.2)
    axes = figure.subplots(1, 2, squeeze=False)[0]
    series = _series(timed, lambda row: row.throughput.system.device_name if row.throughput else "")
    depths = sorted({row.depth for row in timed})
    for panel, kind in zip(axes, ("training", "inference"), strict=True):
        for k, ((label, rows), (colour, marker)) in enumerate(zip(series, _series_looks(series), strict=True)):
            timings: list[Timing] = [getattr(row.throughput, kind) for row in rows]
            panel.errorbar(
                [row.depth for row in rows],
                [timing.images_per_second for timing in timings],
                yerr=[timing.images_per_second_std for timing in timings],
                color=colour,
                marker=marker,
                # Plain and residual nets of one depth are almost equally fast: the first drawn has the
                # larger marker and the wider line, so that none hides another.
                ms=max(4, 9 - 2.5 * k),
                lw=max(1.0, 3.0 - 1.1 * k),
                mfc="none",
                mew=1.3,
                elinewidth=1.0,
                capsize=3,
                gid=f"{kind}-{k}",
                label=label if panel is axes[0] else None,
            )
        panel.set_xscale("log", base=2)
        panel.set_yscale("log")
        panel.xaxis.set_major_locator(FixedLocator(_apart(depths)))
        panel.xaxis.set_minor_locator(NullLocator())
        panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ticks = _round_numbers([timing for row in timed for timing in _rates(row, kind)])
        panel.set_ylim(ticks[0], ticks[-1])
        panel.yaxis.set_major_locator(FixedLocator(ticks))
        panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
        panel.yaxis.set_minor_locator(NullLocator())
        panel.set_title(kind)
        panel.set_xlabel("depth, weighted layers")
    axes[0].set_ylabel("images/s")
    devices = sorted({row.throughput.system.device_name for row in timed if row.throughput})
    where = f" on {devices[0]}" if len(devices) == 1 else ""
    figure.suptitle(wrapped(f"Throughput{where}, median ± std over repeats", 8.6), **BOLD)
    figure.legend(loc="outside lower center", ncols=legend_columns([label for label, _ in series], 8.2))
    return figure


def _rates(row: Row, kind: str) -> list[float]:
    """Images/s at the ends of the error bar, as far as a logarithmic axis can show them."""
    assert row.throughput is not None, "rows without a measurement are not drawn"
    timing: Timing = getattr(row.throughput, kind)
    rate, std = timing.images_per_second, timing.images_per_second_std
    return [rate, rate + std, *([rate - std] if rate > std else [])]


def _round_numbers(values: Sequence[float]) -> list[float]:
    """The numbers 1, 2 and 5 times a power of ten from just below the values to just above them."""
    powers = range(math.floor(math.log10(min(values))) - 1, math.ceil(math.log10(max(values))) + 2)
    numbers = [digit * 10.0**power for power in powers for digit in (1, 2, 5)]
    below = max(number for number in numbers if number < min(values))
    above = min(number for number in numbers if number > max(values))
    return [number for number in numbers if below <= number <= above]


def _apart(depths: Sequence[int]) -> list[int]:
    """The depths whose labels do not run into each other on a logarithmic axis."""
    kept: list[int] = []
    whole = math.log(depths[-1] / depths[0]) or 1.0
    for depth in depths:
        if not kept or math.log(depth / kept[-1]) > 0.05 * whole:
            kept.append(depth)
    return kept


FIGURES: dict[str, Callable[[Results], Figure | None]] = {
    "error-vs-iteration": training_curves,
    "error-vs-depth": depth_errors,
    "throughput-vs-depth": throughput,
    "responses": responses_figure,
    "frontiers": frontiers_figure,
    "roofline": roofline,
    "latency-by-depth-cpu": partial(latency_by_depth, device="cpu"),
    "latency-by-depth-cuda": partial(latency_by_depth, device="cuda"),
}
"""File name below `figures/`, without its ending, to what draws it."""


def write_figures(results: Results, folder: Path) -> list[str]:
    """Write every figure that has data as SVG and PNG; remove earlier files of those that have none.

    Returns:
        The names of the figures that were written.
    """
    written = []
    folder.mkdir(parents=True, exist_ok=True)  # the pipeline expects it, also before anything is drawn
    with style():
        for name, draw in FIGURES.items():
            figure = draw(results)
            save_or_remove(figure, folder, name)
            if figure is not None:
                written.append(name)
    return written
