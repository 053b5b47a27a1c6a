"""Figure 7: how strongly the layers respond, plain nets against residual ones, in order and sorted."""

from functools import partial
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from pandas import DataFrame

from resnet.report import style as drawing
from resnet.report import words
from resnet.report.analysis.nets import main_nets, token_runs
from resnet.report.analysis.responses import far_apart, mean_response, others_responses, profile, responses_by_seed
from resnet.report.markdown import escaped, table
from resnet.report.style import Picture, Section
from resnet.report.tables import Tables, rows, select

COLUMNS = ("mean over layers", "strongest layer", "weakest layer", "layers")
DOTTED = (0, (1, 1.5))


def figure(tables: Tables) -> Figure | None:
    """Standard deviation of every 3x3 layer's response: in order left, in descending order right.

    Plain nets are dashed, residual ones solid, a colour a depth; the band spans the seeds. Others' weights are thin
    and dotted. Ablations are in the table alone. Nets that are far apart are on a logarithmic scale.
    """
    names = [x for kind in ("resnet", "plain") for x in main_nets(tables, kind) if x not in token_runs(tables)]
    drawn = {name: seeds for name in names if len(seeds := responses_by_seed(tables, name))}
    others = others_responses(tables)
    if not drawn and not others:
        return None
    figure = drawing.new_figure(8.6, 4.4)
    axes = figure.subplots(1, 2, sharey=True, squeeze=False)[0]
    colours, handles = drawing.depth_colours([*tables.nets["depth"], *tables.evaluations["depth"]]), []
    for name, seeds in drawn.items():
        colour, dashes = colours[tables.net(name).depth], drawing.DASHED if tables.net(name).net == "plain" else "-"
        look: dict[str, Any] = {"color": colour, "ls": dashes, "lw": 1.5}
        for panel, ordered in zip(axes, (False, True), strict=True):
            line = profile(seeds, ordered)
            places = range(1, len(line) + 1)
            panel.plot(places, line["mean"], gid=f"{'sorted' if ordered else 'order'}-{name}", **look)
            if len(seeds) > 1:
                panel.fill_between(places, line["low"], line["high"], color=colour, alpha=0.15, lw=0)
        handles.append(drawing.entry(f"{name} ({words.numbered(len(seeds), 'seed')})", **look))
    for entry in _measured(tables):
        look = {"color": colours[entry.depth], "ls": DOTTED, "lw": 1.1}
        for panel, ordered in zip(axes, (False, True), strict=True):
            line = profile(others[entry.name], ordered)
            panel.plot(
                range(1, len(line) + 1), line["mean"], gid=f"{'sorted' if ordered else 'order'}-{entry.name}", **look
            )
        handles.append(drawing.entry(f"{entry.name} (others' weights)", **look))
    for panel, title in zip(axes, ("in the order of the layers", "sorted by magnitude"), strict=True):
        panel.set_title(title)
        panel.set_xlabel("3x3 layer")
        panel.xaxis.set_major_locator(MaxNLocator(7, integer=True))
        panel.set_xlim(left=0)
    apart = far_apart(list(line.get_ydata()) for line in axes[0].lines)
    if apart:
        axes[0].set_yscale("log")
    else:
        axes[0].set_ylim(bottom=0)
    axes[0].set_ylabel(f"std of the response{', log scale' if apart else ''}")
    data = dict.fromkeys(shown.name for name in drawn for shown in select(tables.responses, name=name)["data"])
    data |= dict.fromkeys(x.data for x in _measured(tables))
    drawing.entitle(figure, f"Layer responses after batch norm on {', '.join(data)}: mean and range over seeds")
    drawing.legend_below(figure, handles, 8.2, most=5)
    return figure


def _measured(tables: Tables) -> list[Any]:
    """The rows of others' weights whose responses were measured."""
    others = others_responses(tables)
    return [evaluation for evaluation in rows(tables.evaluations) if evaluation.name in others]


def _others_row(evaluation: Any, layers: DataFrame) -> dict[str, str]:
    line = profile(layers, ordered=True)["mean"]
    trained = f", {evaluation.trained}" if evaluation.trained else ""
    cells = (*(f"{value:.3f}" for value in (line.mean(), line.iloc[0], line.iloc[-1])), str(len(line)))
    return {"net": f"{evaluation.name}: others' weights{trained}", **dict(zip(COLUMNS, cells, strict=True))}


def section(tables: Tables) -> Section:
    """Mean over layers of the responses, with the strongest and the weakest layer."""
    lines, shown, left_out = [], set(), token_runs(tables)
    for name in (name for name in tables.nets.index if name not in left_out):
        values, seeds = mean_response(tables, name), responses_by_seed(tables, name)
        if values:
            layers = profile(seeds, ordered=True)["mean"]
            cells = (
                words.sample(values, decimals=3),
                f"{layers.iloc[0]:.3f}",
                f"{layers.iloc[-1]:.3f}",
                str(len(layers)),
            )
            lines.append({"net": name, **dict(zip(COLUMNS, cells, strict=True))})
            response = next(rows(select(tables.responses, name=name)))
            shown.add(f"{words.count(response.images)} training images of {escaped(response.data.name)}")
    lines += [_others_row(x, others_responses(tables)[x.name]) for x in _measured(tables)]
    shown |= {f"{words.count(x.responses.images)} training images of {escaped(x.data)}" for x in _measured(tables)}
    explained = (
        "\nStandard deviation of each 3x3 layer's output after batch norm, before ReLU and addition, over all "
        f"channels and positions of {words.listed(sorted(shown))}, not augmented, with the nets in evaluation mode.\n"
    )
    measured = [name for name in left_out if len(responses_by_seed(tables, name))]
    if measured:
        few = (f"{escaped(name)} ({words.numbered(tables.net(name).iterations, 'iteration')})" for name in measured)
        explained += f"\nLeft out, because so few iterations leave no trained weights: {words.listed(few)}.\n"
    caption = "How strongly the 3x3 layers respond, as in the paper's Figure 7."
    if trained := words.listed(dict.fromkeys(x.trained for x in _measured(tables) if x.trained)):
        caption += f" Dotted: others' weights ({escaped(trained)})."
    picture = Picture("responses", caption, "layer responses (not measured)", partial(figure, tables))
    return Section("Layer responses", table(lines) + explained if lines else "", (picture,))
