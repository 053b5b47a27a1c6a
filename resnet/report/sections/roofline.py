"""How far each net is from the machine's peaks: the best of a matrix product and a copy in the same run as the net.

Bytes are counted from the layers' volumes (`resnet/nets/layers.py`): a lower bound of what was moved.
"""

from functools import partial
from typing import Any

from matplotlib.figure import Figure
from pandas import DataFrame, Series

from resnet.report import style as drawing
from resnet.report import words
from resnet.report.analysis.timing import achieved
from resnet.report.markdown import bullets, escaped, table
from resnet.report.style import Picture, Section
from resnet.report.tables import Tables, rows

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


def peaks_table(steps: DataFrame) -> str:
    """Achieved against reachable, one row a net and kind of step."""
    with_energy = steps["joules_per_image"].notna().any()
    lines = [
        {
            "net": x.name,
            "step": x.kind,
            "GFLOP/s": words.repeats(x.repeats, 1, 1e9),
            "of a matrix product": words.shares(x.repeats, x.peak_flops_per_second, "Winograd or drift"),
            "bytes/s, at least": words.per_second(x.bytes_per_second, "B/s"),
            "of a copy": words.shares(x.moved, x.peak_bytes_per_second, "caches or drift"),
            "FLOP a byte, at most": f"{x.intensity:.0f}",
            "J an image": words.repeats(x.joules_per_image, 4) if x.joules_per_image else "not measured",
        }
        for x in rows(steps)
    ]
    return table(DataFrame(lines).drop(columns=[] if with_energy else "J an image"), left=2)


def _between(values: Series, unit: str) -> str:
    low, high = words.per_second(values.min(), unit), words.per_second(values.max(), unit)
    return low if low == high else f"{low} to {high}"


def notes(steps: DataFrame) -> list[str]:
    """What the shares are shares of, and what was counted."""
    lines = []
    for device, measured in steps.groupby("timed_on", sort=False):
        runs = measured.drop_duplicates("name")
        size, precisions = int(runs["matrix_size"].iloc[0]), words.listed(sorted(set(runs["peak_precision"])))
        product, copy = (
            _between(runs["peak_flops_per_second"], "FLOP/s"),
            _between(runs["peak_bytes_per_second"], "B/s"),
        )
        lines.append(
            f"{escaped(str(device))}, the best beside each net: a product of {size} x {size} matrices in {precisions} "
            f"at {product}, a copy at {copy} read and written ({words.numbered(len(runs), 'run')})."
        )
    energy = "Energy: not measured, there was no GPU with a counter."
    if steps["joules_per_image"].notna().any():
        energy = "Energy is that of the GPU's whole board by NVML, idle power included; n stretches of 2 s."
    return [*lines, *COUNTED, energy]


def _draw_panel(panel: Any, device: str, steps: DataFrame, colours: dict[int, str]) -> None:
    flops, moved = (float(steps[f"peak_{unit}_per_second"].median()) for unit in ("flops", "bytes"))
    ridge, intensity = flops / moved, steps["intensity"]
    low, high = min(ridge, intensity.min()) / 4, max(ridge, intensity.max()) * 2.5
    panel.plot([low, ridge, high], [low * moved, flops, flops], color="#333333", lw=1.6, gid="roof")
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.set_xlim(low, high)
    slowest, fastest = steps["repeats"].map(min), steps["repeats"].map(max)
    panel.set_ylim(min(low * moved, slowest.min()) / 1.5, 2 * max(flops, fastest.max()))
    for step in rows(steps):
        colour, median = colours[step.depth], step.flops_per_second
        bar = [[median - min(step.repeats)], [max(step.repeats) - median]]
        look = {"color": colour, "marker": drawing.MARKERS[step.net == "plain"], "gid": f"{step.kind}-{step.name}"}
        look |= {"mfc": colour if step.kind == "training" else "white", "ls": ""}
        panel.errorbar([step.intensity], [median], yerr=bar, ms=6, lw=0.8, capsize=2, **look)
    peaks = f"matrix product: {words.per_second(flops, 'FLOP/s')}, copy: {words.per_second(moved, 'B/s')}"
    panel.set_title(f"{device}, {steps['peak_precision'].iloc[0]}\n{peaks}", wrap=True)
    panel.set_xlabel("FLOP a byte, bytes counted from the layers' volumes")


def figure(tables: Tables) -> Figure | None:
    """Arithmetic intensity against achieved FLOP/s, both axes logarithmic, under the machine's two roofs.

    One panel a device; training filled, inference open.
    """
    steps = achieved(tables)
    devices = list(steps.groupby("timed_on", sort=False))
    if not devices:
        return None
    figure = drawing.new_figure(max(6.4, 5.0 * len(devices)), 5.0)
    colours = drawing.depth_colours(tables.nets["depth"])
    panels = figure.subplots(1, len(devices), squeeze=False)[0]
    for panel, (device, measured) in zip(panels, devices, strict=True):
        _draw_panel(panel, str(device), measured, colours)
    panels[0].set_ylabel("FLOP/s")
    depths = sorted(set(steps["depth"]))
    handles = [drawing.entry(f"{depth} layers", ls="", marker="s", color=colours[depth]) for depth in depths]
    for kind, marker in zip(("residual", "plain"), drawing.MARKERS, strict=False):
        grey: dict[str, Any] = {"ls": "", "color": "#555555", "marker": marker}
        handles.append(drawing.entry(f"{kind}, training", **grey))
        handles.append(drawing.entry(f"{kind}, inference", mfc="white", **grey))
    handles.append(drawing.entry("roofs (median of the runs' best)", color="#333333", lw=1.6))
    drawing.entitle(figure, "Achieved FLOP/s and the machine's roofs", 6.4)
    drawing.legend_below(figure, handles)
    return figure


def section(tables: Tables) -> Section:
    steps = achieved(tables)
    text = f"{peaks_table(steps)}\n{bullets(notes(steps))}" if len(steps) else ""
    caption = "Achieved FLOP/s (median, bars: range of the repeats) and what a product and a copy reach there at best."
    picture = Picture("roofline", caption, "roofline (not measured)", partial(figure, tables))
    return Section("Distance from the machine's peaks", text, (picture,))
