"""How fast every net is, and what it takes: memory, training time, images/s against depth.

`benchmark.csv` has the names of timm's files.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from functools import partial
from typing import Any

from matplotlib.figure import Figure
from pandas import DataFrame

from resnet.report import ladders, style, words
from resnet.report.markdown import bullets, escaped, link
from resnet.report.results import Net, Nets
from resnet.report.samples import sample
from resnet.report.section import Picture, Section
from resnet.report.style import KIND_NAMES
from resnet.report.table import Cell, table
from resnet.results import LatencyRecord, UsualLoopRecord

KINDS = ("training", "inference")

USUAL = (
    "Training with PIL transforms, a DataLoader with two workers and fp32, the same net and batch, measured in turn "
    "with this project's loop in one process; images/s are medians ± standard deviation over the rounds, the ratio is "
    "the median (and range) of the rounds' ratios."
)
READING = (
    "Peak memory of a training step is that of the throughput measurement: on a GPU the framework's, on a CPU the "
    "process's peak resident size. `(whole run)` marks the peak of the training runs if no throughput was measured.",
    "Training time is wall-clock time of a whole run, evaluations included. What else ran on the machine is in it. "
    "Seeds that trained side by side on one device each count all of it. Machines are not averaged.",
    "Training images/s are of augmentation, forward pass, backward pass and update, inference images/s of a forward "
    "pass in evaluation mode. ± is over repeats that are seconds apart: nets that were measured at different times "
    "differ by the machine's drift too.",
)


def _memory(net: Net) -> Cell:
    of_runs = max((run.record.peak_memory_bytes or 0 for run in net.runs), default=0)
    if net.throughput:
        peak = net.throughput.training.peak_memory_bytes
        return Cell(f"{words.size(peak)} (a training step)", peak)
    return Cell(f"{words.size(of_runs)} (whole run)", of_runs) if of_runs else Cell("not measured")


def _training_time(net: Net) -> Cell:
    """Of a seed, by machine; a seed that went on on another machine has none."""
    times = dict[str, list[float]]()
    for run in net.done:
        if len(run.devices) == 1:
            times.setdefault(run.devices[0], []).append(run.record.seconds)
    samples = {where: values for where in sorted(times) if (values := sample(times[where]))}
    written = [f"{words.duration(x.mean, x.std)} (n = {x.n}) on {where}" for where, x in samples.items()]
    return Cell("; ".join(written) or words.NONE)


def every_net(nets: Nets) -> Section:
    """One row a net, in the plan's order."""
    lines = [
        {"net": Cell(net.name), "peak memory": _memory(net), "training time a seed": _training_time(net)}
        for net in nets.values()
    ]
    timed = {escaped(name): words.measured(net.throughput) for name, net in nets.items() if net.throughput}
    conditions = [
        f"Images/s and memory of {names}: {escaped(condition)}."
        for condition, names in words.grouped(timed, len(nets)).items()
    ]
    caption = "Images/s fall in proportion to depth. Points are medians over repeats, bars their standard deviation."
    picture = Picture("throughput-vs-depth", caption, partial(figure, nets))
    return Section("Throughput, memory and training time", (table(lines), bullets([*conditions, *READING]), picture))


def figure(nets: Nets) -> Figure | None:
    """Training left, inference right, both axes logarithmic; bars are the standard deviation over the repeats."""
    series = dict[str, list[Net]]()
    for net in sorted((nets[name] for name in ladders.without_ablations(nets)), key=lambda net: net.depth):
        if net.throughput:
            series.setdefault(f"{KIND_NAMES[net.kind]}, {net.throughput.system.timed_on}", []).append(net)
    if not series:
        return None
    depths = sorted({net.depth for line in series.values() for net in line})
    drawn, axes = style.panels(8.6, 4.2, KINDS, "Throughput, median ± std over repeats")
    for panel, kind in zip(axes, KINDS, strict=True):
        handles = list[Any]()
        for k, (label, line) in enumerate(sorted(series.items(), reverse=True)):
            timings: list[Any] = [getattr(net.throughput, kind) for net in line]
            # Plain and residual nets of one depth are almost equally fast: their points are side by side.
            x = [net.depth * 1.07 ** (k - (len(series) - 1) / 2) for net in line]
            y, stds = ([getattr(timing, f"images_per_second{part}") for timing in timings] for part in ("", "_std"))
            look: dict[str, Any] = {"ms": 5, "lw": 1.0, "elinewidth": 1.0, "capsize": 2, "label": label}
            look |= {"marker": style.MARKERS[k % 7], "color": style.COLOURS[k % 7], "ls": style.LINES[k % 2]}
            handles.append(panel.errorbar(x, y, yerr=stds, gid=f"{kind}-{k}", **look))
            speeds = map(words.images_per_second, y, stds)
            style.label(handles[-1], label, [f"{net.name}: {x} images/s" for net, x in zip(line, speeds, strict=True)])
        panel.set_xscale("log", base=2)
        panel.set_yscale("log")
        style.log_ticks(panel.xaxis, depths[:: 1 + (len(depths) - 1) // 6], "{:g}".format)  # more labels would overlap
        style.log_ticks(panel.yaxis, (), "{:,.10g}".format)
        panel.set_xlabel("depth, weighted layers")
    axes[0].set_ylabel("images/s")
    style.legend_below(drawn, handles)
    return drawn


def usual_loop(loops: Sequence[tuple[str, UsualLoopRecord]], runs: str | None) -> Section:
    """Training speed and that of the usual PyTorch loop; `runs`: the runs' folder as seen from the page."""
    lines = []
    for file, x in loops:
        ratio = statistics.median(x.ratios)
        between = f"({min(x.ratios):.2f} to {max(x.ratios):.2f}, n = {len(x.ratios)})"
        line = {
            "net": Cell(f"{x.net}-{x.depth}"),
            "device": Cell(x.system.timed_on),
            "usual loop, images/s": Cell(f"{words.repeats(x.usual_images_per_second)}, {x.usual_precision}"),
            "this one, images/s": Cell(f"{words.repeats(x.images_per_second)}, {x.precision}"),
            "ratio": Cell(f"{ratio:.2f} {between}", ratio),
            "result file": Cell(link(file, runs) if runs else file),
        }
        lines.append(line)
    return Section("Beside the usual PyTorch loop", (USUAL if loops else "", table(lines, left=2)))


BENCHMARK = [
    *("model", "kind", "batch_size", "samples_per_sec", "step_time", "param_count", "gmacs"),
    *("precision", "mode", "device", "source"),
]


def benchmark(nets: Nets, latency: Sequence[tuple[str, LatencyRecord]]) -> DataFrame:
    """A row a timed step of a whole net, as timm's `benchmark-*.csv`; empty if nothing was measured.

    `kind`: `train` (a whole training step), `infer`; of a latency also `forward` and `forward+backward`, which are no
    training steps. `samples_per_sec` and `step_time` (ms) are of the median repeat; `param_count` is in millions,
    `gmacs` of one image's forward pass.
    """
    rows = list[list[Any]]()

    def add(model: str, kind: str, timing: Any, case: Any, mode: str, *source: str) -> None:
        seconds, size = timing.median_seconds, (case.parameters / 1e6, case.multiply_adds / 1e9)
        step = timing.batch_size, timing.batch_size / seconds, 1e3 * seconds
        rows.append([model, kind, *step, *size, case.precision, mode, *source])

    for net, record in ((net, net.throughput) for net in nets.values() if net.throughput):
        mode = "compiled" if record.settings["train"].get("compile") else "eager"
        for kind, timing in (("train", record.training), ("infer", record.inference)):
            add(net.name, kind, timing, record, mode, record.system.timed_on, "throughput")
    for _, measured in latency:
        for row in (row for row in measured.rows if row.part == "net"):
            other = row.net == "resnet" and measured.shortcut != "A"
            model = f"{row.net}-{row.depth}" + (f"-option-{measured.shortcut.lower()}" if other else "")
            kind = "infer" if row.passes == "inference" else row.passes
            add(model, kind, row, row, row.mode, measured.system.timed_on, "latency")
    return DataFrame(rows, columns=BENCHMARK)
