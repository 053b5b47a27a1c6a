"""The figures, in the paper's style: SVG and PNG, the same bytes from the same result files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from resnet.files import complete_or_absent
from resnet.report.collect import Row
from resnet.report.published import published

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999")
"""Okabe and Ito's palette: told apart by colour-blind readers too."""
STYLE: dict[Any, Any] = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "svg.hashsalt": "resnet-depth",
    "figure.constrained_layout.use": True,
}
TITLES = {"resnet": "Residual nets", "plain": "Plain nets"}


def _nets(rows: Sequence[Row]) -> list[str]:
    """The kinds of nets, plain ones first, as in Figure 6."""
    return sorted({row.settings.net for row in rows})


def _colour(rows: Sequence[Row], row: Row) -> str:
    depths = sorted({other.settings.depth for other in rows})
    return COLOURS[depths.index(row.settings.depth) % len(COLOURS)]


def _band(
    axes: Axes, row: Row, column: str, scale: float, label: str | None, colour: str, width: float, style: str
) -> None:
    """Draw the mean over seeds of a column of the learning curves, with a band of one std."""
    points: dict[int, list[float]] = {}
    for run in row.runs:
        for point in run.history:
            value = getattr(point, column)
            if value is not None:
                points.setdefault(point.iteration, []).append(value)
    seeds = max((len(values) for values in points.values()), default=0)
    common = sorted(at for at, values in points.items() if len(values) == seeds)
    if not common:
        return
    x = np.array(common) / scale
    values = np.array([points[at] for at in common])
    mean = values.mean(axis=1)
    marker = "o" if len(common) == 1 else None
    axes.plot(x, mean, style, color=colour, linewidth=width, label=label, marker=marker, markersize=4)
    if seeds > 1:
        std = values.std(axis=1, ddof=1)
        axes.fill_between(x, mean - std, mean + std, color=colour, alpha=0.15, linewidth=0)


def error_against_iterations(rows: Sequence[Row]) -> Figure | None:
    """Figure 6: training error dashed, test error bold, one colour a depth; plain left, residual right."""
    trained = [row for row in rows if any(run.history for run in row.runs)]
    if not trained:
        return None
    longest = max(run.record.iterations for row in trained for run in row.runs)
    scale = 1e4 if longest >= 20_000 else 1.0
    nets = _nets(trained)
    figure = Figure(figsize=(5.2 * len(nets) + 0.4, 4.8))
    panels = figure.subplots(1, len(nets), sharey=True, squeeze=False)[0]
    for axes, net in zip(panels, nets, strict=True):
        for row in [row for row in trained if row.settings.net == net]:
            colour = _colour(trained, row)
            _band(axes, row, "training_error", scale, None, colour, 0.9, "--")
            _band(axes, row, "test_error", scale, row.name, colour, 2.0, "-")
        axes.set_title(TITLES.get(net, net))
        axes.set_xlabel("iterations (1e4)" if scale == 1e4 else "iterations")
        axes.set_xlim(0, longest / scale)
        axes.legend(ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.14), fontsize=9)
    figure.suptitle("Test error (bold) and training error (dashed)", fontsize=11)
    panels[0].set_ylabel("error (%)")
    # The paper cuts the axis at 20 %, where the runs of its own length end up.
    panels[0].set_ylim(0, 20 if longest >= 60_000 and all(_official(row) for row in trained) else None)
    return figure


def _official(row: Row) -> bool:
    return bool(row.runs) and all(run.record.data.official for run in row.runs)


def _depth_axis(axes: Axes, depths: Sequence[int]) -> None:
    """A logarithmic axis that names the depths themselves."""
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator([float(depth) for depth in depths]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda depth, _: f"{depth:.0f}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("depth (weighted layers)")


def error_against_depth(rows: Sequence[Row]) -> Figure | None:
    """Test error against depth: a dot a seed, the mean with one std; the paper's values beside it."""
    done = [row for row in rows if row.test_error is not None]
    if not done:
        return None
    figure = Figure(figsize=(6.4, 4.2))
    axes = figure.subplots()
    for number, net in enumerate(_nets(done)):
        chosen = sorted((row for row in done if row.settings.net == net), key=lambda row: row.settings.depth)
        colour = COLOURS[number]
        for row in chosen:
            values = np.array([run.record.test_error for run in row.done], dtype=float)
            axes.plot(np.full(len(values), row.settings.depth), values, ".", color=colour, alpha=0.5, markersize=5)
        found = [row.test_error for row in chosen if row.test_error is not None]
        axes.errorbar(
            [row.settings.depth for row in chosen],
            [each.mean for each in found],
            yerr=[each.std or 0.0 for each in found],
            color=colour,
            marker="o",
            markersize=6,
            capsize=3,
            linewidth=1.5,
            label=f"{TITLES.get(net, net)}: mean ± std of seeds",
        )
    papers = [(row, published().paper_error(row.name)) for row in rows if all(map(_official, done))]
    open_marks = [(row.settings.depth, error.mean) for row, error in papers if error is not None]
    if open_marks:
        x, y = zip(*open_marks, strict=True)
        axes.plot(x, y, "D", color="black", fillstyle="none", label="the paper, Table 6")
    _depth_axis(axes, sorted({row.settings.depth for row in done} | {depth for depth, _ in open_marks}))
    axes.set_ylabel("test error (%)")
    axes.set_title("Test error against depth")
    axes.legend()
    return figure


def throughput_against_depth(rows: Sequence[Row]) -> Figure | None:
    """Images per second against depth, training and inference."""
    measured = [row for row in rows if row.throughput is not None]
    if not measured:
        return None
    figure = Figure(figsize=(6.4, 4.2))
    axes = figure.subplots()
    for number, net in enumerate(_nets(measured)):
        chosen = sorted((row for row in measured if row.settings.net == net), key=lambda row: row.settings.depth)
        for what, style in (("training", "-"), ("inference", ":")):
            timings = [getattr(row.throughput, what) for row in chosen]
            axes.errorbar(
                [row.settings.depth for row in chosen],
                [timing.images_per_second for timing in timings],
                yerr=[timing.images_per_second_std for timing in timings],
                color=COLOURS[number],
                linestyle=style,
                marker="o",
                capsize=3,
                label=f"{TITLES.get(net, net)}, {what}",
            )
    _depth_axis(axes, sorted({row.settings.depth for row in measured}))
    axes.set_yscale("log")
    axes.set_ylabel("images/s")
    devices = sorted({row.throughput.system.device_name for row in measured if row.throughput})
    axes.set_title(f"Throughput on {', '.join(devices)}")
    axes.legend()
    return figure


FIGURES = {
    "error-vs-iteration": error_against_iterations,
    "error-vs-depth": error_against_depth,
    "throughput-vs-depth": throughput_against_depth,
}


def draw_all(rows: Sequence[Row], reports: Path) -> list[str]:
    """Draw every figure that there are results for, as SVG and PNG; give their names.

    A figure without results is removed, so that none of another state of the runs stays behind.
    """
    drawn = []
    (reports / "figures").mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(STYLE):
        for name, draw in FIGURES.items():
            figure = draw(rows)
            for suffix in ("svg", "png"):
                path = reports / "figures" / f"{name}.{suffix}"
                if figure is None:
                    path.unlink(missing_ok=True)
                    continue
                metadata = {"Date": None} if suffix == "svg" else {"Software": None}
                with complete_or_absent(path) as partial:
                    figure.savefig(partial, format=suffix, dpi=144, metadata=metadata)
            if figure is not None:
                drawn.append(name)
    return drawn
