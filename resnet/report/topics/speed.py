"""How large and how fast every net is: the table, images/s against depth, distance from the machine's peaks.

The peaks are the best of a matrix product and a copy in the same run as the net. Bytes are counted from the layers'
volumes (`resnet/nets/layers.py`): a lower bound of what was moved. `benchmark.csv` has the names of timm's files.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter
from pandas import DataFrame

from resnet.report import style, words
from resnet.report.markdown import bullets, escaped, link
from resnet.report.results import Net, Nets
from resnet.report.samples import sample
from resnet.report.section import Picture, Section
from resnet.report.style import KIND_NAMES
from resnet.report.table import Cell, table
from resnet.results import LatencyRecord, UsualLoopRecord

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


COLUMNS = [
    *("name", "net", "depth", "kind", "device", "speed", "std"),
    *("flops", "moved", "intensity", "product", "copy", "precision", "size"),
]


def frame(nets: Nets) -> DataFrame:
    """A row a net and kind of step: images/s of the median repeat and their standard deviation, 0 for one.

    If peaks were measured, `flops` and `moved` (bytes) a second by repeat, and the peaks.
    """
    lines = list[tuple[Any, ...]]()
    for net, record in ((net, net.throughput) for net in nets.values() if net.throughput):
        for kind in KINDS:
            timing, work, peaks = getattr(record, kind), getattr(record, f"{kind}_work"), record.peaks
            speed = timing.images_per_second, timing.images_per_second_std
            of_peaks: tuple[Any, ...] = (None,) * 7
            if work and peaks:
                a_second = ([amount / x for x in timing.step_seconds] for amount in (work.flops, work.bytes))
                reached = peaks.flops_per_second, peaks.bytes_per_second
                of_peaks = (*a_second, work.intensity, *reached, peaks.precision, peaks.matrix_size)
            lines.append((net.name, net.kind, net.depth, kind, record.system.timed_on, *speed, *of_peaks))
    return DataFrame(lines, columns=COLUMNS)


def _training_time(net: Net) -> Cell:
    """Seconds of a seed by machine; a seed that went on on another machine has none."""
    times: dict[str, list[float]] = {}
    for run in net.done:
        if len(run.devices) == 1:
            times.setdefault(run.devices[0], []).append(run.record.seconds)
    samples = {where: values for where in sorted(times) if (values := sample(times[where]))}
    written = {where: f"{words.duration(x.mean, x.std)} (n = {x.n})" for where, x in samples.items()}
    alone = len(written) == 1
    return Cell("; ".join(time if alone else f"{time} on {where}" for where, time in written.items()) or words.NONE)


def _line(net: Net) -> dict[str, Cell]:
    counted, timed = net.counted, net.throughput
    parameters = adds = Cell("not counted")
    if counted:
        millions = words.rounded_parameters(counted.parameters)
        parameters = Cell(f"{millions} ({words.count(counted.parameters)})", counted.parameters)
        adds = Cell(words.multiply_adds(counted.multiply_adds), counted.multiply_adds)
    speeds, of_runs = dict.fromkeys(KINDS, NOT_MEASURED), [run.record.peak_memory_bytes or 0 for run in net.runs]
    memory = Cell(f"{words.size(max(of_runs))} (whole run)", max(of_runs)) if any(of_runs) else NOT_MEASURED
    if timed:
        peak = timed.training.peak_memory_bytes
        memory = Cell(f"{words.size(peak)} (a training step)", peak)
        for kind in KINDS:
            timing = getattr(timed, kind)
            std = timing.images_per_second_std if len(timing.step_seconds) > 1 else None
            speeds[kind] = Cell(words.images_per_second(timing.images_per_second, std), timing.images_per_second)
    return {
        "net": Cell(net.name),
        "parameters": parameters,
        "multiply-adds": adds,
        **{f"{kind} images/s": speed for kind, speed in speeds.items()},
        "peak memory": memory,
        "training time a seed": _training_time(net),
    }


def every_net(nets: Nets) -> Section:
    """One row a net, in the plan's order."""
    timed = {escaped(name): words.measured(net.throughput) for name, net in nets.items() if net.throughput}
    trained = {escaped(name): f"on {words.listed(net.devices)}" for name, net in nets.items() if net.done}
    conditions = [
        f"{what} of {names}: {escaped(condition)}."
        for what, values in {"Images/s and memory": timed, "Training time": trained}.items()
        for condition, names in words.grouped(values, len(nets)).items()
    ]
    return Section("Size and speed", (table([_line(net) for net in nets.values()]), bullets(conditions)))


def figure(nets: Nets) -> Figure | None:
    """Training left, inference right, both axes logarithmic; bars are the standard deviation over the repeats."""
    speed = frame(nets)
    if speed.empty:
        return None
    devices, options = [*speed["device"].unique()], {nets[name].shortcut for name in speed["name"]} - {"none"}
    series = []  # nets that differ in depth alone
    for net, device in zip(map(nets.__getitem__, speed["name"]), speed["device"], strict=True):
        option = f", option {net.shortcut}" if net.kind != "plain" and options != {"A"} else ""
        grouped = net.flat.get("train.batch_norm_images")
        images = f", batch norm of {grouped} images" if grouped else ""
        series.append(f"{KIND_NAMES[net.kind]}{option}{images}{f', {device}' if len(devices) > 1 else ''}")
    speed["series"] = series
    where, depths = f" on {devices[0]}" if len(devices) == 1 else "", sorted(set(speed["depth"]))
    drawn, axes = style.panels(8.6, 4.2, KINDS, f"Throughput{where}, median ± std over repeats")
    for panel, kind in zip(axes, KINDS, strict=True):
        lines, handles = speed[speed["kind"] == kind].groupby("series", sort=False), list[Any]()
        for k, (label, line) in enumerate(lines):
            line = line.sort_values("depth", kind="stable")
            # Plain and residual nets of one depth are almost equally fast: their points are side by side.
            x, y = line["depth"] * 1.07 ** (k - (len(lines) - 1) / 2), line["speed"]
            look: dict[str, Any] = {"ms": 5, "lw": 1.0, "elinewidth": 1.0, "capsize": 2, "label": label}
            look |= {"marker": style.MARKERS[k % 7], "color": style.COLOURS[k % 7], "ls": style.LINES[k % 2]}
            handles.append(panel.errorbar(x, y, yerr=line["std"], gid=f"{kind}-{k}", **look))
            speeds = map(words.images_per_second, y, line["std"])
            texts = [f"{name}: {speed} images/s" for name, speed in zip(line["name"], speeds, strict=True)]
            style.label(handles[-1], str(label), texts)
        panel.set_xscale("log", base=2)
        panel.set_yscale("log")
        style.log_ticks(panel.xaxis, depths[:: 1 + (len(depths) - 1) // 6], "{:g}".format)  # more labels would overlap
        style.log_ticks(panel.yaxis, (), "{:,.10g}".format)
        panel.set_xlabel("depth, weighted layers")
    axes[0].set_ylabel("images/s")
    style.legend_below(drawn, handles)
    return drawn


def throughput(nets: Nets) -> Section:
    """Images/s against depth."""
    caption = "Images/s fall in proportion to depth. Points are medians over repeats, bars their standard deviation."
    picture = Picture("throughput-vs-depth", caption, partial(figure, nets))
    return Section("Throughput", (DRIFT if any(net.throughput for net in nets.values()) else "", picture))


def _notes(steps: DataFrame) -> Iterator[str]:
    """What the shares are shares of, and what was counted."""
    for device, measured in steps.groupby("device", sort=False):
        # Nets that were measured in one run share its peaks.
        peaks = measured.drop_duplicates(["product", "copy"])
        product, copy = [
            " to ".join(dict.fromkeys(words.per_second(value, unit) for value in (values.min(), values.max())))
            for values, unit in ((peaks["product"], "FLOP/s"), (peaks["copy"], "B/s"))
        ]
        size, precisions = int(peaks["size"].iloc[0]), words.listed(sorted(set(peaks["precision"])))
        yield (
            f"{escaped(str(device))}: a product of {size} x {size} matrices in {precisions} reaches {product}, a copy "
            f"{copy} read and written (the best repeat of {words.numbered(len(peaks), 'measurement')})."
        )
    yield from COUNTED


def _draw_peaks(panel: Any, steps: DataFrame) -> None:
    flops, moved = float(steps["product"].median()), float(steps["copy"].median())
    ridge, intensity = flops / moved, steps["intensity"]
    low, high = min(ridge, intensity.min()) / 4, max(ridge, intensity.max()) * 2.5
    slowest, fastest = steps["flops"].map(min).min(), steps["flops"].map(max).max()
    panel.plot([low, ridge, high], [low * moved, flops, flops], color="#333333", lw=1.6, gid="roof")
    panel.set(xscale="log", yscale="log", xlim=(low, high))
    panel.set_ylim(min(low * moved, slowest) / 1.5, 2 * max(flops, fastest))
    style.log_ticks(panel.xaxis, (), EngFormatter(sep=""))
    style.log_ticks(panel.yaxis, (), EngFormatter(sep=" "))
    step: Any
    for step in steps.itertuples():
        colour, median = style.depth_colour(step.depth), statistics.median(step.flops)
        bar = [[median - min(step.flops)], [max(step.flops) - median]]
        look = {"color": colour, "marker": style.MARKERS[step.net == "plain"], "gid": f"{step.kind}-{step.name}"}
        look |= {"mfc": colour if step.kind == "training" else "white", "ls": ""}
        panel.errorbar([step.intensity], [median], yerr=bar, ms=6, lw=0.8, capsize=2, **look)
    peaks = f"matrix product: {words.per_second(flops, 'FLOP/s')}, copy: {words.per_second(moved, 'B/s')}"
    panel.set_title(f"{panel.get_title()}, {steps['precision'].iloc[0]}\n{peaks}", wrap=True)
    panel.set_xlabel("FLOP a byte, bytes counted from the layers' volumes")


def peaks_figure(nets: Nets) -> Figure | None:
    """Arithmetic intensity against achieved FLOP/s, both logarithmic, under the machine's two roofs; a panel a device.

    Training filled, inference open.
    """
    steps = frame(nets).dropna(subset="product")
    if steps.empty:
        return None
    devices = dict[Any, DataFrame](iter(steps.groupby("device", sort=False)))
    drawn, panels = style.panels(max(6.4, 5.0 * len(devices)), 5.0, devices, "Achieved FLOP/s and the machine's roofs")
    for panel, measured in zip(panels, devices.values(), strict=True):
        _draw_peaks(panel, measured)
    panels[0].set_ylabel("FLOP/s")
    depths, grey = sorted(set(steps["depth"])), {"ls": "", "color": "#555555"}
    handles = [style.entry(f"{depth} layers", ls="", marker="s", color=style.depth_colour(depth)) for depth in depths]
    for kind, marker in zip(("residual", "plain"), style.MARKERS, strict=False):
        handles.append(style.entry(f"{kind}, training", marker=marker, **grey))
        handles.append(style.entry(f"{kind}, inference", marker=marker, mfc="white", **grey))
    handles.append(style.entry("roofs: the best matrix product and copy", color="#333333", lw=1.6))
    style.legend_below(drawn, handles)
    return drawn


def roofline(nets: Nets) -> Section:
    """Achieved against reachable, a row a net and kind of step, and the figure."""
    steps, lines = frame(nets).dropna(subset="product"), list[dict[str, Cell]]()
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
    caption = (
        "Marks are the medians of what steps reach, and bars the range over repeats. The line is what a matrix product "
        "and a copy reach there at best."
    )
    picture = Picture("roofline", caption, partial(peaks_figure, nets))
    notes = bullets(_notes(steps)) if lines else ""
    return Section("Distance from the machine's peaks", (table(lines, left=2), notes, picture))


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
    timed = list[tuple[Any, ...]]()  # what was timed, its kind, its timing, its size, and the conditions
    for net, record in ((net, net.throughput) for net in nets.values() if net.throughput):
        mode = "compiled" if record.settings["train"].get("compile") else "eager"
        for kind, timing in (("train", record.training), ("infer", record.inference)):
            timed.append((net.name, kind, timing, record, mode, record.system.timed_on, "throughput"))
    for _, measured in latency:
        for row in (row for row in measured.rows if row.part == "net"):
            other = row.net == "resnet" and measured.shortcut != "A"
            model = f"{row.net}-{row.depth}" + (f"-option-{measured.shortcut.lower()}" if other else "")
            kind = "infer" if row.passes == "inference" else row.passes
            timed.append((model, kind, row, row, row.mode, measured.system.timed_on, "latency"))
    rows = list[list[Any]]()
    for model, kind, timing, case, *conditions in timed:
        seconds, size = timing.median_seconds, (case.parameters / 1e6, case.multiply_adds / 1e9)
        step = timing.batch_size, timing.batch_size / seconds, 1e3 * seconds
        rows.append([model, kind, *step, *size, case.precision, *conditions])
    return DataFrame(rows, columns=BENCHMARK)
