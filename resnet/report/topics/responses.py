"""Figure 7: how strongly the layers of trained nets respond, plain nets against residual ones."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from pandas import DataFrame

from resnet.report import ladders, style, words
from resnet.report.markdown import escaped
from resnet.report.results import Net, Nets
from resnet.report.samples import sample
from resnet.report.section import Picture, Section
from resnet.report.style import depth_colour
from resnet.report.table import Cell, Table, table
from resnet.results import PublishedRecord

Others = Sequence[PublishedRecord]
"""Others' weights, measured here."""


def by_seed(net: Net) -> DataFrame:
    """Standard deviation of each layer (a column) of each seed (a row) that is done and finite throughout."""
    done, seeds = {run.seed for run in net.done}, net.responses.seeds if net.responses else ()
    rows = DataFrame({seed.seed: seed.std for seed in seeds if seed.seed in done}, dtype=float).T
    return rows.replace([np.inf, -np.inf], np.nan).dropna()


def measured(nets: Nets, others: Others) -> dict[str, DataFrame]:
    """`by_seed` of the nets by kind and depth, and then of others' weights."""
    ordered = sorted(nets.values(), key=lambda net: (net.kind == "plain", net.depth))
    rows = {net.name: by_seed(net) for net in ordered}
    rows |= {x.name: DataFrame([x.responses.std]) for x in others if x.responses}
    return {name: x for name, x in rows.items() if len(x)}


DEPTHS = (20, 56, 110)
"""Of the paper's Figure 7; a plan that has measured none of them shows all of its own."""
APART = 100
"""A net whose strongest layer is more than this many times that of the median net would flatten the others."""
LOGARITHMIC = 5
"""The scale is logarithmic if the strongest layer of a net is more than this many times that of the median net."""


def lines(nets: Nets, others: Others) -> tuple[dict[str, DataFrame], dict[str, float]]:
    """What the figure draws by net, one a kind and depth, and the strongest layer of nets that it leaves out."""
    main, depths = ladders.without_ablations(nets), {name: net.depth for name, net in nets.items()}
    depths |= {x.name: x.depth for x in others}
    rows = {name: x for name, x in measured(nets, others).items() if name in main or name not in nets}
    rows = {name: x for name, x in rows.items() if depths[name] in DEPTHS} or rows
    strongest = {name: float(x.max(axis=1).mean()) for name, x in rows.items()}
    most = APART * statistics.median_low(strongest.values()) if strongest else 0.0
    above = {name: value for name, value in strongest.items() if value > most}
    return {name: x for name, x in rows.items() if name not in above}, above


def _look(name: str, rows: DataFrame, nets: Nets, others: Others) -> dict[str, Any]:
    """Residual nets solid, plain ones dash-dotted, others' weights dotted; a colour a depth."""
    if net := nets.get(name):
        label = f"{name}: {net.iterations:,} iterations, n = {len(rows)}"
        return {"color": depth_colour(net.depth), "ls": "-." if net.kind == "plain" else "-", "lw": 1.5, "label": label}
    theirs = next(x for x in others if x.name == name)
    label = f"{name}: {theirs.trained}" if theirs.trained else name
    return {"color": depth_colour(theirs.depth), "ls": (0, (1, 1.2)), "lw": 1.3, "label": label}


def figure(nets: Nets, others: Others) -> Figure | None:
    """Standard deviation of each 3x3 layer: in order (left) and in descending order (right); bands span the seeds."""
    shown, _ = lines(nets, others)
    if not shown:
        return None
    titles, title = ("in the order of the layers", "sorted by magnitude"), "Layer responses after batch norm"
    drawn, panels = style.panels(9.2, 4.6, titles, f"{title}: mean and range over n runs", sharey=True)
    looks = {name: _look(name, rows, nets, others) for name, rows in shown.items()}
    for axes, ordered in zip(panels, (False, True), strict=True):
        for name, rows in shown.items():
            values = -np.sort(-rows.to_numpy(), axis=1) if ordered else rows.to_numpy()
            places, gid = np.arange(1, values.shape[1] + 1), f"{'sorted' if ordered else 'order'}-{name}"
            axes.plot(places, values.mean(axis=0), gid=gid, **looks[name])
            low, high = values.min(axis=0), values.max(axis=0)
            axes.fill_between(places, low, high, color=looks[name]["color"], alpha=0.12, lw=0)
        axes.xaxis.set_major_locator(MaxNLocator(7, integer=True))
        axes.set(xlim=(0, None), xlabel="3x3 layer")
    strongest = [float(rows.mean().max()) for rows in shown.values()]
    panels[0].set_ylabel("standard deviation")
    if max(strongest) > LOGARITHMIC * statistics.median(strongest):
        panels[0].set(yscale="log", ylabel="standard deviation, log scale")
        style.log_ticks(panels[0].yaxis, (), "{:g}".format)
    else:
        panels[0].set_ylim(bottom=0)
    style.legend_below(drawn, [style.entry(**look) for look in looks.values()], most=2)
    return drawn


def responses_table(nets: Nets, others: Others) -> Table:
    """Mean and median over layers with their spread over seeds, and the extremes of each seed, averaged."""
    rows = []
    for name, values in measured(nets, others).items():
        cells = {"net": Cell(name if name in nets else f"{name} (others' weights)")}
        link = f"responses/{name}.json" if name in nets else None
        for quantity in ("mean", "median"):
            over = sample(getattr(values, quantity)(axis=1))
            cells[f"{quantity} over layers"] = Cell(words.sample(over, decimals=3), over.mean if over else None, link)
        for title, extreme in {"strongest layer": values.max(axis=1), "weakest layer": values.min(axis=1)}.items():
            cells[title] = Cell(f"{extreme.mean():,.3f}", float(extreme.mean()))
        rows.append(cells | {"layers": Cell(str(values.shape[1]), values.shape[1])})
    return table(rows)


def layer_responses(nets: Nets, others: Others) -> Section:
    """Figure 7, and the mean and the median over layers of every net."""
    drawn, above = lines(nets, others)
    theirs = "; dotted: weights of others" if drawn.keys() - nets.keys() else ""
    caption = (
        "How strongly the 3x3 layers respond, as in the paper's Figure 7. Solid: residual nets; dash-dotted: plain "
    )
    caption += f"nets{theirs}."
    if above:
        apart = words.listed(f"{escaped(name)} ({value:,.0f})" for name, value in above.items())
        caption += f" Not drawn: {apart}, whose strongest layer is more than {APART} times that of the median net."
    picture, shown = Picture("responses", caption, partial(figure, nets, others)), responses_table(nets, others)
    images = {(net.responses.images, net.responses.data.name) for net in nets.values() if net.responses}
    images |= {(x.responses.images, x.data) for x in others if x.responses}
    measured_on = words.listed(f"{words.count(n)} training images of {escaped(name)}" for n, name in sorted(images))
    note = (
        "Standard deviation of each 3x3 layer's output after batch norm, before ReLU and addition, over all channels "
        f"and positions of {measured_on}, not augmented, with the nets in evaluation mode. Strongest and weakest layer "
        "are means over runs of each run's own."
    )
    for net in (net for net in nets.values() if net.responses):
        if seeds := sorted({run.seed for run in net.done} - {*by_seed(net).index}):
            note += f" Not measured, which takes a run's weights: {words.seeds(seeds)} of {escaped(net.name)}."
    return Section("Layer responses", (shown, note if shown.rows else "", picture))
