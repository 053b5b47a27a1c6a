"""Test error against depth: ours filled where run, what others published hollow."""

import statistics
from functools import partial
from typing import Any

from matplotlib.figure import Figure

from resnet.report.analysis.headline import papers_protocol
from resnet.report.analysis.nets import aside, over_seeds, run_on, without_ablations
from resnet.report.analysis.published import PublishedError, Source, published
from resnet.report.style import drawing
from resnet.report.style.drawing import COLOURS, KIND_NAMES, Picture, Section
from resnet.report.tables import Tables

TOP = 20.0
"""Errors in % above this, and above twice the median, are written at the upper edge: they would flatten the others."""

KIND_COLOURS = {"plain": COLOURS[1], "resnet": COLOURS[0]}

PUBLISHED_LOOKS = {
    "paper": ("D", -0.16),
    "nabla0001": ("^", 0.16),
    "raphaelreme": ("s", 0.27),
    "akamaster": ("v", 0.38),
}
"""Marker of a source, and how far from ours it stands, in steps of depth."""

WIDTH = 9.2


def _kind(net: str) -> str:
    return "plain" if net == "plain" else "resnet"


def _legend_name(name: str, source: Source) -> str:
    images = f"{source.training_images // 1000}k images" if source.training_images else ""
    option = f"option {source.shortcut}" if source.shortcut != published().protocol.shortcut else ""
    conditions = ", ".join(filter(None, [images, option]))
    return "the paper" if name == "paper" else f"{name} ({conditions})" if conditions else name


def _draw_published(axes: Any, figures: list[PublishedError], places: dict[int, float], top: float) -> list[Any]:
    """Hollow markers, a shape a source, with ± std where it was published. Gives the legend's entries."""
    known, entries = published().sources, []
    for source, (marker, offset) in PUBLISHED_LOOKS.items():
        look: dict[str, Any] = {"ls": "", "marker": marker, "ms": 5.5, "mfc": "white", "mew": 1.1}
        shown = [x for x in figures if x.source == source and x.error <= top]
        for kind, colour in KIND_COLOURS.items():
            of_kind = [x for x in shown if x.net == kind]
            x = [places[figure.depth] + offset for figure in of_kind]
            y, std = [figure.error for figure in of_kind], [figure.std or 0.0 for figure in of_kind]
            gid = f"{source}-{kind}"
            if of_kind:
                bars: dict[str, Any] = {"color": colour, "elinewidth": 0.8, "capsize": 2, "gid": gid}
                axes.errorbar(x, y, yerr=std, **bars, **look)
        name = _legend_name(source, known[source])
        entries += [drawing.entry(name, color="#555555", **look)] if shown else []
    return entries


def _draw_ours(axes: Any, tables: Tables, kind: str, names: list[str], places: dict[int, float], top: float) -> Any:
    """Filled markers with ± std over seeds; what is above the top is written at the edge. Gives the legend's entry."""
    samples = {name: over_seeds(tables, name, "test_error") for name in names}
    colour, marker = KIND_COLOURS[kind], "o"
    look: dict[str, Any] = {"marker": marker, "ms": 6.5, "color": colour, "mew": 0}
    x, y, std = list[float](), list[float](), list[float]()
    for name, values in samples.items():
        place = places[tables.net(name).depth]
        if values and values.mean <= top:
            x, y, std = [*x, place], [*y, values.mean], [*std, values.std or 0.0]
        elif values:
            axes.plot([place], [0.97], transform=axes.get_xaxis_transform(), ls="", marker="^", color=colour)
            text = {"ha": "right", "va": "center", "color": colour, "transform": axes.get_xaxis_transform()}
            axes.text(place - 0.06, 0.97, f"{values.mean:.1f}", **text)
    axes.plot(x, y, color=colour, lw=1, alpha=0.5, zorder=2)
    axes.errorbar(x, y, yerr=std, ls="", capsize=3, elinewidth=1.3, gid=f"ours-{kind}", zorder=3, **look)
    return drawing.entry(f"ours, {KIND_NAMES[kind]}", ls="", **look)


def figure(tables: Tables) -> Figure | None:
    """The depths are equally spaced. Nets whose runs are of another length than most are left out."""
    others = aside(tables)
    kept = [name for name in without_ablations(tables) if name not in others]
    names = [name for name in kept if over_seeds(tables, name, "test_error")]
    if not names:
        return None
    paperlike = papers_protocol(tables)
    theirs = list(published().test_errors) if paperlike else []
    planned = {tables.net(name).depth for name in names if not paperlike} or {
        *(tables.net(name).depth for name in without_ablations(tables)),
        *(figure.depth for figure in theirs),
    }
    places = {depth: float(place) for place, depth in enumerate(sorted(planned))}
    drawn = drawing.new_figure(WIDTH, 4.1)
    axes = drawn.subplots()
    errors = [values.mean for name in names if (values := over_seeds(tables, name, "test_error"))]
    top = max(TOP, 2 * statistics.median(errors))
    handles = []
    for kind in KIND_NAMES:
        of_kind = [name for name in names if _kind(tables.net(name).net) == kind]
        by_depth = sorted(of_kind, key=lambda name: tables.net(name).depth)
        handles += [_draw_ours(axes, tables, kind, by_depth, places, top)] if of_kind else []
    handles += _draw_published(axes, theirs, places, top)
    axes.set_xticks(list(places.values()), [str(depth) for depth in places])
    axes.set_xlim(-0.5, len(places) - 0.4)
    axes.grid(visible=False, axis="x")
    axes.set_xlabel("depth, weighted layers (equally spaced)")
    axes.set_ylabel("test error, %")
    axes.margins(y=0.12)
    drawing.entitle(drawn, f"Test error against depth on {run_on(tables)}")
    drawing.legend_below(drawn, handles)
    return drawn


def section(tables: Tables) -> Section:
    filled = "Filled: ours, mean ± standard deviation over seeds (one seed has no bar)"
    hollow = "; hollow: published, with the standard deviation over their runs where they give one"
    caption = f"{filled}{hollow if papers_protocol(tables) else ''}."
    absent = "error against depth (no seed is done)"
    return Section("", "", (Picture("error-vs-depth", caption, absent, partial(figure, tables)),))
