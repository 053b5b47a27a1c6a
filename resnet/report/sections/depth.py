"""Test error against depth: a small marker a seed, mean and standard deviation, the paper's open."""

from functools import partial
from typing import Any

from matplotlib.figure import Figure

from resnet.report.analysis.nets import aside, over_seeds, run_on, series
from resnet.report.analysis.published import published
from resnet.report.style import drawing, words
from resnet.report.style.drawing import Picture, Section
from resnet.report.tables import Tables


def figure(tables: Tables) -> Figure | None:
    others = aside(tables)
    samples = {name: over_seeds(tables, name, "test_error") for name in tables.nets.index if name not in others}
    measured = {name: values for name, values in samples.items() if values}
    if not measured:
        return None
    figure = drawing.new_figure(6.4, 4.4)
    axes = figure.subplots()
    depths = sorted({tables.net(name).depth for name in measured})
    lines, handles, papers = series(tables, list(measured)), [], []
    width = min(0.28, 0.84 / len(lines))
    for k, (label, names) in enumerate(lines.items()):
        colour, marker = drawing.series_look(k)
        look: dict[str, Any] = {"ls": "", "marker": marker, "ms": 4, "color": colour, "alpha": 0.55, "mew": 0}
        nets = [tables.net(name) for name in names]
        places = [depths.index(net.depth) + width * (k - (len(lines) - 1) / 2) for net in nets]
        for x, net in zip(places, nets, strict=True):
            values = measured[net.name]
            axes.plot([x - 0.25 * width] * values.n, values.values, gid=f"seeds-{net.name}", **look)
            paper = published().paper(net.net, net.depth, net.shortcut)
            papers += [(x + 0.3 * width, paper.error, paper.std or 0.0)] if paper and tables.official else []
        means, stds = [measured[name].mean for name in names], [measured[name].std or 0.0 for name in names]
        axes.plot(places, means, color=colour, lw=0.8, alpha=0.45, gid=f"means-{k}")
        axes.errorbar(places, means, yerr=stds, color=colour, ls="", marker="_", ms=9, mew=2, capsize=3, lw=1.2)
        handles.append(drawing.entry(f"{label}, one seed", **look))
    handles.append(drawing.entry("mean ± std over seeds", ls="", marker="_", ms=9, mew=2, color="#444444"))
    if papers:
        x, errors, stds = zip(*papers, strict=True)  # type: ignore[assignment]
        look = {"ls": "", "marker": "D", "ms": 5, "mfc": "white", "color": "#555555"}
        axes.errorbar(x, errors, yerr=stds, lw=1, capsize=2, gid="paper", **look)
        handles.append(drawing.entry(f"the paper ({words.count(published().protocol.iterations)} iterations)", **look))
    axes.set_xticks(range(len(depths)), [str(depth) for depth in depths])
    axes.set_xlim(-0.6, len(depths) - 0.4)
    axes.grid(visible=False, axis="x")
    axes.set_xlabel("depth, weighted layers (equally spaced)")
    axes.set_ylabel("test error, %")
    axes.margins(y=0.1)
    drawing.entitle(figure, f"Test error against depth on {run_on(tables)}")
    drawing.legend_below(figure, handles, 6.0)
    return figure


def section(tables: Tables) -> Section:
    absent = "error against depth (no seed is done)"
    picture = Picture("error-vs-depth", "Test error against depth.", absent, partial(figure, tables))
    return Section("Test error against depth", "", (picture,))
