"""Latency by block: a table of forward and backward times, and where they go as depth grows."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from resnet.depth import blocks_per_stage
from resnet.records import LatencyRecord, LatencyRow, Limits
from resnet.report.sections.roofline import share
from resnet.report.style import words as text
from resnet.report.style.drawing import BOLD, new_figure, wrapped
from resnet.report.tables import Results

GROUPS = ("stem", "stage 1", "stage 2", "stage 3", "head")
GROUP_COLOURS = ("#999999", "#0072B2", "#E69F00", "#009E73", "#CC79A7")


class Pair(NamedTuple):
    """The forward pass of one part, and forward + backward of the same."""

    forward: LatencyRow
    both: LatencyRow

    @property
    def backward_seconds(self) -> float:
        """The median difference within a round, or of the medians: no backward pass runs without its forward."""
        if self.both.backward_seconds:
            return statistics.median(self.both.backward_seconds)
        return self.both.median_seconds - self.forward.median_seconds


Key = tuple[str, str, int | None, int, str, str]


def _key(row: LatencyRow) -> Key:
    return row.net, row.part, row.depth, row.batch_size, row.precision, row.mode


def pairs(record: LatencyRecord) -> dict[Key, Pair]:
    """Parts and nets of which both passes were measured."""
    by_passes: dict[str, dict[Key, LatencyRow]] = {"inference": {}, "forward": {}, "forward+backward": {}}
    for row in record.rows:
        by_passes[row.passes][_key(row)] = row
    forward, both = by_passes["forward"], by_passes["forward+backward"]
    return {key: Pair(row, both[key]) for key, row in forward.items() if key in both}


def blocks(net: str, depth: int) -> Iterator[tuple[str, str, str, int]]:
    """The parts of a net: group of the figure, net of the row, part, and how often it occurs."""
    n = blocks_per_stage(depth)
    yield "stem", "both", "stem", 1
    yield "stage 1", net, "stage1-identity", n
    for stage in (2, 3):
        yield f"stage {stage}", net, f"stage{stage}-down", 1
        yield f"stage {stage}", net, f"stage{stage}-identity", n - 1
    yield "head", "both", "head", 1


class Stack(NamedTuple):
    """A net's time by group, in s: block latencies times the numbers of blocks; and the net's own."""

    depth: int
    groups: dict[str, float]
    whole: float | None
    """Of the whole net, measured; None where it was not."""

    @property
    def total(self) -> float:
        return sum(self.groups.values())


def stacks(
    record: LatencyRecord, net: str, depths: Sequence[int], backward: bool, batch_size: int, precision: str, mode: str
) -> list[Stack]:
    """The stacks of the depths; none where a part was not measured."""
    measured = pairs(record)

    def seconds(pair: Pair) -> float:
        return pair.backward_seconds if backward else pair.forward.median_seconds

    found = []
    for depth in depths:
        groups = dict.fromkeys(GROUPS, 0.0)
        for group, of_net, part, times in blocks(net, depth):
            pair = measured.get((of_net, part, None, batch_size, precision, mode))
            if pair is None:
                return []
            groups[group] += times * seconds(pair)
        whole = measured.get((net, "net", depth, batch_size, precision, mode))
        found.append(Stack(depth, groups, seconds(whole) if whole else None))
    return found


def milliseconds(seconds: Sequence[float]) -> str:
    """Median ± standard deviation over the rounds (n)."""
    values = [1e3 * value for value in seconds]
    median = statistics.median(values)
    std = statistics.stdev(values) if len(values) > 1 else None
    return text.spread(median, std, len(values), _decimals(median))


def _decimals(milliseconds: float) -> int:
    return 1 if milliseconds >= 100 else 2 if milliseconds >= 1 else 3


def _limits(record: LatencyRecord, precision: str) -> Limits | None:
    return next((limits for limits in record.limits if limits.precision == precision), None)


def _what(row: LatencyRow) -> str:
    if row.part == "net":
        return f"{row.net}-{row.depth}"
    return row.part if row.net == "both" else f"{row.net} {row.part}"


def latency_table(record: LatencyRecord) -> str:
    """One row a part or net, batch size, precision and mode."""
    found = pairs(record)
    on_gpu = record.system.device == "cuda"
    headings = [
        *("part", "batch", "arithmetic", "forward, ms", "backward, ms", "forward + backward, ms"),
        *("bytes, at least", "of a matrix product", "of a copy"),
        *(["launches, ms", "kernels, ms"] if on_gpu else []),
    ]
    rows = []
    for forward, both in found.values():
        limits, pair = _limits(record, forward.precision), Pair(forward, both)
        seconds = both.median_seconds
        gpu = [f"{1e3 * s:.3f}" if s is not None else text.NONE for s in (both.launch_seconds, both.kernel_seconds)]
        difference = 1e3 * pair.backward_seconds
        backward = f"{difference:,.{_decimals(difference)}f}"
        if both.backward_seconds:
            backward = milliseconds(both.backward_seconds)
        rows.append(
            [
                _what(forward),
                text.count(forward.batch_size),
                f"{forward.precision}, {forward.mode}",
                milliseconds(forward.seconds),
                backward,
                milliseconds(both.seconds),
                text.size(both.work.bytes) if both.work.bytes >= 2**20 else f"{both.work.bytes / 2**20:.2f} MiB",
                share(both.work.flops / seconds, limits.flops_per_second) if limits else text.NONE,
                share(both.work.bytes / seconds, limits.bytes_per_second) if limits else text.NONE,
                *(gpu if on_gpu else []),
            ]
        )
    return text.table(headings, rows) if rows else ""


LATENCY_NOTES = (
    "Milliseconds are medians over the rounds ± their standard deviation (n rounds). Forward is training mode, "
    "keeping what a backward pass needs. The backward pass is what forward + backward takes longer in the same round; "
    "without ± it is the difference of the medians of rounds not measured in turn. No update.",
    "Bytes and shares are those of forward + backward: inputs, outputs and weights of the convolutions and the "
    "fully connected layer, a lower bound; shares of what a matrix product and a copy reached in the same run.",
    "Stage 1 has no down-sampling block; stem and head are the same in residual and plain nets.",
)


def latency_section(results: Results, link: str | None) -> str:
    """The tables of every device."""
    parts = []
    for file, record in results.latency:
        table = latency_table(record)
        if table:
            where = f"[{file}]({link}/{file})" if link else f"`{file}`"
            kind = f"{text.escaped(record.system.device_name)} ({record.system.device}), shortcut {record.shortcut}"
            parts.append(f"{kind}, from {where}:\n\n{table}")
    return "\n".join([*parts, text.bullets(LATENCY_NOTES)]) if parts else ""


def _choice(record: LatencyRecord) -> tuple[int, str, str] | None:
    """Batch size, precision and mode that the figure shows: the largest batch, eager if there is."""
    found = [(row.batch_size, row.mode == "eager", row.precision, row.mode) for row, _ in pairs(record).values()]
    if not found:
        return None
    batch_size, _, precision, mode = max(found)
    return batch_size, precision, mode


def latency_by_depth(results: Results, device: str) -> Figure | None:
    """Stacked shares of a pass by stem, stages and head; a mark where the whole net's measured time lies.

    Bars are block latencies times the numbers of blocks. All bars are as high, whatever the depth; their
    length in ms is written above, with the whole net's where it was measured.
    """
    record = next((record for _, record in results.latency if record.system.device == device), None)
    choice = _choice(record) if record else None
    if record is None or choice is None:
        return None
    nets = [net for net in ("resnet", "plain") if any(row.net == net and row.part == "net" for row in record.rows)]
    drawn = {}
    for net in nets or ["resnet"]:
        depths = sorted({row.depth for row in results.rows if row.net == net})
        depths = depths or sorted({row.depth for row in record.rows if row.depth is not None})
        for backward in (False, True):
            found = stacks(record, net, depths, backward, *choice)
            if found:
                drawn[net, backward] = found
    if not drawn:
        return None
    shown = list(dict.fromkeys(net for net, _ in drawn))
    figure = new_figure(9.4, 0.9 + 3.3 * len(shown))
    grid = figure.subplots(len(shown), 2, sharey=True, squeeze=False)
    for (net, backward), found in drawn.items():
        panel = grid[shown.index(net)][int(backward)]
        for place, stack in enumerate(found):
            bottom = 0.0
            for group, colour in zip(GROUPS, GROUP_COLOURS, strict=True):
                part = 100 * stack.groups[group] / stack.total
                panel.bar(place, part, 0.66, bottom=bottom, color=colour, gid=f"{net}-{stack.depth}-{group}")
                bottom += part
            said = f"sum {_ms(stack.total)}"
            top = 100.0
            if stack.whole is not None:
                ratio = 100 * stack.whole / stack.total
                panel.plot([place - 0.4, place + 0.4], [ratio, ratio], color="black", lw=2, gid=f"whole-{stack.depth}")
                said += f"\nnet {_ms(stack.whole)}"
                top = max(top, ratio)
            panel.annotate(
                said, (place, top), xytext=(0, 3), textcoords="offset points", ha="center", va="bottom", fontsize=7.5
            )
        panel.set_xticks(range(len(found)), [str(stack.depth) for stack in found])
        panel.grid(visible=False, axis="x")
        panel.set_title(f"{'residual' if net == 'resnet' else 'plain'} nets, {'backward' if backward else 'forward'}")
        panel.set_xlabel("depth, weighted layers")
    highest = max(100 * (stack.whole or 0) / stack.total for found in drawn.values() for stack in found)
    grid[0][0].set_ylim(0, max(100, highest) + 24)
    for line in grid:
        line[0].set_ylabel("% of the sum of blocks")
    batch_size, precision, mode = choice
    where = f"{record.system.device_name} ({device}), batch {batch_size}, {precision}, {mode}"
    figure.suptitle(wrapped(f"Where a pass spends its time: {where}", 9.4), **BOLD)
    handles = [
        *(Patch(color=colour, label=group) for group, colour in zip(GROUPS, GROUP_COLOURS, strict=True)),
        Line2D([], [], color="black", lw=2, label="the whole net, measured"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=6)
    return figure


def _ms(seconds: float) -> str:
    return text.duration(seconds) if seconds >= 1 else f"{1e3 * seconds:.3g} ms"
