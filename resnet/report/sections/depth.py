"""Test error against depth: a small marker a seed, mean and standard deviation, the paper's open."""

from functools import partial
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from resnet.report.analysis.nets import aside, most_frequent_length, over_seeds, series, started
from resnet.report.analysis.published import PublishedError, published
from resnet.report.style import words
from resnet.report.style.drawing import BOLD, Picture, Section, legend_below, new_figure, series_look, wrapped
from resnet.report.tables import Tables


def _draw_published(axes: Any, points: list[tuple[float, PublishedError]]) -> Line2D:
    look: dict[str, Any] = {"ls": "", "marker": "D", "ms": 5, "mfc": "white", "color": "#555555"}
    places, errors = [x for x, _ in points], [paper.error for _, paper in points]
    spreads = [paper.std or 0.0 for _, paper in points]
    axes.errorbar(places, errors, yerr=spreads, lw=1, capsize=2, gid="paper", **look)
    return Line2D([], [], label=f"the paper ({words.count(published().protocol.iterations)} iterations)", **look)


def figure(tables: Tables) -> Figure | None:
    others = aside(tables)
    samples = {name: over_seeds(tables, name, "test_error") for name in tables.nets.index if name not in others}
    measured = {name: values for name, values in samples.items() if values}
    if not measured:
        return None
    figure = new_figure(6.4, 4.4)
    axes = figure.subplots()
    depth = tables.nets["depth"]
    depths = sorted({depth[name] for name in measured})
    lines = series(tables, list(measured))
    width = min(0.28, 0.84 / len(lines))
    handles, papers = [], []
    for k, (label, names) in enumerate(lines.items()):
        colour, marker = series_look(k)
        look: dict[str, Any] = {"ls": "", "marker": marker, "ms": 4, "color": colour, "alpha": 0.55, "mew": 0}
        places = [depths.index(depth[name]) + width * (k - (len(lines) - 1) / 2) for name in names]
        for x, net in zip(places, map(tables.net, names), strict=True):
            values = measured[net.name]
            axes.plot([x - 0.25 * width] * values.n, values.values, gid=f"seeds-{net.name}", **look)
            paper = published().paper(net.net, net.depth, net.shortcut)
            papers += [(x + 0.3 * width, paper)] if paper and tables.official else []
        means, stds = [measured[name].mean for name in names], [measured[name].std or 0.0 for name in names]
        axes.plot(places, means, color=colour, lw=0.8, alpha=0.45, gid=f"means-{k}")
        axes.errorbar(places, means, yerr=stds, color=colour, ls="", marker="_", ms=9, mew=2, capsize=3, lw=1.2)
        handles.append(Line2D([], [], label=f"{label}, one seed", **look))
    handles.append(Line2D([], [], ls="", marker="_", ms=9, mew=2, color="#444444", label="mean ± std over seeds"))
    handles += [_draw_published(axes, papers)] if papers else []
    axes.set_xticks(range(len(depths)), [str(depth) for depth in depths])
    axes.set_xlim(-0.6, len(depths) - 0.4)
    axes.grid(visible=False, axis="x")
    axes.set_xlabel("depth, weighted layers (equally spaced)")
    axes.set_ylabel("test error, %")
    iterations = most_frequent_length(tables, started(tables))
    papers_length = iterations == published().protocol.iterations
    where = words.data_and_length([data.name for data in tables.data], None if papers_length else iterations)
    figure.suptitle(wrapped(f"Test error against depth on {where}", 6.4), **BOLD)
    axes.margins(y=0.1)
    legend_below(figure, handles, 6.0)
    return figure


def section(tables: Tables) -> Section:
    absent = "error against depth (no seed is done)"
    picture = Picture("error-vs-depth", "Test error against depth.", absent, partial(figure, tables))
    return Section("Test error against depth", "", (picture,))
