"""Test and training errors over seeds: the headline's table and figure, every net, and seed by seed."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from matplotlib.figure import Figure
from pandas import DataFrame

from resnet.report import ladders, protocol, style, words
from resnet.report.markdown import bullets, escaped
from resnet.report.published import PublishedError, Source, published
from resnet.report.results import Net
from resnet.report.samples import Interval, Sample, versus_published
from resnet.report.section import Picture, Section
from resnet.report.style import COLOURS, KIND_NAMES
from resnet.report.table import Cell, Table, table
from resnet.results import DataRecord

Nets = Mapping[str, Net]

COLUMNS = ("name", "net", "depth", "seed", "test_error", "training_error", "validation_error")

READING = (
    "Test error is the share of misclassified test images in %, of the last iterate, from a single view of "
    "each image, measured in fp32. Nothing is chosen on the test set; its curve is for plotting.",
    "Training error is that of the augmented mini-batches of the last epoch, as they were trained on.",
    "`8.51 ± 0.22 (n = 5)` is the mean and the sample standard deviation (divisor n - 1) over the n seeds "
    "that are done; one seed has no spread and is written `8.75 (n = 1)`. Seeds that diverged or have not "
    "finished do not enter the mean; they are counted under *seeds done*.",
    "The interval of a mean is Student's t, over seeds, cut at 0 and 100 %; that of a difference of means Welch's t.",
)


def frame(nets: Nets) -> DataFrame:
    """A row a seed that is done; errors in %."""
    done = (run.record for net in nets.values() for run in net.done)
    return DataFrame([[getattr(record, column) for column in COLUMNS] for record in done], columns=COLUMNS)


def interval(errors: Sample, confidence: float) -> Interval | None:
    """The interval of a mean error in %, cut at 0 and 100: few scattered seeds give a wider one. None for one seed."""
    ends = errors.interval(confidence)
    return Interval(max(0.0, ends.low), min(100.0, ends.high)) if ends else None


# The headline: what summary.md and README.md show.


def _error(net: Net, quantity: str, otherwise: str = words.NONE, *, n: bool = False) -> Cell:
    """Mean ± std over seeds; `n`: with their number."""
    values = net.over_seeds(quantity)
    if values is None:
        return Cell(otherwise)
    return Cell(words.spread(values.mean, values.std, values.n if n else None), values.mean, net.done[0].file)


def _marked(net: Net, nets: Nets, data: DataRecord | None) -> str:
    """A net's name, with the first way in which it deviates from the paper and others do not."""
    shared = protocol.shared_deviations(nets.values(), data)
    marks = [x.mark for x in protocol.deviations(net, data) if x not in shared]
    return f"{net.name} ({marks[0]})" if marks else net.name


def _stops(net: Net, *, seeds: bool = True) -> str:
    """Where the seeds that have begun and are not done have stopped."""
    records = [run.record for run in net.runs if not run.done]
    return "; ".join(words.stop(x.status, x.iteration, x.iterations, [x.seed] if seeds else []) for x in records)


def headline_table(nets: Nets, data: DataRecord | None, confidence: float) -> Table:
    """A row a main net that has begun; the paper's error if that is comparable, else the training error."""
    comparable = protocol.on_the_papers_schedule(nets.values(), data)
    papers = {name: figure for name in comparable if (figure := nets[name].papers_error)}
    lines = []
    for net in (nets[name] for name in ladders.without_ablations(nets) if nets[name].runs):
        line = {
            "net": Cell(_marked(net, nets, data)),
            "seeds": Cell(f"{len(net.done)} of {net.planned}", len(net.done)),
            "test error ± std, %": _error(net, "test_error", _stops(net, seeds=False)),
        }
        if papers:
            figure, values = papers.get(net.name), net.over_seeds("test_error")
            line["the paper, %"] = Cell(words.spread(figure.error, figure.std, None) if figure else words.NONE)
            apart = versus_published(values, figure) if values and figure else None
            unknown = "one seed, no spread" if figure else words.NONE
            text = words.difference(apart.value, apart.interval(confidence)) if apart else unknown
            line[f"difference ({100 * confidence:g} % interval)"] = Cell(text, apart.value if apart else None)
        else:
            line["training error ± std, %"] = _error(net, "training_error")
        lines.append(line)
    return table(lines)


def _not_run(nets: Nets, data: DataRecord | None) -> str:
    """The main nets without a run, with the paper's errors if its data and schedule are planned."""
    names = []
    for net in (nets[name] for name in ladders.without_ablations(nets) if not nets[name].runs):
        figure = net.papers_error if protocol.official(data) and not protocol.deviations(net, data) else None
        names.append(escaped(net.name) + (f" ({words.spread(figure.error, figure.std, None)})" if figure else ""))
    papers = " (in brackets the paper's error, %)" if any(" (" in name for name in names) else ""
    return f"Not run{papers}: {words.listed(names)}." if names else ""


def headline(nets: Nets, data: DataRecord | None, confidence: float) -> Section:
    """The main figure and the table."""
    filled = "Filled: ours, mean ± standard deviation over seeds (one seed has no bar)"
    hollow = "; hollow: published, with the standard deviation over their runs where they give one"
    caption = f"{filled}{hollow if _papers_protocol(nets, data) else ''}."
    absent = "error against depth (no seed is done)"
    picture = Picture("error-vs-depth", caption, absent, partial(figure, nets, data))
    shown = headline_table(nets, data, confidence)
    return Section("", (picture, shown, _not_run(nets, data) if shown.rows else ""))


# The figure: test error against depth.

TOP = 20.0
"""Errors in % above this, and above twice the median, are written at the upper edge: they would flatten the others."""
KIND_COLOURS = {"plain": COLOURS[1], "resnet": COLOURS[0]}
PUBLISHED_LOOKS = {
    "paper": ("D", -0.16),
    "nabla0001": ("^", 0.16),
    "raphaelreme": ("s", 0.27),
    "akamaster": ("v", 0.38),
}
"""Marker of a source, and how far it is from ours, in steps of depth."""


def _papers_protocol(nets: Nets, data: DataRecord | None) -> bool:
    """Whether published errors belong into the figure: all main nets that are done are comparable."""
    done = {name for name in ladders.without_ablations(nets) if nets[name].done}
    return protocol.official(data) and done <= set(protocol.on_the_papers_schedule(nets.values(), data))


def _legend_name(name: str, source: Source) -> str:
    images = f"{source.training_images // 1000}k images" if source.training_images else ""
    option = f"option {source.shortcut}" if source.shortcut != published().protocol.shortcut else ""
    conditions = ", ".join(filter(None, [images, option]))
    return "the paper" if name == "paper" else f"{name} ({conditions})" if conditions else name


def _draw_published(axes: Any, figures: list[PublishedError], places: dict[int, float], top: float) -> list[Any]:
    """Hollow markers, a shape a source, with ± std if it was published. Gives the legend's entries."""
    known, entries = published().sources, []
    for source, (marker, offset) in PUBLISHED_LOOKS.items():
        name = _legend_name(source, known[source])
        look: dict[str, Any] = {"ls": "", "marker": marker, "ms": 5.5, "mfc": "white", "mew": 1.1}
        shown = [x for x in figures if x.source == source and x.error <= top]
        for kind, colour in KIND_COLOURS.items():
            of_kind = [x for x in shown if x.net == kind]
            x = [places[figure.depth] + offset for figure in of_kind]
            y, std = [figure.error for figure in of_kind], [figure.std or 0.0 for figure in of_kind]
            bars: dict[str, Any] = {"color": colour, "elinewidth": 0.8, "capsize": 2, "gid": f"{source}-{kind}"}
            if of_kind:
                texts = [f"{name}, {x.net}-{x.depth}: {words.published_error(x)} %" for x in of_kind]
                style.label(axes.errorbar(x, y, yerr=std, **bars, **look), name, texts)
        entries += [style.entry(name, color="#555555", **look)] if shown else []
    return entries


def _draw_ours(axes: Any, kind: str, errors: dict[float, Sample], depths: Mapping[float, int], top: float) -> Any:
    """Filled markers with ± std; a mean above the top is written at the edge. Gives the legend's entry."""
    colour, entry = KIND_COLOURS[kind], f"ours, {KIND_NAMES[kind]}"
    texts = {place: f"{entry}, {depths[place]} layers: {words.sample(values)} %" for place, values in errors.items()}
    look: dict[str, Any] = {"marker": "o", "ms": 6.5, "color": colour, "mew": 0}
    below = {place: values for place, values in errors.items() if values.mean <= top}
    for place in errors.keys() - below.keys():
        edge = axes.get_xaxis_transform()
        style.label(axes.plot([place], [0.97], transform=edge, ls="", marker="^", color=colour), entry, [texts[place]])
        text = {"ha": "right", "va": "center", "color": colour, "transform": edge}
        style.label(axes.text(place - 0.06, 0.97, f"{errors[place].mean:.1f}", **text), entry)
    means, stds = [values.mean for values in below.values()], [values.std or 0.0 for values in below.values()]
    style.label(axes.plot([*below], means, color=colour, lw=1, alpha=0.5, zorder=2), entry)
    bars: dict[str, Any] = {"yerr": stds, "capsize": 3, "elinewidth": 1.3, "gid": f"ours-{kind}", "zorder": 3}
    style.label(axes.errorbar([*below], means, ls="", **bars, **look), entry, [texts[place] for place in below])
    return style.entry(entry, ls="", **look)


def figure(nets: Nets, data: DataRecord | None) -> Figure | None:
    """Test error against depth: ours filled, published hollow. The depths are equally spaced."""
    errors = {name: values for name in ladders.of_usual_length(nets) if (values := nets[name].over_seeds("test_error"))}
    if not errors:
        return None
    paperlike = _papers_protocol(nets, data)
    theirs = list(published().test_errors) if paperlike else []
    shown = ladders.without_ablations(nets) if paperlike else errors
    depths = sorted({*(nets[name].depth for name in shown), *(figure.depth for figure in theirs)})
    places = {depth: float(place) for place, depth in enumerate(depths)}
    at = {place: depth for depth, place in places.items()}
    drawn = style.new_figure(9.2, 4.1)
    axes, handles = drawn.subplots(), []
    top = max(TOP, 2 * statistics.median(values.mean for values in errors.values()))
    for kind in KIND_NAMES:
        of_kind = sorted((nets[name].depth, values) for name, values in errors.items() if nets[name].kind == kind)
        ours = {places[depth]: values for depth, values in of_kind}
        handles += [_draw_ours(axes, kind, ours, at, top)] if ours else []
    handles += _draw_published(axes, theirs, places, top)
    axes.set_xticks(list(places.values()), [str(depth) for depth in places])
    axes.set_xlim(-0.5, len(places) - 0.4)
    axes.grid(visible=False, axis="x")
    axes.set_xlabel("depth, weighted layers (equally spaced)")
    axes.set_ylabel("test error, %")
    axes.margins(y=0.12)
    style.entitle(drawn, f"Test error against depth on {ladders.run_on(nets, data)}")
    style.legend_below(drawn, handles)
    return drawn


# statistics.md: every net, and seed by seed.


def _line(net: Net, nets: Nets, data: DataRecord | None) -> dict[str, Cell]:
    statuses = [run.record.status for run in net.runs]
    stopped = [f"{statuses.count(x)} {x}" for x in ("interrupted", "diverged") if x in statuses]
    begun = f" ({', '.join(stopped)})" if stopped else ""
    figure = net.papers_error
    paper = {"paper's test error, %": Cell(words.published_error(figure), figure.error if figure else None)}
    return {
        "net": Cell(_marked(net, nets, data)),
        "seeds done": Cell(f"{len(net.done)} of {net.planned}{begun}", len(net.done)),
        "test error, %": _error(net, "test_error", _stops(net) or "not run", n=True),
        **(paper if protocol.official(data) else {}),
        "training error, %": _error(net, "training_error", n=True),
        "validation error, %": _error(net, "validation_error", n=True),
    }


def _notes(nets: Nets, data: DataRecord | None) -> Iterator[str]:
    """The seeds that are missing, and what the paper's column leaves open."""
    for net in nets.values():
        begun = {run.seed for run in net.runs}
        missing = [seed for seed in net.settings.train.seed_list if seed not in begun]
        parts = [_stops(net) if net.done else "", f"{words.seeds(missing)} not run" if begun and missing else ""]
        if any(parts):
            yield f"{escaped(net.name)}: {'; '.join(filter(None, parts))}."
    figures = [figure for net in nets.values() if (figure := net.papers_error)] if protocol.official(data) else []
    if any(figure.n is None for figure in figures):
        yield "The paper's errors without an n are single figures: it gives no spread or number of runs."
    yield from (f"The paper on {figure.net}-{figure.depth}: {figure.note}" for figure in figures if figure.note)
    if protocol.official(data) and any(net.kind == "plain" for net in nets.values()):
        yield "The paper prints no test error for plain nets: they are in its Figure 6 only."


def every_net(nets: Nets, data: DataRecord | None) -> Section:
    """One row a net, in the plan's order; the paper's errors beside ours on its data only."""
    if not ladders.started(nets):
        return Section("Every net")
    lines = [_line(net, nets, data) for net in nets.values()]
    return Section("Every net", (table(lines), bullets(_notes(nets, data))))


def seed_by_seed(nets: Nets, confidence: float) -> Section:
    """The test error of every seed that is done, with the interval of the mean."""
    lines = []
    for net in nets.values():
        values = net.over_seeds("test_error")
        if values is None:
            continue
        ends = interval(values, confidence)
        line = {
            "net": Cell(net.name),
            "test error of each seed, %": Cell(
                ", ".join(f"{run.record.test_error:.2f} (seed {run.seed})" for run in net.done)
            ),
            "mean ± std": Cell(words.sample(values), values.mean),
            f"{100 * confidence:g} % interval of the mean": Cell(words.interval_of_mean(ends) if ends else words.NONE),
        }
        lines.append(line)
    return Section("Seed by seed", (table(lines, left=2),))


def reading(nets: Nets) -> Section:
    return Section("How to read this", (bullets(READING) if nets else "",))
