"""Images/s against depth, both axes logarithmic: training left, inference right."""

import math
from collections.abc import Sequence
from functools import partial

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from resnet.report.analysis.nets import series
from resnet.report.style.drawing import BOLD, Picture, Section, legend_columns, new_figure, series_look, wrapped
from resnet.report.tables import Tables


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


def figure(tables: Tables) -> Figure | None:
    speed = tables.speed.assign(std=tables.speed["images_per_second_std"].astype(float).fillna(0.0))
    if speed.empty:
        return None
    figure = new_figure(8.6, 4.2)
    axes = figure.subplots(1, 2, squeeze=False)[0]
    devices = speed.groupby("name", sort=False)["device_name"].first()
    lines = series(tables, list(devices.index), dict(devices))
    for panel, kind in zip(axes, ("training", "inference"), strict=True):
        timed = speed[speed["kind"] == kind].set_index("name")
        for k, (label, names) in enumerate(lines.items()):
            line = timed.loc[names]
            colour, marker = series_look(k)
            panel.errorbar(
                line["depth"].tolist(),
                line["images_per_second"].tolist(),
                yerr=line["std"].tolist(),
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
        panel.xaxis.set_major_locator(FixedLocator(_apart(sorted(set(timed["depth"])))))
        panel.xaxis.set_minor_locator(NullLocator())
        panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        # The ends of the error bars, as far as a logarithmic axis can show them.
        mean, std = timed["images_per_second"], timed["std"]
        ticks = _round_numbers([*mean, *(mean + std), *(mean - std)[mean > std]])
        panel.set_ylim(ticks[0], ticks[-1])
        panel.yaxis.set_major_locator(FixedLocator(ticks))
        panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
        panel.yaxis.set_minor_locator(NullLocator())
        panel.set_title(kind)
        panel.set_xlabel("depth, weighted layers")
    axes[0].set_ylabel("images/s")
    where = f" on {devices.iloc[0]}" if devices.nunique() == 1 else ""
    figure.suptitle(wrapped(f"Throughput{where}, median ± std over repeats", 8.6), **BOLD)
    figure.legend(loc="outside lower center", ncols=legend_columns(list(lines), 8.2))
    return figure


def section(tables: Tables) -> Section:
    picture = Picture(
        "throughput-vs-depth", "Images/s against depth.", "throughput (not measured)", partial(figure, tables)
    )
    return Section("Throughput", "", (picture,))
