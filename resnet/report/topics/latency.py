"""Latency by block: a table of forward and backward times, and where they go as depth grows."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from matplotlib.figure import Figure
from matplotlib.patches import Patch

from resnet.depth import blocks_per_stage
from resnet.report import style, words
from resnet.report.markdown import bullets, escaped, link
from resnet.report.results import Net
from resnet.report.section import Picture, Section
from resnet.report.table import Cell, table
from resnet.results import LatencyRecord, LatencyRow

Nets = Mapping[str, Net]
Measured = Sequence[tuple[str, LatencyRecord]]
"""Files, below the runs' folder, with their records."""

GROUPS = ("stem", "stage 1", "stage 2", "stage 3", "head")
COLOURS = ("#999999", "#0072B2", "#E69F00", "#009E73", "#CC79A7")

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

    @property
    def backward_seconds(self) -> float:
        """The median difference within a round, or of the medians: no backward pass runs without its forward."""
        if self.both.backward_seconds:
            return statistics.median(self.both.backward_seconds)
        return self.both.median_seconds - self.forward.median_seconds

    def seconds(self, backward: bool) -> float:
        return self.backward_seconds if backward else self.forward.median_seconds


def cases(record: LatencyRecord) -> list[Case]:
    def key(row: LatencyRow) -> tuple[Any, ...]:
        return row.net, row.part, row.depth, row.batch_size, row.precision, row.mode

    both = {key(row): row for row in record.rows if row.passes == "forward+backward"}
    return [Case(row, both[key(row)]) for row in record.rows if row.passes == "forward" and key(row) in both]


# The table.


def _decimals(milliseconds: float) -> int:
    return 1 if milliseconds >= 100 else 2 if milliseconds >= 1 else 3


def _milliseconds(seconds: Sequence[float]) -> Cell:
    """Median ± standard deviation over the rounds (n)."""
    values = [1e3 * value for value in seconds]
    median = statistics.median(values)
    return Cell(words.repeats(values, _decimals(median)), median)


def _line(case: Case, record: LatencyRecord) -> dict[str, Cell]:
    forward, both = case
    part = forward.part if forward.net == "both" else f"{forward.net} {forward.part}"
    backward, size = 1e3 * case.backward_seconds, both.work.bytes
    peaks = next((peaks for peaks in record.peaks if peaks.precision == forward.precision), None)
    flops, moved = ([work / seconds for seconds in both.seconds] for work in (both.work.flops, size))
    product = words.shares(flops, peaks.flops_per_second, "Winograd or drift") if peaks else words.NONE
    copy = words.shares(moved, peaks.bytes_per_second, "caches or drift") if peaks else words.NONE
    in_turn, difference = both.backward_seconds, Cell(f"{backward:,.{_decimals(backward)}f}", backward)
    return {
        "part": Cell(f"{forward.net}-{forward.depth}" if forward.part == "net" else part),
        "batch": Cell(words.count(forward.batch_size), forward.batch_size),
        "arithmetic": Cell(f"{forward.precision}, {forward.mode}"),
        "forward, ms": _milliseconds(forward.seconds),
        "backward, ms": _milliseconds(in_turn) if in_turn else difference,
        "forward + backward, ms": _milliseconds(both.seconds),
        "bytes, at least": Cell(words.size(size) if size >= 2**20 else f"{size / 2**20:.2f} MiB", size),
        "of a matrix product": Cell(product),
        "of a copy": Cell(copy),
    }


# The figure.


def blocks(net: str, depth: int) -> Iterator[tuple[str, str, str, int]]:
    """The parts of a net: group of the figure, net of the case, part, and how often it occurs."""
    n = blocks_per_stage(depth)
    yield "stem", "both", "stem", 1
    yield "stage 1", net, "stage1-identity", n
    for stage in (2, 3):
        yield f"stage {stage}", net, f"stage{stage}-down", 1
        yield f"stage {stage}", net, f"stage{stage}-identity", n - 1
    yield "head", "both", "head", 1


def _shown(of_file: list[Case]) -> list[Case]:
    """The cases of the largest batch, eager if there are, that a figure shows."""

    def conditions(case: Case) -> tuple[Any, ...]:
        row = case.forward
        return row.batch_size, row.mode == "eager", row.precision, row.mode

    return [case for case in of_file if conditions(case) == max(map(conditions, of_file))]


class Stack(NamedTuple):
    """A net's time by group, in s: block latencies times the numbers of blocks."""

    depth: int
    seconds: dict[str, float]
    whole: float | None
    """The whole net's own, if it was measured."""

    @property
    def total(self) -> float:
        return sum(self.seconds.values())


def stacks(shown: list[Case], net: str, depths: Sequence[int], backward: bool) -> list[Stack]:
    """One a depth; none if a part was not measured.

    Args:
        shown: of one file, batch size, precision and mode.
        net: `resnet` or `plain`.
        depths: of the stacks.
        backward: whether the times are the backward pass's.
    """
    rows = [(case.forward, case.seconds(backward)) for case in shown]
    parts = {(row.net, row.part): seconds for row, seconds in rows if row.part != "net"}
    whole = {row.depth: seconds for row, seconds in rows if (row.net, row.part) == (net, "net")}
    stacked = []
    for depth in depths:
        seconds = dict.fromkeys(GROUPS, 0.0)
        for group, kind, part, times in blocks(net, depth):
            if (kind, part) not in parts:
                return []
            seconds[group] += times * parts[kind, part]
        stacked.append(Stack(depth, seconds, whole.get(depth)))
    return stacked


def _seconds(seconds: float) -> str:
    return words.duration(seconds) if seconds >= 1 else f"{1e3 * seconds:.3g} ms"


def _draw_panel(panel: Any, net: str, stacked: list[Stack], backward: bool) -> None:
    for place, stack in enumerate(stacked):
        bottom = 0.0
        for group, colour in zip(GROUPS, COLOURS, strict=True):
            part = 100 * stack.seconds[group] / stack.total
            panel.bar(place, part, 0.66, bottom=bottom, color=colour, gid=f"{net}-{stack.depth}-{group}")
            bottom += part
        if stack.whole is not None:
            ratio = 100 * stack.whole / stack.total
            panel.plot([place - 0.4, place + 0.4], [ratio, ratio], color="black", lw=2, gid=f"whole-{stack.depth}")
    lengths = [_seconds(stack.total if stack.whole is None else stack.whole) for stack in stacked]
    labels = [f"{stack.depth}\n{length}" for stack, length in zip(stacked, lengths, strict=True)]
    panel.set_xticks(range(len(stacked)), labels, fontsize=8)
    panel.grid(visible=False, axis="x")
    panel.set_title(f"{'residual' if net == 'resnet' else 'plain'} nets, {'backward' if backward else 'forward'}")
    panel.set_xlabel("depth, weighted layers; time of a pass")


def figure(nets: Nets, measured: Measured, device: str) -> Figure | None:
    """Stacked shares of a pass by stem, stages and head; a mark for the whole net's measured time.

    All bars are as high, whatever the depth; the time is below each.
    """
    of_device = [record for _, record in measured if record.system.device == device]
    record = next((record for record in of_device if cases(record)), None)
    if record is None:
        return None
    shown, drawn_stacks = _shown(cases(record)), dict[tuple[str, bool], list[Stack]]()
    whole = [row for of_file in of_device for row in of_file.rows if row.part == "net"]
    for kind in [kind for kind in ("resnet", "plain") if any(row.net == kind for row in whole)] or ["resnet"]:
        planned = {net.depth for net in nets.values() if net.kind == kind}
        depths = sorted(planned or {row.depth for row in whole if row.depth})
        both = {(kind, backward): stacks(shown, kind, depths, backward) for backward in (False, True)}
        drawn_stacks |= {key: stacked for key, stacked in both.items() if stacked}
    if not drawn_stacks:
        return None
    kinds = list(dict.fromkeys(kind for kind, _ in drawn_stacks))
    drawn = style.new_figure(9.4, 0.9 + 3.3 * len(kinds))
    grid = drawn.subplots(len(kinds), 2, sharey=True, squeeze=False)
    for (kind, backward), stacked in drawn_stacks.items():
        _draw_panel(grid[kinds.index(kind)][int(backward)], kind, stacked, backward)
    ratios = [100 * x.whole / x.total for stacked in drawn_stacks.values() for x in stacked if x.whole is not None]
    grid[0][0].set_ylim(0, 1.05 * max([100, *ratios]))
    for line in grid:
        line[0].set_ylabel("% of the sum of blocks")
    case = shown[0].forward
    where = f"{record.system.timed_on}, batch {case.batch_size}, {case.precision}, {case.mode}"
    style.entitle(drawn, f"Where a pass spends its time: {where}")
    handles: list[Any] = [Patch(color=c, label=group) for group, c in zip(GROUPS, COLOURS, strict=True)]
    whole_net = style.entry("the whole net, measured", color="black", lw=2)
    style.legend_below(drawn, [*handles, whole_net], most=6)
    return drawn


def by_block(nets: Nets, measured: Measured, runs: str | None) -> Section:
    """The tables of every device, one row a part or net, batch size, precision and mode; a figure a kind of device."""
    blocks_of_page: list[Any] = []
    for file, record in measured:
        if of_file := cases(record):
            kind = f"{escaped(record.system.timed_on)}, shortcut {record.shortcut}"
            shown = table([_line(case, record) for case in of_file])
            blocks_of_page += [f"{kind}, from {link(file, runs)}:", shown]
    blocks_of_page += [bullets(NOTES)] if blocks_of_page else []
    for device, unit in (("cpu", "CPU"), ("cuda", "GPU")):
        caption = (
            f"Bars show where a forward and a backward pass spend their time on a {unit}: latencies of blocks times "
            "their numbers. The time below is that of the whole net, or of the blocks if the net was not measured."
        )
        absent, draw = f"latency by depth on a {unit} (not measured)", partial(figure, nets, measured, device)
        blocks_of_page.append(Picture(f"latency-by-depth-{device}", caption, absent, draw))
    return Section("Latency by block", tuple(blocks_of_page))
