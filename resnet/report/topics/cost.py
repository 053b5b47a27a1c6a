"""What depth buys: points of test error for each unit of each cost, error against cost, and `benchmark.csv`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

from matplotlib.figure import Figure
from pandas import DataFrame

from resnet.report import ladders, style, words
from resnet.report.results import Net
from resnet.report.samples import Difference, welch
from resnet.report.section import Picture, Section
from resnet.report.style import COLOURS, KIND_NAMES, MARKERS
from resnet.report.table import Cell, Table, table
from resnet.results import DataRecord, LatencyRecord

Nets = Mapping[str, Net]

UNITS = {
    "parameters": "M",
    "multiply-adds": "M",
    "inference an image": "ms",
    "training time": "h",
    "training energy": "kWh",
}
"""Each cost and its unit."""
KINDS = ("resnet", "plain")
POINTS = (
    "Points of test error for each unit more of a cost: negative where depth buys a lower error. Times and energy of "
    "different machines are neither averaged nor set against each other."
)


class Cost(NamedTuple):
    value: float | None
    """In its unit; None if it was not measured, or the seeds ran on several machines."""
    devices: tuple[str, ...] = ()
    """What it was measured on: seconds of two devices do not compare. Empty if it is the net's own."""


def costs_of(net: Net) -> dict[str, Cost]:
    """Of a net with a seed that is done."""
    record, devices = net.throughput, tuple(net.devices)
    alone = len(devices) == 1
    seconds, energy = net.over_seeds("seconds"), net.over_seeds("energy_joules")
    inference, own = Cost(None), net.counted
    if record:
        milliseconds = 1e3 * record.inference.median_seconds / record.inference.batch_size
        inference = Cost(milliseconds, (record.system.timed_on,))
    trained = Cost(seconds.mean / 3600 if seconds and alone else None, devices)
    used = Cost(energy.mean / 3.6e6 if energy and alone else None, devices if energy else ())
    whole = (Cost(own.parameters / 1e6), Cost(own.multiply_adds / 1e6))
    return dict(zip(UNITS, (*whole, inference, trained, used), strict=True))


def _ladders(nets: Nets) -> dict[str, list[Net]]:
    """The main nets of each kind by depth that have an error, of the usual length."""
    done = {kind: [nets[x] for x in ladders.main_nets(nets, kind) if nets[x].done] for kind in KINDS}
    usual = ladders.usual_length(net for of_kind in done.values() for net in of_kind)
    return {kind: [net for net in of_kind if net.iterations == usual] for kind, of_kind in done.items()}


def frame(nets: Nets) -> DataFrame:
    """A row a cost and net of the ladders: the cost, its unit and devices, mean test error in % and its std."""
    of_ladders = [net for of_kind in _ladders(nets).values() for net in of_kind]
    costs = {net.name: costs_of(net) for net in of_ladders}
    cells = [
        (cost, unit, costs[net.name][cost].devices, net.kind, costs[net.name][cost].value, error.mean, error.std)
        for cost, unit in UNITS.items()
        for net in of_ladders
        if costs[net.name][cost].value and (error := net.over_seeds("test_error"))
    ]
    return DataFrame(cells, columns=["cost", "unit", "devices", "kind", "value", "mean", "std"])


# What the next depth buys.


def _bought(first: Net, second: Net) -> Difference | None:
    """Points of test error; None if the two do not compare, or one has a single seed."""
    before, after = first.over_seeds("test_error"), second.over_seeds("test_error")
    if before is None or after is None or ladders.incomparable(first, second):
        return None
    return welch(after, before)


def _a_unit(points: float, before: Cost, after: Cost) -> Cell:
    """Points for a unit more, or why there are none."""
    if max(len(before.devices), len(after.devices)) > 1:
        return Cell("several machines")
    if before.value is None or after.value is None:
        return Cell("not measured")
    if before.devices != after.devices:
        return Cell("other devices")
    if after.value <= before.value:
        return Cell(words.NONE)
    value = points / (after.value - before.value)
    return Cell(f"{value:+.3g}", value)


def steps_table(nets: Nets, confidence: float) -> Table:
    """A row a step from one depth to the next."""
    lines = []
    for first, second in (pair for of_kind in _ladders(nets).values() for pair in pairwise(of_kind)):
        difference = _bought(first, second)
        if difference is None:
            continue
        before, after = costs_of(first), costs_of(second)
        points = words.difference(difference.value, difference.interval(confidence))
        line = {
            "step": Cell(f"{first.name} to {second.name}"),
            f"points ({100 * confidence:g} % interval)": Cell(points, difference.value),
        }
        for cost, unit in UNITS.items():
            line[f"a {unit}, {cost}"] = _a_unit(difference.value, before[cost], after[cost])
        lines.append(line)
    return table(lines)


def figure(nets: Nets, data: DataRecord | None) -> Figure | None:
    """Small multiples: mean test error ± std over seeds against each cost that was measured, costs logarithmic.

    A cost that was measured on several devices has a panel for each.
    """
    panels: list[Any] = list(frame(nets).groupby(["cost", "unit", "devices"], sort=False))
    if not panels:
        return None
    drawn = style.new_figure(max(5.0, 2.5 * len(panels)), 3.4)
    axes = drawn.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    legend = {}
    for axis, ((cost, unit, devices), panel) in zip(axes, panels, strict=True):
        for kind, line in panel.groupby("kind", sort=False):
            k, std = KINDS.index(kind), line["std"].astype(float).fillna(0.0)
            look: dict[str, Any] = {"color": COLOURS[k], "marker": MARKERS[k], "label": KIND_NAMES[kind]}
            legend[kind] = axis.errorbar(line["value"], line["mean"], yerr=std, ms=4, lw=1, capsize=2, **look)
        axis.set_xscale("log")
        style.log_ticks(axis.xaxis, sorted({panel["value"].min(), panel["value"].max()}), "{:.3g}".format)
        where = style.wrapped(f"on {words.listed(devices)}", 2.2) if devices else ""
        axis.set_xlabel(f"{cost}, {unit}\n{where}".rstrip())
    axes[0].set_ylabel("test error, %")
    length = next(net.iterations for of_kind in _ladders(nets).values() for net in of_kind)
    where = ", ".join([*([data.name] if data else []), f"{words.count(length)} iterations"])
    style.entitle(drawn, f"Test error against cost on {where}")
    style.legend_below(drawn, [legend[kind] for kind in KINDS if kind in legend], most=2)
    return drawn


def what_depth_buys(nets: Nets, data: DataRecord | None, confidence: float) -> Section:
    steps, absent = steps_table(nets, confidence), "error against cost (no seed is done)"
    picture = Picture("frontiers", "Test error against what it costs.", absent, partial(figure, nets, data))
    return Section("What depth buys", (steps, POINTS if steps.rows else "", picture))


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
