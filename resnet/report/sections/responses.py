"""Figure 7: how strongly the layers respond, plain nets against residual ones, in order and sorted."""

from functools import partial
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from resnet.report.analysis.nets import main_nets
from resnet.report.analysis.responses import mean_response, profile, responses_by_seed
from resnet.report.style import words
from resnet.report.style.drawing import BOLD, DASHED, Picture, Section, depth_colours, legend_below, new_figure, wrapped
from resnet.report.style.markdown import escaped, table
from resnet.report.tables import Tables, different, rows, select


def figure(tables: Tables) -> Figure | None:
    """Standard deviation of every 3x3 layer's response: in order left, in descending order right.

    Plain nets are dashed, residual ones solid, a colour a depth; the band spans the seeds. Ablations are in
    the table alone.
    """
    names = [name for kind in ("resnet", "plain") for name in main_nets(tables, kind)]
    drawn = {name: seeds for name in names if len(seeds := responses_by_seed(tables, name))}
    if not drawn:
        return None
    figure = new_figure(8.6, 4.4)
    axes = figure.subplots(1, 2, sharey=True, squeeze=False)[0]
    colours, handles = depth_colours(tables.nets["depth"]), []
    for name, seeds in drawn.items():
        net = tables.net(name)
        look: dict[str, Any] = {"color": colours[net.depth], "ls": DASHED if net.net == "plain" else "-", "lw": 1.5}
        for panel, ordered in zip(axes, (False, True), strict=True):
            line = profile(seeds, ordered)
            places = range(1, len(line) + 1)
            panel.plot(places, line["mean"].tolist(), gid=f"{'sorted' if ordered else 'order'}-{name}", **look)
            if len(seeds) > 1:
                panel.fill_between(places, line["low"], line["high"], color=look["color"], alpha=0.15, lw=0)
        handles.append(Line2D([], [], label=f"{name} ({words.numbered(len(seeds), 'seed')})", **look))
    for panel, title in zip(axes, ("in the order of the layers", "sorted by magnitude"), strict=True):
        panel.set_title(title)
        panel.set_xlabel("3x3 layer")
        panel.xaxis.set_major_locator(MaxNLocator(7, integer=True))
        panel.set_xlim(left=0)
    axes[0].set_ylim(bottom=0)
    axes[0].set_ylabel("std of the response")
    where = ", ".join(
        dict.fromkeys(data.name for name in drawn for data in select(tables.responses, name=name)["data"])
    )
    figure.suptitle(wrapped(f"Layer responses after batch norm on {where}: mean and range over seeds", 8.6), **BOLD)
    legend_below(figure, handles, 8.2, most=5)
    return figure


def section(tables: Tables) -> Section:
    """Mean over layers of the responses, with the strongest and the weakest layer."""
    lines, shown = [], []
    for name in tables.nets.index:
        values, seeds = mean_response(tables, name), responses_by_seed(tables, name)
        if values is None:
            continue
        line = profile(seeds, ordered=True)["mean"]
        lines.append(
            {
                "net": name,
                "mean over layers": words.spread(values.mean, values.std, values.n, 3),
                "strongest layer": f"{line.iloc[0]:.3f}",
                "weakest layer": f"{line.iloc[-1]:.3f}",
                "layers": str(len(line)),
            }
        )
        response = next(rows(select(tables.responses, name=name)))
        shown.append(f"{words.count(response.images)} training images of {escaped(response.data.name)}")
    explained = (
        f"\nStandard deviation of each 3x3 layer's output after batch norm, before ReLU and addition, over all "
        f"channels and positions of {words.listed(sorted(different(shown)))}, not augmented, with the nets in "
        "evaluation mode.\n"
        if lines
        else ""
    )
    caption = "How strongly the 3x3 layers respond, as in the paper's Figure 7."
    picture = Picture("responses", caption, "layer responses (not measured)", partial(figure, tables))
    return Section("Layer responses", table(lines) + explained, (picture,))
