"""Images/s against depth, both axes logarithmic: training left, inference right."""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

from matplotlib.figure import Figure

from resnet.report import style as drawing
from resnet.report.analysis.nets import series
from resnet.report.style import Picture, Section
from resnet.report.tables import Tables, select

EXPLAINED = (
    "± is the standard deviation over the repeats of one measurement, which lie seconds apart. At another hour the "
    "same machine gives another figure, by more than that where other programs run on it: nets that were measured at "
    "different times differ by the machine's drift too.\n"
)


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
        kept += [depth] if not kept or math.log(depth / kept[-1]) > 0.05 * whole else []
    return kept


def figure(tables: Tables) -> Figure | None:
    speed = tables.speed.assign(std=tables.speed["images_per_second_std"].astype(float).fillna(0.0))
    if speed.empty:
        return None
    figure = drawing.new_figure(8.6, 4.2)
    axes = figure.subplots(1, 2, squeeze=False)[0]
    devices: dict[str, str] = dict(speed[["name", "timed_on"]].to_numpy())
    lines, handles = series(tables, list(devices), devices), list[Any]()
    for panel, kind in zip(axes, ("training", "inference"), strict=True):
        timed = select(speed, kind=kind).set_index("name")
        handles = []
        for k, (label, names) in enumerate(lines.items()):
            line, (colour, marker) = timed.loc[names], drawing.series_look(k)
            # Plain and residual nets of one depth are almost equally fast: the first drawn has the
            # larger marker and the wider line, so that none hides another.
            look: dict[str, Any] = {"ms": max(4, 9 - 2.5 * k), "lw": max(1.0, 3.0 - 1.1 * k), "color": colour}
            look |= {"marker": marker, "mfc": "none", "mew": 1.3, "elinewidth": 1.0, "capsize": 3, "label": label}
            x, y = line["depth"], line["images_per_second"]
            handles.append(panel.errorbar(x, y, yerr=line["std"], gid=f"{kind}-{k}", **look))
        panel.set_xscale("log", base=2)
        panel.set_yscale("log")
        drawing.log_ticks(panel.xaxis, _apart(sorted(set(timed["depth"]))), "{:g}".format)
        # The ends of the error bars, as far as a logarithmic axis can show them.
        mean, std = timed["images_per_second"], timed["std"]
        ticks = _round_numbers([*mean, *(mean + std), *(mean - std)[mean > std]])
        panel.set_ylim(ticks[0], ticks[-1])
        drawing.log_ticks(panel.yaxis, ticks, "{:,.10g}".format)
        panel.set_title(kind)
        panel.set_xlabel("depth, weighted layers")
    axes[0].set_ylabel("images/s")
    where = f" on {next(iter(devices.values()))}" if len(set(devices.values())) == 1 else ""
    drawing.entitle(figure, f"Throughput{where}, median ± std over repeats")
    drawing.legend_below(figure, handles, 8.2)
    return figure


def section(tables: Tables) -> Section:
    absent = "throughput (not measured)"
    picture = Picture("throughput-vs-depth", "Images/s against depth.", absent, partial(figure, tables))
    return Section("Throughput", EXPLAINED if len(tables.speed) else "", (picture,))
