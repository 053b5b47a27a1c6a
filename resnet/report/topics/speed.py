"""How large and how fast every net is: the table, images/s against depth, and the usual PyTorch loop."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from matplotlib.figure import Figure
from pandas import DataFrame

from resnet.report import style, words
from resnet.report.markdown import bullets, escaped
from resnet.report.results import Net
from resnet.report.samples import sample
from resnet.report.section import Picture, Section
from resnet.report.style import KIND_NAMES
from resnet.report.table import Cell, Table, table
from resnet.results import ThroughputRecord, UsualLoopRecord

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
    written = {where: words.durations(*values.summary) for where in sorted(times) if (values := sample(times[where]))}
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


def _measured(record: ThroughputRecord) -> str:
    """Under which conditions images/s and memory of a net were measured."""

    def both(numbers: Sequence[int], noun: str = "") -> str:
        listed = " and ".join(words.count(number) for number in dict.fromkeys(numbers))
        return f"{listed} {noun}{'' if set(numbers) == {1} else 's'}" if noun else listed

    timings = (record.training, record.inference)
    batch, steps = both([x.batch_size for x in timings]), both([x.steps for x in timings], "step")
    repeats = both([len(x.step_seconds) for x in timings], "repeat")
    return f"batch {batch}, {record.precision}, {repeats} of {steps}, on {record.system.timed_on}"


def _conditions(nets: Nets) -> Iterator[str]:
    timed = {escaped(name): _measured(net.throughput) for name, net in nets.items() if net.throughput}
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


def _round_numbers(values: Sequence[float]) -> list[float]:
    """The numbers 1, 2 and 5 times a power of ten from just below the values to just above them."""
    powers = range(math.floor(math.log10(min(values))) - 1, math.ceil(math.log10(max(values))) + 2)
    numbers = [digit * 10.0**power for power in powers for digit in (1, 2, 5)]
    below = max(number for number in numbers if number < min(values))
    above = min(number for number in numbers if number > max(values))
    return [number for number in numbers if below <= number <= above]


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
            line, (colour, marker) = timed.loc[names], style.series_look(k)
            # Plain and residual nets of one depth are almost equally fast: the first drawn has the
            # larger marker and the wider line, so that none hides another.
            look: dict[str, Any] = {"ms": max(4, 9 - 2.5 * k), "lw": max(1.0, 3.0 - 1.1 * k), "color": colour}
            look |= {"marker": marker, "mfc": "none", "mew": 1.3, "elinewidth": 1.0, "capsize": 3, "label": label}
            x, y = line["depth"], line["images_per_second"]
            handles.append(panel.errorbar(x, y, yerr=line["std"], gid=f"{kind}-{k}", **look))
            speeds = map(words.images_per_second, y, line["std"])
            texts = [f"{name}: {speed} images/s" for name, speed in zip(names, speeds, strict=True)]
            style.label(handles[-1], label, texts)
        panel.set_xscale("log", base=2)
        panel.set_yscale("log")
        style.log_ticks(panel.xaxis, _apart(sorted(set(timed["depth"]))), "{:g}".format)
        # The ends of the error bars, as far as a logarithmic axis can show them.
        mean, std = timed["images_per_second"], timed["std"]
        ticks = _round_numbers([*mean, *(mean + std), *(mean - std)[mean > std]])
        panel.set_ylim(ticks[0], ticks[-1])
        style.log_ticks(panel.yaxis, ticks, "{:,.10g}".format)
        panel.set_title(kind)
        panel.set_xlabel("depth, weighted layers")
    axes[0].set_ylabel("images/s")
    where = f" on {next(iter(devices.values()))}" if len(set(devices.values())) == 1 else ""
    style.entitle(drawn, f"Throughput{where}, median ± std over repeats")
    style.legend_below(drawn, handles, 8.2)
    return drawn


def throughput(nets: Nets) -> Section:
    absent = "throughput (not measured)"
    picture = Picture("throughput-vs-depth", "Images/s against depth.", absent, partial(figure, nets))
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


def reading(nets: Nets) -> Section:
    return Section("How to read this", (bullets(READING) if nets else "",))
