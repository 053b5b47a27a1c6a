"""How far each net is from the machine's limits: a table, and a roofline plot.

The roofs are what a matrix product and a copy reached on the machine in the same run as the net. Bytes
are counted from the layers' volumes (`resnet/nets/traffic.py`): a lower bound of what was moved.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from resnet.records import Energy, Limits, StepWork, ThroughputRecord, Timing, UsualLoopRecord
from resnet.report.style import words as text
from resnet.report.style.drawing import BOLD, MARKERS, depth_colours, new_figure, wrapped
from resnet.report.tables import Results, Row

KINDS = ("training", "inference")


class Achieved(NamedTuple):
    """What one kind of step of one net reached."""

    row: Row
    kind: str
    timing: Timing
    work: StepWork
    limits: Limits
    energy: Energy | None
    device: str

    @property
    def flops(self) -> list[float]:
        """FLOP/s of each repeat."""
        return [self.work.flops / seconds for seconds in self.timing.step_seconds]

    @property
    def flops_per_second(self) -> float:
        return statistics.median(self.flops)

    @property
    def bytes_per_second(self) -> float:
        return self.work.bytes / self.timing.median_seconds


def achieved(results: Results) -> Iterator[Achieved]:
    """Every measurement that has limits beside it; files from before there were any have none."""
    for row in results.rows:
        record: ThroughputRecord | None = row.throughput
        if record is None or record.limits is None:
            continue
        for kind in KINDS:
            work: StepWork | None = getattr(record, f"{kind}_work")
            if work is not None:
                timing, energy = getattr(record, kind), getattr(record, f"{kind}_energy")
                yield Achieved(row, kind, timing, work, record.limits, energy, record.system.device_name)


def rate(value: float, unit: str) -> str:
    """Write `96.5 GFLOP/s` or `1.2 TB/s`, three figures."""
    for power, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M")):
        if value >= power:
            return f"{value / power:.3g} {prefix}{unit}"
    return f"{value:.3g} {unit}"


def share(part: float, whole: float) -> str:
    percent = 100 * part / whole
    return f"{percent:.0f} %" if percent >= 10 else f"{percent:.1f} %"


def _spread(values: Sequence[float], scale: float = 1.0) -> str:
    """The median and, of several repeats, their standard deviation."""
    std = statistics.stdev(values) / scale if len(values) > 1 else None
    return text.spread(statistics.median(values) / scale, std, len(values), 1)


def limits_table(results: Results) -> str:
    """Achieved against reachable, one row a net and kind of step; empty where nothing was measured."""
    found = list(achieved(results))
    with_energy = any(of.energy for of in found)
    headings = [
        *("net", "step", "GFLOP/s", "of a matrix product", "bytes/s, at least", "of a copy"),
        *("FLOP a byte, at most", "of the roof"),
        *(["J an image"] if with_energy else []),
    ]
    rows = []
    for of in found:
        energy = of.energy
        rows.append(
            [
                text.escaped(of.row.name),
                of.kind,
                _spread(of.flops, 1e9),
                share(of.flops_per_second, of.limits.flops_per_second),
                rate(of.bytes_per_second, "B/s"),
                share(of.bytes_per_second, of.limits.bytes_per_second),
                f"{of.work.intensity:.0f}",
                share(of.flops_per_second, of.limits.roof(of.work.intensity)),
                *([_joules(energy) if energy else "not measured"] if with_energy else []),
            ]
        )
    return text.table(headings, rows, left=2) if rows else ""


def _joules(energy: Energy) -> str:
    values = energy.joules_per_image
    std = statistics.stdev(values) if len(values) > 1 else None
    return text.spread(statistics.median(values), std, len(values), 4)


def limits_notes(results: Results) -> list[str]:
    """What the shares are shares of, and what was counted."""
    found = list(achieved(results))
    if not found:
        return []
    said = []
    for device in dict.fromkeys(of.device for of in found):
        of_device = [of for of in found if of.device == device]
        products = [of.limits.flops_per_second for of in of_device[::2]]
        copies = [of.limits.bytes_per_second for of in of_device[::2]]
        precisions = text.listed(sorted({of.limits.precision for of in of_device}))
        size = of_device[0].limits.matrix_size
        said.append(
            f"{text.escaped(device)}, measured beside each net: a {precisions} product of {size} x {size} matrices "
            f"{_range(products, 'FLOP/s')}, a copy {_range(copies, 'B/s')} read and written "
            f"({len(products)} {'run' if len(products) == 1 else 'runs'})."
        )
    said += [
        "GFLOP/s: median ± standard deviation (n repeats); two operations a multiply-add of the convolutions and "
        "the fully connected layer, three times the forward pass's for training. They are the direct convolution's: "
        "where Winograd's runs, with a quarter of the products, a share can be above 100 %.",
        "Bytes: input, output and weight of each of these layers, once a use; batch norm, ReLU and additions are "
        "counted as free. A lower bound of what a step moves, so the share of a copy is one too, and FLOP a byte "
        "an upper bound.",
        "The roof of a step is the lower of the matrix product's FLOP/s and FLOP a byte times the copy's bytes/s.",
    ]
    if any(of.energy for of in found):
        said.append("Energy is that of the GPU's whole board by NVML, idle power included; n stretches of 2 s.")
    else:
        said.append("Energy: not measured, there was no GPU with a counter.")
    return said


def _range(values: Sequence[float], unit: str) -> str:
    low, high = rate(min(values), unit), rate(max(values), unit)
    return low if low == high else f"{low} to {high}"


def usual_loop_table(records: Sequence[tuple[str, UsualLoopRecord]], link: str | None) -> str:
    """Training beside the usual PyTorch loop, one row a file; empty without any."""
    rows = []
    for file, record in records:
        ratios = record.ratios
        rows.append(
            [
                f"{record.net}-{record.depth}",
                text.escaped(record.system.device_name),
                f"{_spread(record.usual_images_per_second)}, {record.usual_precision}",
                f"{_spread(record.images_per_second)}, {record.precision}",
                f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}, n = {len(ratios)})",
                f"[{file}]({link}/{file})" if link else f"`{file}`",
            ]
        )
    headings = ["net", "device", "usual loop, images/s", "this one, images/s", "ratio", "result file"]
    return text.table(headings, rows, left=2) if rows else ""


def roofline(results: Results) -> Figure | None:
    """Arithmetic intensity against achieved FLOP/s, both axes logarithmic, under the machine's two roofs.

    One panel a device; training filled, inference open.
    """
    found = list(achieved(results))
    if not found:
        return None
    devices = list(dict.fromkeys(of.device for of in found))
    figure = new_figure(max(6.4, 5.0 * len(devices)), 5.0)
    colours = depth_colours(results)
    panels = figure.subplots(1, len(devices), squeeze=False)[0]
    for panel, device in zip(panels, devices, strict=True):
        of_device = [of for of in found if of.device == device]
        flops = statistics.median(of.limits.flops_per_second for of in of_device)
        moved = statistics.median(of.limits.bytes_per_second for of in of_device)
        ridge = flops / moved
        low = min(ridge, *(of.work.intensity for of in of_device)) / 4
        high = max(ridge, *(of.work.intensity for of in of_device)) * 2.5
        panel.plot([low, ridge, high], [low * moved, flops, flops], color="#333333", lw=1.6, gid="roof")
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.set_xlim(low, high)
        bottom = min([low * moved, *(min(of.flops) for of in of_device)]) / 1.5
        panel.set_ylim(bottom, 2 * max([flops, *(max(of.flops) for of in of_device)]))
        for of in of_device:
            look: dict[str, Any] = {"color": colours[of.row.depth], "marker": MARKERS[of.row.net == "plain"]}
            median = of.flops_per_second
            panel.errorbar(
                [of.work.intensity],
                [median],
                yerr=[[median - min(of.flops)], [max(of.flops) - median]],
                mfc=look["color"] if of.kind == "training" else "white",
                ms=6,
                lw=0.8,
                ls="",
                capsize=2,
                gid=f"{of.kind}-{of.row.name}",
                **look,
            )
        limits_said = f"matrix product: {rate(flops, 'FLOP/s')}, copy: {rate(moved, 'B/s')}"
        panel.set_title(f"{device}, {of_device[0].limits.precision}\n{limits_said}", wrap=True)
        panel.set_xlabel("FLOP a byte, bytes counted from the layers' volumes")
    panels[0].set_ylabel("FLOP/s")
    depths = sorted({of.row.depth for of in found})
    handles = [
        *(Line2D([], [], ls="", marker="s", color=colours[depth], label=f"{depth} layers") for depth in depths),
        Line2D([], [], ls="", marker=MARKERS[0], color="#555555", label="residual, training"),
        Line2D([], [], ls="", marker=MARKERS[0], color="#555555", mfc="white", label="residual, inference"),
        Line2D([], [], ls="", marker=MARKERS[1], color="#555555", label="plain, training"),
        Line2D([], [], ls="", marker=MARKERS[1], color="#555555", mfc="white", label="plain, inference"),
        Line2D([], [], color="#333333", lw=1.6, label="roofs (median of the runs)"),
    ]
    figure.suptitle(wrapped("Achieved FLOP/s and the machine's roofs", 6.4), **BOLD)
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    return figure
