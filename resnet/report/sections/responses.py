"""Figure 7: how strongly the layers respond, plain nets against residual ones, in order and sorted."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from resnet.report.analysis.comparisons import main_rows
from resnet.report.analysis.statistics import Sample, sample
from resnet.report.style import words as text
from resnet.report.style.drawing import BOLD, depth_colours, legend_columns, new_figure, wrapped
from resnet.report.tables import Results, Row


def responses_of(row: Row) -> list[tuple[float, ...]]:
    """Each layer's standard deviation, one tuple a seed that is done and whose responses are finite."""
    if row.responses is None or row.mixed:
        return []
    done = {record.seed for record in row.done}
    return [seed.std for seed in row.responses.seeds if seed.seed in done and all(map(math.isfinite, seed.std))]


def mean_response(row: Row) -> Sample | None:
    """The mean over layers of their standard deviations, one value a seed; None where nothing was measured."""
    return sample(math.fsum(layers) / len(layers) for layers in responses_of(row))


class Profile(NamedTuple):
    """A line of Figure 7: mean and range over seeds, layer by layer."""

    mean: list[float]
    low: list[float]
    high: list[float]


def profile(seeds: list[tuple[float, ...]], ordered: bool) -> Profile:
    """Average over seeds, layer by layer; `ordered`: each seed's layers in descending order first."""
    held = [sorted(layers, reverse=True) if ordered else list(layers) for layers in seeds]
    by_layer = list(zip(*held, strict=True))
    return Profile([math.fsum(of) / len(of) for of in by_layer], [*map(min, by_layer)], [*map(max, by_layer)])


def responses_figure(results: Results) -> Figure | None:
    """Standard deviation of every 3x3 layer's response: in order left, in descending order right.

    Plain nets are dashed, residual ones solid, a colour a depth; the band spans the seeds. Ablations are in
    the table alone.
    """
    mains = [*main_rows(results, "resnet"), *main_rows(results, "plain")]
    drawn = [(row, seeds) for row in mains if (seeds := responses_of(row))]
    if not drawn:
        return None
    figure = new_figure(8.6, 4.4)
    axes = figure.subplots(1, 2, sharey=True, squeeze=False)[0]
    colours = depth_colours(results)
    handles: list[Line2D] = []
    for row, seeds in drawn:
        look: dict[str, Any] = {
            "color": colours[row.depth],
            "ls": (0, (4, 2)) if row.net == "plain" else "-",
            "lw": 1.5,
        }
        for panel, ordered in zip(axes, (False, True), strict=True):
            line = profile(seeds, ordered)
            places = range(1, len(line.mean) + 1)
            panel.plot(places, line.mean, gid=f"{'sorted' if ordered else 'order'}-{row.name}", **look)
            if len(seeds) > 1:
                panel.fill_between(places, line.low, line.high, color=look["color"], alpha=0.15, lw=0)
        count = f"{len(seeds)} seed{'s' if len(seeds) > 1 else ''}"
        handles.append(Line2D([], [], label=f"{row.name} ({count})", **look))
    for panel, name in zip(axes, ("in the order of the layers", "sorted by magnitude"), strict=True):
        panel.set_title(name)
        panel.set_xlabel("3x3 layer")
        panel.xaxis.set_major_locator(MaxNLocator(7, integer=True))
        panel.set_xlim(left=0)
    axes[0].set_ylim(bottom=0)
    axes[0].set_ylabel("std of the response")
    where = ", ".join(dict.fromkeys(row.responses.data.name for row, _ in drawn if row.responses))
    figure.suptitle(wrapped(f"Layer responses after batch norm on {where}: mean and range over seeds", 8.6), **BOLD)
    labels = [str(handle.get_label()) for handle in handles]
    figure.legend(handles=handles, loc="outside lower center", ncols=legend_columns(labels, 8.2, most=5))
    return figure


def responses_table(results: Results) -> str:
    """Mean over layers of the responses, with the strongest and the weakest layer; empty without any."""
    rows, images = [], set[str]()
    for row in results.rows:
        values, seeds = mean_response(row), responses_of(row)
        if values is None or row.responses is None:
            continue
        line = profile(seeds, ordered=True)
        rows.append(
            [
                text.escaped(row.name),
                text.spread(values.mean, values.std, values.n, 3),
                f"{line.mean[0]:.3f}",
                f"{line.mean[-1]:.3f}",
                str(len(line.mean)),
            ]
        )
        images.add(f"{text.count(row.responses.images)} training images of {text.escaped(row.responses.data.name)}")
    if not rows:
        return ""
    headings = ["net", "mean over layers", "strongest layer", "weakest layer", "layers"]
    return (
        text.table(headings, rows)
        + f"\nStandard deviation of each 3x3 layer's output after batch norm, before ReLU and addition, over all "
        f"channels and positions of {text.listed(sorted(images))}, not augmented, with the nets in evaluation mode.\n"
    )
