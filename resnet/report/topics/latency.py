"""Latency by block: a table of forward and backward times, and where they go as depth grows."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from functools import partial
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from pandas import DataFrame

from resnet.depth import blocks_per_stage
from resnet.report import style, words
from resnet.report.markdown import bullets, escaped, link
from resnet.report.results import Nets
from resnet.report.section import Picture, Section
from resnet.report.style import KIND_NAMES
from resnet.report.table import Cell, table
from resnet.results import LatencyRecord, LatencyRow

Measured = Sequence[tuple[str, LatencyRecord]]
"""Files, below the runs' folder, with their records."""

GROUPS = {"stem": "#999999", "stage 1": "#0072B2", "stage 2": "#E69F00", "stage 3": "#009E73", "head": "#CC79A7"}
"""Of the figure, with their colours."""

NOTES = (
    "Milliseconds are medians over the rounds ± their standard deviation (n rounds). Forward is training mode, "
    "keeping what a backward pass needs. The backward pass is what forward + backward takes longer in the same round; "
    "without ± it is the difference of the medians of rounds not measured in turn. No update.",
    "Bytes and shares are those of forward + backward: inputs, outputs and weights of the convolutions and the "
    "fully connected layer, a lower bound; shares of the best repeat of a matrix product and a copy in the same run.",
    "Stage 1 has no down-sampling block; stem and head are the same in residual and plain nets.",
)


class Case(NamedTuple):
    """A part or net of which forward and forward + backward were measured."""

    forward: LatencyRow
    both: LatencyRow
    backward: float
    """Seconds: the median difference within a round, or of the medians. No backward pass runs without its forward."""


def cases(record: LatencyRecord) -> list[Case]:
    key = attrgetter("net", "part", "depth", "batch_size", "precision", "mode")
    found, forward = list[Case](), {key(row): row for row in record.rows if row.passes == "forward"}
    for both in record.rows:
        if both.passes == "forward+backward" and (alone := forward.get(key(both))):
            in_turn = both.backward_seconds or [both.median_seconds - alone.median_seconds]
            found.append(Case(alone, both, statistics.median(in_turn)))
    return found


def _milliseconds(median: float, rounds: Sequence[float] | None) -> Cell:
    """The median, and ± the standard deviation over the rounds (n)."""
    median *= 1e3
    decimals = 1 if median >= 100 else 2 if median >= 1 else 3
    return Cell(words.repeats(rounds, decimals, 1e-3) if rounds else f"{median:,.{decimals}f}", median)


def _line(case: Case, record: LatencyRecord) -> dict[str, Cell]:
    forward, both, _ = case
    part = forward.part if forward.net == "both" else f"{forward.net} {forward.part}"
    peaks = next((peaks for peaks in record.peaks if peaks.precision == forward.precision), None)
    size, product, copy = both.work.bytes, words.NONE, words.NONE
    if peaks:
        flops, moved = ([work / seconds for seconds in both.seconds] for work in (both.work.flops, size))
        product = words.shares(flops, peaks.flops_per_second, "Winograd or drift")
        copy = words.shares(moved, peaks.bytes_per_second, "caches or drift")
    return {
        "part": Cell(f"{forward.net}-{forward.depth}" if forward.part == "net" else part),
        "batch": Cell(words.count(forward.batch_size), forward.batch_size),
        "arithmetic": Cell(f"{forward.precision}, {forward.mode}"),
        "forward, ms": _milliseconds(forward.median_seconds, forward.seconds),
        "backward, ms": _milliseconds(case.backward, both.backward_seconds),
        "forward + backward, ms": _milliseconds(both.median_seconds, both.seconds),
        "bytes, at least": Cell(words.size(size) if size >= 2**20 else f"{size / 2**20:.2f} MiB", size),
        "of a matrix product": Cell(product),
        "of a copy": Cell(copy),
    }


def blocks(net: str, depth: int) -> Iterator[tuple[str, str, str, int]]:
    """The parts of a net: group of the figure, net of the case, part, and how often it occurs."""
    n = blocks_per_stage(depth)
    yield "stem", "both", "stem", 1
    yield "stage 1", net, "stage1-identity", n
    for stage in (2, 3):
        yield f"stage {stage}", net, f"stage{stage}-down", 1
        yield f"stage {stage}", net, f"stage{stage}-identity", n - 1
    yield "head", "both", "head", 1


def stacks(shown: Sequence[Case], kind: str, depths: Sequence[int], backward: bool) -> DataFrame:
    """Seconds by depth (a row) and group: block latencies times the numbers of blocks; none if a part is missing.

    `whole` is the whole net's own time, missing if it was not measured. The cases are of one file, batch size,
    precision and mode.
    """
    seconds = {(x.net, x.part, x.depth): longer if backward else x.median_seconds for x, _, longer in shown}
    rows = {depth: dict.fromkeys(GROUPS, 0.0) for depth in depths}
    for depth, row in rows.items():
        for group, net, part, times in blocks(kind, depth):
            row[group] += times * seconds.get((net, part, None), np.nan)
        row["whole"] = seconds.get((kind, "net", depth), np.nan)
    return DataFrame.from_dict(rows, orient="index", columns=[*GROUPS, "whole"]).dropna(subset=[*GROUPS])


def _draw_panel(panel: Any, stacked: DataFrame) -> None:
    total, bottom, places = stacked[[*GROUPS]].sum(axis=1), np.zeros(len(stacked)), np.arange(len(stacked))
    for group, colour in GROUPS.items():
        share = 100 * stacked[group] / total
        panel.bar(places, share, 0.66, bottom=bottom, color=colour)
        bottom = bottom + share
    ratio = 100 * stacked["whole"] / total
    panel.plot([places - 0.4, places + 0.4], [ratio, ratio], color="black", lw=2)
    lengths = [words.duration(x) if x >= 1 else f"{1e3 * x:.3g} ms" for x in stacked["whole"].fillna(total)]
    labels = [f"{depth}\n{length}" for depth, length in zip(stacked.index, lengths, strict=True)]
    panel.set_xticks(places, labels, fontsize=8)
    panel.grid(visible=False, axis="x")
    panel.set_xlabel("depth, weighted layers; time of a pass")


def figure(nets: Nets, measured: Measured, device: str) -> Figure | None:
    """Stacked shares of a pass by stem, stages and head; a mark for the whole net's measured time.

    All bars are as high, whatever the depth; the time is below each. Of several batch sizes the largest is shown, and
    eager if there is.
    """
    record = next((record for _, record in measured if record.system.device == device and cases(record)), None)
    if record is None:
        return None

    def conditions(case: Case) -> tuple[int, bool, str, str]:
        row = case.forward
        return row.batch_size, row.mode == "eager", row.precision, row.mode

    batch_size, _, precision, mode = most = max(map(conditions, cases(record)))
    shown = [case for case in cases(record) if conditions(case) == most]
    passes = dict[str, DataFrame]()
    for kind in ("resnet", "plain"):
        depths = sorted({net.depth for net in nets.values() if net.kind == kind})
        for title, backward in (("forward", False), ("backward", True)):
            stacked = stacks(shown, kind, depths, backward)
            passes |= {f"{KIND_NAMES[kind]}, {title}": stacked} if len(stacked) else {}
    if not passes:
        return None
    where = f"{record.system.timed_on}, batch {batch_size}, {precision}, {mode}"
    title, height = f"Where a pass spends its time: {where}", 0.9 + 3.3 * (len(passes) // 2)
    drawn, panels = style.panels(9.4, height, passes, title, columns=2, sharey=True)
    for panel, stacked in zip(panels, passes.values(), strict=True):
        _draw_panel(panel, stacked)
    for panel in panels[::2]:
        panel.set_ylabel("% of the sum of blocks")
    handles: list[Any] = [Patch(color=colour, label=group) for group, colour in GROUPS.items()]
    style.legend_below(drawn, [*handles, style.entry("the whole net, measured", color="black", lw=2)], most=6)
    return drawn


def by_block(nets: Nets, measured: Measured, runs: str | None) -> Section:
    """The tables of every device, one row a part or net, batch size, precision and mode; a figure a kind of device."""
    content: list[Any] = []
    for file, record in ((file, record) for file, record in measured if cases(record)):
        kind = f"{escaped(record.system.timed_on)}, shortcut {record.shortcut}"
        content += [f"{kind}, from {link(file, runs)}:", table([_line(case, record) for case in cases(record)])]
    content += [bullets(NOTES)] if content else []
    for device, unit in (("cpu", "CPU"), ("cuda", "GPU")):
        caption = (
            f"Bars show where a forward and a backward pass spend their time on a {unit}: latencies of blocks times "
            "their numbers. The time below is that of the whole net, or of the blocks if the net was not measured."
        )
        content.append(Picture(f"latency-by-depth-{device}", caption, partial(figure, nets, measured, device)))
    return Section("Latency by block", tuple(content))
