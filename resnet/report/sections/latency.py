"""Latency by block: a table of forward and backward times, and where they go as depth grows."""

import statistics
from collections.abc import Sequence
from functools import partial
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from pandas import DataFrame

from resnet.report.analysis.timing import GROUPS, figure_choice, passes, stacks
from resnet.report.style import words
from resnet.report.style.drawing import BOLD, Picture, Section, new_figure, wrapped
from resnet.report.style.markdown import bullets, escaped, link, table
from resnet.report.tables import Tables, rows, select

GROUP_COLOURS = ("#999999", "#0072B2", "#E69F00", "#009E73", "#CC79A7")

NOTES = (
    "Milliseconds are medians over the rounds ± their standard deviation (n rounds). Forward is training mode, "
    "keeping what a backward pass needs. The backward pass is what forward + backward takes longer in the same round; "
    "without ± it is the difference of the medians of rounds not measured in turn. No update.",
    "Bytes and shares are those of forward + backward: inputs, outputs and weights of the convolutions and the "
    "fully connected layer, a lower bound; shares of what a matrix product and a copy reached in the same run.",
    "Stage 1 has no down-sampling block; stem and head are the same in residual and plain nets.",
)


def _decimals(milliseconds: float) -> int:
    return 1 if milliseconds >= 100 else 2 if milliseconds >= 1 else 3


def _milliseconds(seconds: Sequence[float]) -> str:
    """Median ± standard deviation over the rounds (n)."""
    values = [1e3 * value for value in seconds]
    return words.repeats(values, _decimals(statistics.median(values)))


def latency_table(cases: DataFrame) -> str:
    """One row a part or net, batch size, precision and mode."""
    lines = []
    for case in rows(cases):
        part = case.part if case.net == "both" else f"{case.net} {case.part}"
        backward = 1e3 * case.backward
        size, seconds, peaks = case.bytes_both, case.median_seconds_both, case.peak_flops_per_second_both
        cells = {
            "part": f"{case.net}-{case.depth:.0f}" if case.part == "net" else part,
            "batch": words.count(case.batch_size),
            "arithmetic": f"{case.precision}, {case.mode}",
            "forward, ms": _milliseconds(case.seconds),
            "backward, ms": _milliseconds(case.backward_seconds_both)
            if case.backward_seconds_both
            else f"{backward:,.{_decimals(backward)}f}",
            "forward + backward, ms": _milliseconds(case.seconds_both),
            "bytes, at least": words.size(size) if size >= 2**20 else f"{size / 2**20:.2f} MiB",
            "of a matrix product": words.share(case.flops_both / seconds, peaks) if peaks == peaks else words.NONE,
            "of a copy": words.share(size / seconds, case.peak_bytes_per_second_both) if peaks == peaks else words.NONE,
        }
        on_gpu = {"launches, ms": case.launch_seconds_both, "kernels, ms": case.kernel_seconds_both}
        if case.device == "cuda":
            cells |= {key: f"{1e3 * s:.3f}" if s == s and s is not None else words.NONE for key, s in on_gpu.items()}
        lines.append(cells)
    return table(lines)


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
        if whole == whole and whole is not None:
            ratio = 100 * whole / total
            panel.plot([place - 0.4, place + 0.4], [ratio, ratio], color="black", lw=2, gid=f"whole-{stack['depth']}")
            length += f"\nnet {_seconds(whole)}"
            top = max(top, ratio)
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
    cases = figure_choice(cases[cases["file"] == cases["file"].iloc[0]])
    measured = select(tables.latency, device=device, part="net")
    drawn = {}
    for net in [net for net in ("resnet", "plain") if net in set(measured["net"])] or ["resnet"]:
        depths = sorted(set(select(tables.nets, net=net)["depth"])) or sorted(set(measured["depth"].astype(int)))
        for backward in (False, True):
            stacked = stacks(cases, net, depths, backward)
            if len(stacked):
                drawn[net, backward] = stacked
    if not drawn:
        return None
    shown = list(dict.fromkeys(net for net, _ in drawn))
    figure = new_figure(9.4, 0.9 + 3.3 * len(shown))
    grid = figure.subplots(len(shown), 2, sharey=True, squeeze=False)
    for (net, backward), stacked in drawn.items():
        _draw_panel(grid[shown.index(net)][int(backward)], net, stacked, backward)
    ratios = [(100 * stacked["whole"].astype(float) / stacked["total"]).max() for stacked in drawn.values()]
    grid[0][0].set_ylim(0, max(100, *(ratio for ratio in ratios if ratio == ratio)) + 24)
    for line in grid:
        line[0].set_ylabel("% of the sum of blocks")
    case = next(rows(cases))
    where = f"{case.device_name} ({device}), batch {case.batch_size}, {case.precision}, {case.mode}"
    figure.suptitle(wrapped(f"Where a pass spends its time: {where}", 9.4), **BOLD)
    handles: list[Any] = [Patch(color=c, label=group) for group, c in zip(GROUPS, GROUP_COLOURS, strict=True)]
    handles.append(Line2D([], [], color="black", lw=2, label="the whole net, measured"))
    figure.legend(handles=handles, loc="outside lower center", ncols=6)
    return figure


def section(tables: Tables, runs: str | None) -> Section:
    """The tables of every device, and a figure for each kind of device."""
    parts = []
    for file, cases in passes(tables).groupby("file", sort=False):
        case, source = next(rows(cases)), link(str(file), runs and f"{runs}/{file}")
        kind = f"{escaped(case.device_name)} ({case.device}), shortcut {case.shortcut}"
        parts.append(f"{kind}, from {source}:\n\n{latency_table(cases)}")
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
