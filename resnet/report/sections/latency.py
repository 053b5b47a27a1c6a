"""Latency by block: a table of forward and backward times, and where they go as depth grows."""

import statistics
from collections.abc import Sequence
from functools import partial
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import Patch
from pandas import DataFrame

from resnet.report import style as drawing
from resnet.report import words
from resnet.report.analysis.timing import GROUPS, figure_choice, passes, stacks
from resnet.report.markdown import bullets, escaped, link, table
from resnet.report.style import Picture, Section
from resnet.report.tables import Tables, rows, select

GROUP_COLOURS = ("#999999", "#0072B2", "#E69F00", "#009E73", "#CC79A7")

NOTES = (
    "Milliseconds are medians over the rounds ± their standard deviation (n rounds). Forward is training mode, "
    "keeping what a backward pass needs. The backward pass is what forward + backward takes longer in the same round; "
    "without ± it is the difference of the medians of rounds not measured in turn. No update.",
    "Bytes and shares are those of forward + backward: inputs, outputs and weights of the convolutions and the "
    "fully connected layer, a lower bound; shares of the best repeat of a matrix product and a copy in the same run.",
    "Stage 1 has no down-sampling block; stem and head are the same in residual and plain nets.",
)


def _milliseconds(seconds: Sequence[float]) -> str:
    """Median ± standard deviation over the rounds (n)."""
    values = [1e3 * value for value in seconds]
    return words.repeats(values, _decimals(statistics.median(values)))


def _decimals(milliseconds: float) -> int:
    return 1 if milliseconds >= 100 else 2 if milliseconds >= 1 else 3


def _case(case: Any) -> dict[str, str]:
    part = case.part if case.net == "both" else f"{case.net} {case.part}"
    backward, size = 1e3 * case.backward, case.bytes_both
    flops, moved = ([work / seconds for seconds in case.seconds_both] for work in (case.flops_both, size))
    in_turn, peak, copy = case.backward_seconds_both, case.peak_flops_per_second, case.peak_bytes_per_second
    cells = {
        "part": f"{case.net}-{case.depth:.0f}" if case.part == "net" else part,
        "batch": words.count(case.batch_size),
        "arithmetic": f"{case.precision}, {case.mode}",
        "forward, ms": _milliseconds(case.seconds),
        "backward, ms": _milliseconds(in_turn) if in_turn else f"{backward:,.{_decimals(backward)}f}",
        "forward + backward, ms": _milliseconds(case.seconds_both),
        "bytes, at least": words.size(size) if size >= 2**20 else f"{size / 2**20:.2f} MiB",
        "of a matrix product": words.NONE if words.missing(peak) else words.shares(flops, peak, "Winograd or drift"),
        "of a copy": words.NONE if words.missing(copy) else words.shares(moved, copy, "caches or drift"),
    }
    on_gpu = {"launches, ms": case.launch_seconds_both, "kernels, ms": case.kernel_seconds_both}
    spent = {column: words.NONE if words.missing(s) else f"{1e3 * s:.3f}" for column, s in on_gpu.items()}
    return cells | (spent if case.device == "cuda" else {})


def _seconds(seconds: float) -> str:
    return words.duration(seconds) if seconds >= 1 else f"{1e3 * seconds:.3g} ms"


def _draw_panel(panel: Any, net: str, stacked: DataFrame, backward: bool) -> None:
    for place, stack in enumerate(stacked.to_dict("records")):
        bottom, total, whole = 0.0, stack["total"], stack["whole"]
        for group, colour in zip(GROUPS, GROUP_COLOURS, strict=True):
            part = 100 * stack[group] / total
            panel.bar(place, part, 0.66, bottom=bottom, color=colour, gid=f"{net}-{stack['depth']}-{group}")
            bottom += part
        length, top = f"sum {_seconds(total)}", 100.0
        if not words.missing(whole):
            ratio = 100 * whole / total
            panel.plot([place - 0.4, place + 0.4], [ratio, ratio], color="black", lw=2, gid=f"whole-{stack['depth']}")
            length, top = f"{length}\nnet {_seconds(whole)}", max(top, ratio)
        look: dict[str, Any] = {"ha": "center", "va": "bottom", "fontsize": 7.5}
        panel.annotate(length, (place, top), xytext=(0, 3), textcoords="offset points", **look)
    panel.set_xticks(range(len(stacked)), [str(depth) for depth in stacked["depth"]])
    panel.grid(visible=False, axis="x")
    panel.set_title(f"{'residual' if net == 'resnet' else 'plain'} nets, {'backward' if backward else 'forward'}")
    panel.set_xlabel("depth, weighted layers")


def figure(tables: Tables, device: str) -> Figure | None:
    """Stacked shares of a pass by stem, stages and head; a mark where the whole net's measured time lies.

    Bars are block latencies times the numbers of blocks. All bars are as high, whatever the depth; their
    length in ms is written above, with the whole net's where it was measured.
    """
    cases = select(passes(tables), device=device)
    if cases.empty:
        return None
    cases = figure_choice(select(cases, file=cases["file"].iloc[0]))
    whole = select(tables.latency, device=device, part="net")
    drawn: dict[tuple[str, bool], DataFrame] = {}
    for net in [net for net in ("resnet", "plain") if net in set(whole["net"])] or ["resnet"]:
        depths = sorted(set(select(tables.nets, net=net)["depth"]) or set(whole["depth"].astype(int)))
        both = {(net, backward): stacks(cases, net, depths, backward) for backward in (False, True)}
        drawn |= {key: stacked for key, stacked in both.items() if len(stacked)}
    if not drawn:
        return None
    shown = list(dict.fromkeys(net for net, _ in drawn))
    figure = drawing.new_figure(9.4, 0.9 + 3.3 * len(shown))
    grid = figure.subplots(len(shown), 2, sharey=True, squeeze=False)
    for (net, backward), stacked in drawn.items():
        _draw_panel(grid[shown.index(net)][int(backward)], net, stacked, backward)
    ratios = [100 * seconds["whole"].astype(float) / seconds["total"] for seconds in drawn.values()]
    grid[0][0].set_ylim(0, max([100, *(ratio for of_net in ratios for ratio in of_net.dropna())]) + 24)
    for line in grid:
        line[0].set_ylabel("% of the sum of blocks")
    case = next(rows(cases))
    where = f"{case.timed_on}, batch {case.batch_size}, {case.precision}, {case.mode}"
    drawing.entitle(figure, f"Where a pass spends its time: {where}")
    handles: list[Any] = [Patch(color=c, label=group) for group, c in zip(GROUPS, GROUP_COLOURS, strict=True)]
    whole_net = drawing.entry("the whole net, measured", color="black", lw=2)
    drawing.legend_below(figure, [*handles, whole_net], most=6)
    return figure


def section(tables: Tables, runs: str | None) -> Section:
    """The tables of every device, one row a part or net, batch size, precision and mode; a figure a kind of device."""
    parts = []
    for file, cases in passes(tables).groupby("file", sort=False):
        case, source = next(rows(cases)), link(str(file), runs)
        kind = f"{escaped(case.timed_on)}, shortcut {case.shortcut}"
        parts.append(f"{kind}, from {source}:\n\n{table([_case(case) for case in rows(cases)])}")
    pictures = [
        Picture(
            f"latency-by-depth-{device}",
            f"Where a forward and a backward pass spend their time on a {unit} as depth grows.",
            f"latency by depth on a {unit} (not measured)",
            partial(figure, tables, device),
        )
        for device, unit in (("cpu", "CPU"), ("cuda", "GPU"))
    ]
    return Section("Latency by block", "\n".join([*parts, bullets(NOTES)]) if parts else "", tuple(pictures))
