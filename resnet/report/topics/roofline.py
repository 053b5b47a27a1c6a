"""How far each net is from the machine's peaks: the best of a matrix product and a copy in the same run as the net.

Bytes are counted from the layers' volumes (`resnet/nets/layers.py`): a lower bound of what was moved.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, NullLocator
from pandas import DataFrame, Series

from resnet.report import style, words
from resnet.report.markdown import bullets, escaped
from resnet.report.results import Net
from resnet.report.section import Picture, Section
from resnet.report.table import Cell, Table, table

Nets = Mapping[str, Net]

COUNTED = (
    "GFLOP/s: median ± standard deviation (n repeats); two operations a multiply-add of the convolutions and "
    "the fully connected layer, three times the forward pass's for training. They are the direct convolution's: "
    "where Winograd's runs, with a quarter of the products, a share is too high by that.",
    "Shares: median ± standard deviation over the same repeats, of the best repeat of the product and of the copy. "
    "Above 100 %, Winograd's convolution has run, or the machine was freer than while its peaks were measured.",
    "Bytes: input, output and weight of each of these layers, once a use; batch norm, ReLU and additions are "
    "counted as free. They are a lower bound of what a step moves; so is the share of a copy, and FLOP a byte "
    "is an upper bound.",
)


def frame(nets: Nets) -> DataFrame:
    """A row a net and kind of step of which peaks were measured; `flops` and `moved` (bytes): a second, by repeat."""
    lines = []
    for net, record in ((net, net.throughput) for net in nets.values() if net.throughput):
        for kind in ("training", "inference"):
            timing, work = getattr(record, kind), getattr(record, f"{kind}_work")
            if work is None or record.peaks is None:
                continue
            line = {
                "name": net.name,
                "net": net.kind,
                "depth": net.depth,
                "kind": kind,
                "device": record.system.timed_on,
                "flops": [work.flops / seconds for seconds in timing.step_seconds],
                "moved": [work.bytes / seconds for seconds in timing.step_seconds],
                "intensity": work.intensity,
                "product": record.peaks.flops_per_second,
                "copy": record.peaks.bytes_per_second,
                "precision": record.peaks.precision,
                "size": record.peaks.matrix_size,
            }
            lines.append(line)
    return DataFrame(lines)


def peaks_table(steps: DataFrame) -> Table:
    """Achieved against reachable, one row a net and kind of step."""
    lines = []
    x: Any
    for x in steps.itertuples():
        moved = statistics.median(x.moved)
        line = {
            "net": Cell(x.name),
            "step": Cell(x.kind),
            "GFLOP/s": Cell(words.repeats(x.flops, 1, 1e9), statistics.median(x.flops)),
            "of a matrix product": Cell(words.shares(x.flops, x.product, "Winograd or drift")),
            "bytes/s, at least": Cell(words.per_second(moved, "B/s"), moved),
            "of a copy": Cell(words.shares(x.moved, x.copy, "caches or drift")),
            "FLOP a byte, at most": Cell(f"{x.intensity:.0f}", x.intensity),
        }
        lines.append(line)
    return table(lines, left=2)


def _between(values: Series, unit: str) -> str:
    low, high = words.per_second(values.min(), unit), words.per_second(values.max(), unit)
    return low if low == high else f"{low} to {high}"


def _notes(steps: DataFrame) -> Iterator[str]:
    """What the shares are shares of, and what was counted."""
    for device, measured in steps.groupby("device", sort=False):
        # Nets that were measured in one run share its peaks.
        peaks = measured.drop_duplicates(["product", "copy"])
        size, precisions = int(peaks["size"].iloc[0]), words.listed(sorted(set(peaks["precision"])))
        product, copy = _between(peaks["product"], "FLOP/s"), _between(peaks["copy"], "B/s")
        yield (
            f"{escaped(str(device))}: a product of {size} x {size} matrices in {precisions} reaches {product}, a copy "
            f"{copy} read and written (the best repeat of {words.numbered(len(peaks), 'measurement')})."
        )
    yield from COUNTED


def _draw_panel(panel: Any, device: str, steps: DataFrame) -> None:
    flops, moved = float(steps["product"].median()), float(steps["copy"].median())
    ridge, intensity = flops / moved, steps["intensity"]
    low, high = min(ridge, intensity.min()) / 4, max(ridge, intensity.max()) * 2.5
    panel.plot([low, ridge, high], [low * moved, flops, flops], color="#333333", lw=1.6, gid="roof")
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.xaxis.set_major_formatter(EngFormatter(sep=""))
    panel.yaxis.set_major_formatter(EngFormatter(sep=" "))
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_minor_locator(NullLocator())
    panel.set_xlim(low, high)
    slowest, fastest = steps["flops"].map(min), steps["flops"].map(max)
    panel.set_ylim(min(low * moved, slowest.min()) / 1.5, 2 * max(flops, fastest.max()))
    step: Any
    for step in steps.itertuples():
        colour, median = style.depth_colour(step.depth), statistics.median(step.flops)
        bar = [[median - min(step.flops)], [max(step.flops) - median]]
        look = {"color": colour, "marker": style.MARKERS[step.net == "plain"], "gid": f"{step.kind}-{step.name}"}
        look |= {"mfc": colour if step.kind == "training" else "white", "ls": ""}
        panel.errorbar([step.intensity], [median], yerr=bar, ms=6, lw=0.8, capsize=2, **look)
    peaks = f"matrix product: {words.per_second(flops, 'FLOP/s')}, copy: {words.per_second(moved, 'B/s')}"
    panel.set_title(f"{device}, {steps['precision'].iloc[0]}\n{peaks}", wrap=True)
    panel.set_xlabel("FLOP a byte, bytes counted from the layers' volumes")


def figure(nets: Nets) -> Figure | None:
    """Arithmetic intensity against achieved FLOP/s, both logarithmic, under the machine's two roofs; a panel a device.

    Training filled, inference open.
    """
    steps = frame(nets)
    if steps.empty:
        return None
    devices = list(steps.groupby("device", sort=False))
    drawn = style.new_figure(max(6.4, 5.0 * len(devices)), 5.0)
    panels = drawn.subplots(1, len(devices), squeeze=False)[0]
    for panel, (device, measured) in zip(panels, devices, strict=True):
        _draw_panel(panel, str(device), measured)
    panels[0].set_ylabel("FLOP/s")
    depths = sorted(set(steps["depth"]))
    handles = [style.entry(f"{depth} layers", ls="", marker="s", color=style.depth_colour(depth)) for depth in depths]
    for kind, marker in zip(("residual", "plain"), style.MARKERS, strict=False):
        grey: dict[str, Any] = {"ls": "", "color": "#555555", "marker": marker}
        handles.append(style.entry(f"{kind}, training", **grey))
        handles.append(style.entry(f"{kind}, inference", mfc="white", **grey))
    handles.append(style.entry("roofs: the best matrix product and copy", color="#333333", lw=1.6))
    style.entitle(drawn, "Achieved FLOP/s and the machine's roofs", 6.4)
    style.legend_below(drawn, handles)
    return drawn


def roofline(nets: Nets) -> Section:
    """The table of shares, and the figure."""
    steps = frame(nets)
    notes = bullets(_notes(steps)) if len(steps) else ""
    caption = (
        "Marks are the medians of what steps reach, and bars the range over repeats. The line is what a matrix product "
        "and a copy reach there at best."
    )
    picture = Picture("roofline", caption, "roofline (not measured)", partial(figure, nets))
    return Section("Distance from the machine's peaks", (peaks_table(steps), notes, picture))
