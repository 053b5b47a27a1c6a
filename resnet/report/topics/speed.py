"""How large and how fast every net is: the table, images/s against depth, the usual PyTorch loop, benchmark.csv."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from pandas import DataFrame

from resnet.report import style, words
from resnet.report.markdown import bullets, escaped
from resnet.report.results import Net
from resnet.report.samples import sample
from resnet.report.section import Picture, Section
from resnet.report.style import KIND_NAMES
from resnet.report.table import Cell, Table, table
from resnet.results import LatencyRecord, UsualLoopRecord

Nets = Mapping[str, Net]

KINDS = ("training", "inference")
NOT_MEASURED = Cell("not measured")

DRIFT = (
    "± is the standard deviation over the repeats of one measurement, which lie seconds apart. At another hour the "
    "same machine gives another figure, by more than that where other programs run on it: nets that were measured at "
    "different times differ by the machine's drift too.\n"
)
USUAL = (
    "Training with PIL transforms, a DataLoader with two workers and fp32, the same net and batch, measured in turn "
    "with this project's loop in one process; images/s are medians ± standard deviation over the rounds, the ratio is "
    "the median (and range) of the rounds' ratios."
)
READING = (
    "Multiply-adds are those of the convolutions and the fully connected layer, for one image.",
    "Images/s is the median over the repeats ± their standard deviation, all within minutes: another hour of a shared "
    "machine gives another figure. Training is augmentation, forward pass, backward pass and update, inference a "
    "forward pass in evaluation mode.",
    "Peak memory is that of the throughput measurement's training steps: on a GPU the most that the "
    "framework held, on a CPU the process's peak resident size. `(whole run)` marks the peak of the training "
    "runs, shown where no throughput was measured.",
    "Training time is wall-clock time of a whole run, evaluations included; seeds that trained side by side on one "
    "device each count all of it. Times of different machines, or numbers of a processor's threads, are not averaged. "
    "What else ran on the machine, and the code's version of the day, are in them: they tell what the runs took, and "
    "benchmarks tell how fast a net is.",
)


# Size and speed, a row a net.


def _training_time(net: Net) -> Cell:
    """Seconds of a seed by machine; a seed that went on on another machine has none."""
    times: dict[str, list[float]] = {}
    for run in net.done:
        if len(run.devices) == 1:
            times.setdefault(run.devices[0], []).append(run.record.seconds)
    written = {where: words.durations(*values[:3]) for where in sorted(times) if (values := sample(times[where]))}
    alone = len(written) == 1
    return Cell("; ".join(time if alone else f"{time} on {where}" for where, time in written.items()) or words.NONE)


def _memory(net: Net) -> Cell:
    of_runs = max((run.record.peak_memory_bytes for run in net.runs if run.record.peak_memory_bytes), default=None)
    if net.throughput:
        value = net.throughput.training.peak_memory_bytes
        return Cell(f"{words.size(value)} (a training step)", value)
    return Cell(f"{words.size(of_runs)} (whole run)", of_runs) if of_runs else NOT_MEASURED


def _images_per_second(net: Net, kind: str) -> Cell:
    if net.throughput is None:
        return NOT_MEASURED
    timing = getattr(net.throughput, kind)
    std = timing.images_per_second_std if len(timing.step_seconds) > 1 else None
    return Cell(words.images_per_second(timing.images_per_second, std), timing.images_per_second)


def _line(net: Net) -> dict[str, Cell]:
    counted, parameters, adds = net.counted, Cell("not counted"), Cell("not counted")
    if counted:
        millions = words.rounded_parameters(counted.parameters)
        parameters = Cell(f"{millions} ({words.count(counted.parameters)})", counted.parameters)
        adds = Cell(words.multiply_adds(counted.multiply_adds), counted.multiply_adds)
    return {
        "net": Cell(net.name),
        "parameters": parameters,
        "multiply-adds": adds,
        **{f"{kind} images/s": _images_per_second(net, kind) for kind in KINDS},
        "peak memory": _memory(net),
        "training time a seed": _training_time(net),
    }


def _conditions(nets: Nets) -> Iterator[str]:
    timed = {escaped(name): words.measured(net.throughput) for name, net in nets.items() if net.throughput}
    trained = {escaped(name): f"on {words.listed(net.devices)}" for name, net in nets.items() if net.done}
    for what, values in {"Images/s and memory": timed, "Training time": trained}.items():
        for condition, names in words.grouped(values, len(nets)).items():
            yield f"{what} of {names}: {escaped(condition)}."


def every_net(nets: Nets) -> Section:
    """One row a net, in the plan's order."""
    return Section("Size and speed", (table([_line(net) for net in nets.values()]), bullets(_conditions(nets))))


# Images/s against depth.


def frame(nets: Nets) -> DataFrame:
    """A row a net and kind of step: images/s (from the median repeat) and their standard deviation, 0 for one."""
    lines = []
    for net in nets.values():
        for kind in KINDS if net.throughput else ():
            timing = getattr(net.throughput, kind)
            lines.append((net.name, net.depth, kind, timing.images_per_second, timing.images_per_second_std))
    return DataFrame(lines, columns=["name", "depth", "kind", "images_per_second", "std"])


def _series(nets: Sequence[Net], devices: Mapping[str, str]) -> dict[str, list[str]]:
    """Nets that differ in depth alone, by depth, under a label; a device is named if there are several."""
    groups: dict[str, list[Net]] = {}
    options = {net.shortcut for net in nets} - {"none"}
    for net in nets:
        label = KIND_NAMES.get(net.kind, net.kind)
        label += f", option {net.shortcut}" if net.kind != "plain" and options != {"A"} else ""
        grouped = net.flat.get("train.batch_norm_images")
        label += f", batch norm of {grouped} images" if grouped else ""
        label += f", {devices[net.name]}" if len(set(devices.values())) > 1 else ""
        groups.setdefault(label, []).append(net)
    return {label: [x.name for x in sorted(group, key=lambda net: net.depth)] for label, group in groups.items()}


def _apart(depths: Sequence[int]) -> list[int]:
    """The depths whose labels do not run into each other on a logarithmic axis."""
    shown: list[int] = []
    whole = math.log(depths[-1] / depths[0]) or 1.0
    for depth in depths:
        shown += [depth] if not shown or math.log(depth / shown[-1]) > 0.05 * whole else []
    return shown


def figure(nets: Nets) -> Figure | None:
    """Training left, inference right, both axes logarithmic; bars are the standard deviation over the repeats."""
    speed = frame(nets)
    if speed.empty:
        return None
    devices = {name: net.throughput.system.timed_on for name, net in nets.items() if net.throughput}
    lines, drawn = _series([nets[name] for name in devices], devices), style.new_figure(8.6, 4.2)
    axes, handles = drawn.subplots(1, 2, squeeze=False)[0], list[Any]()
    for panel, kind in zip(axes, KINDS, strict=True):
        timed, handles = speed[speed["kind"] == kind].set_index("name"), []
        for k, (label, names) in enumerate(lines.items()):
            line = timed.loc[names]
            # Plain and residual nets of one depth are almost equally fast: their points are side by side.
            x, y = line["depth"] * 1.07 ** (k - (len(lines) - 1) / 2), line["images_per_second"]
            look = style.series_look(k) | {"ms": 5, "lw": 1.0, "elinewidth": 1.0, "capsize": 2, "label": label}
            handles.append(panel.errorbar(x, y, yerr=line["std"], gid=f"{kind}-{k}", **look))
            speeds = map(words.images_per_second, y, line["std"])
            texts = [f"{name}: {speed} images/s" for name, speed in zip(names, speeds, strict=True)]
            style.label(handles[-1], label, texts)
        panel.set_xscale("log", base=2)
        panel.set_yscale("log")
        style.log_ticks(panel.xaxis, _apart(sorted(set(timed["depth"]))), "{:g}".format)
        panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
        panel.yaxis.set_minor_locator(NullLocator())
        panel.set_title(kind)
        panel.set_xlabel("depth, weighted layers")
    axes[0].set_ylabel("images/s")
    where = f" on {next(iter(devices.values()))}" if len(set(devices.values())) == 1 else ""
    style.entitle(drawn, f"Throughput{where}, median ± std over repeats")
    style.legend_below(drawn, handles, 8.2)
    return drawn


def throughput(nets: Nets) -> Section:
    absent = "throughput (not measured)"
    caption = "Images/s fall in proportion to depth. Points are medians over repeats, bars their standard deviation."
    picture = Picture("throughput-vs-depth", caption, absent, partial(figure, nets))
    return Section("Throughput", (DRIFT if any(net.throughput for net in nets.values()) else "", picture))


# The usual loop.


def _usual_table(loops: Sequence[tuple[str, UsualLoopRecord]]) -> Table:
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
            "result file": Cell(file, link=file),
        }
        lines.append(line)
    return table(lines, left=2)


def usual_loop(loops: Sequence[tuple[str, UsualLoopRecord]], runs: str | None) -> Section:
    """Training speed and that of the usual PyTorch loop; `runs`: the runs' folder as seen from the page."""
    return Section("Beside the usual PyTorch loop", (USUAL if loops else "", _usual_table(loops)), runs)


# benchmark.csv.

BENCHMARK = [
    *("model", "kind", "batch_size", "samples_per_sec", "step_time", "param_count", "gmacs"),
    *("precision", "mode", "device", "source"),
]
"""The names of timm's benchmark files, where they have one."""


def _benchmark_row(model: str, kind: str, timing: Any, case: Any, mode: str, device: str, source: str) -> list[Any]:
    """`timing`: batch size and median seconds; `case`: parameters, multiply-adds and precision."""
    rate, milliseconds = timing.batch_size / timing.median_seconds, 1e3 * timing.median_seconds
    size = (case.parameters / 1e6, case.multiply_adds / 1e9)
    return [model, kind, timing.batch_size, rate, milliseconds, *size, case.precision, mode, device, source]


def benchmark(nets: Nets, latency: Sequence[tuple[str, LatencyRecord]]) -> DataFrame:
    """A row a timed step of a whole net, as timm's `benchmark-*.csv`; empty if nothing was measured.

    `kind`: `train` (a whole training step), `infer`; of a latency also `forward` and `forward+backward`, which are no
    training steps. `samples_per_sec` and `step_time` (ms) are of the median repeat; `param_count` is in millions,
    `gmacs` of one image's forward pass.
    """
    rows = []
    for net, record in ((net, net.throughput) for net in nets.values() if net.throughput):
        mode, device = "compiled" if record.settings["train"].get("compile") else "eager", record.system.timed_on
        for kind, timing in (("train", record.training), ("infer", record.inference)):
            rows.append(_benchmark_row(net.name, kind, timing, record, mode, device, "throughput"))
    for _, measured in latency:
        for row in (row for row in measured.rows if row.part == "net"):
            other = row.net == "resnet" and measured.shortcut != "A"
            model = f"{row.net}-{row.depth}" + (f"-option-{measured.shortcut.lower()}" if other else "")
            kind = "infer" if row.passes == "inference" else row.passes
            rows.append(_benchmark_row(model, kind, row, row, row.mode, measured.system.timed_on, "latency"))
    return DataFrame(rows, columns=BENCHMARK)


def reading(nets: Nets) -> Section:
    return Section("How to read this", (bullets(READING) if nets else "",))
