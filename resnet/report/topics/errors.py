"""Test and training errors over seeds: the one table, error against depth, and every net with its seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from matplotlib.figure import Figure

from resnet.report import ladders, protocol, style, words
from resnet.report.markdown import escaped
from resnet.report.published import published
from resnet.report.results import Net, Nets
from resnet.report.section import Line, Picture, Section
from resnet.report.style import KIND_NAMES
from resnet.report.table import Cell, Table, table
from resnet.results import DataRecord, TrainingRecord

USUAL = "test error, % (runs)"

# The one table: error, throughput and parameters by depth. summary.md and README.md begin with it.


def _marked(net: Net, nets: Nets, data: DataRecord | None) -> str:
    """A net's name, with the first way in which it deviates from the paper and others do not."""
    shared = protocol.shared_deviations(nets.values(), data)
    marks = [x.mark for x in protocol.deviations(net, data) if x not in shared]
    return f"{net.name} ({marks[0]})" if marks else net.name


def _stop(record: TrainingRecord) -> str:
    return f"{record.status} at {words.count(record.iteration)} of {words.count(record.iterations)}"


def _with_runs(net: Net) -> Cell:
    """`8.32 ± 0.14 (2 of 5)`: mean ± std, and the runs that are done of those planned."""
    if (values := net.over_seeds("test_error")) is None:
        return Cell("; ".join(_stop(run.record) for run in net.runs) or "not run")
    runs = f"{len(net.done)} of {net.planned}" if len(net.done) < net.planned else str(net.planned)
    return Cell(f"{words.spread(values.mean, values.std, None)} ({runs})", values.mean, net.done[0].file)


def _heading(nets: Nets, data: DataRecord | None) -> str:
    """Of a column of test errors, with the schedule if that is not the paper's."""
    length = ladders.usual_length(nets.values())
    if length in (None, published().protocol.iterations) or not protocol.official(data):
        return USUAL
    return f"after {length:,} iterations, % (runs)"


def one_table(nets: Nets, data: DataRecord | None, others: Nets) -> Table:
    """A row a main net, by kind and depth.

    Nets of another plan, `others`, have a column for their errors; their throughput is shown if ours is not measured.
    """
    lines, heading = list[Line](), _heading(nets, data)
    for net in (nets[name] for kind in ("resnet", "plain") for name in ladders.main_nets(nets, kind)):
        other, figure = others.get(net.name), net.papers_error
        counted, timed = ((getattr(net, x) or getattr(other, x, None)) for x in ("counted", "throughput"))
        parameters, adds = (getattr(counted, count, None) for count in ("parameters", "multiply_adds"))
        line: Line = {
            "net": _marked(net, nets, data),
            "parameters": Cell(words.count(parameters), parameters),
            "multiply-adds": Cell(words.multiply_adds(adds), adds),
            heading: _with_runs(net),
        }
        if heading == USUAL and protocol.official(data):
            text = words.spread(figure.error, figure.std, None) if figure else words.NONE
            line["the paper, %"] = Cell(text, figure.error if figure else None)
        if any(other.done for other in others.values()):
            line[_heading(others, data)] = _with_runs(other)._replace(link=None) if other else words.NONE
        for kind in ("training", "inference"):
            speed, std = (getattr(getattr(timed, kind, None), f"images_per_second{x}", None) for x in ("", "_std"))
            text = words.images_per_second(speed, std) if speed else "not measured"
            line[f"{kind}, images/s"] = Cell(text, speed)
        lines.append(line)
    return table(lines)


def headline(nets: Nets, data: DataRecord | None, others: Nets) -> Section:
    """The one table with what its numbers are and how they were measured, and below it error against depth."""
    precisions = {run.record.precision for net in (*nets.values(), *others.values()) for run in net.done}
    timed = [x for name, net in nets.items() if (x := net.throughput or (name in others and others[name].throughput))]
    measured = dict.fromkeys(escaped(words.measured(record)) for record in timed)
    errors = "Errors are means ± standard deviations over runs (in brackets how many), of the last iterate, trained in"
    parts = [f"{errors} {words.listed(sorted(precisions))}."] if precisions else []
    parts += [f"Images/s are medians ± standard deviations over repeats: {conditions}." for conditions in measured]
    caption = (
        "Test error against depth. Large markers are means with their standard deviation over runs, dots are single "
        "runs. Depths with several runs are joined by a line."
        f"{' Hollow markers are published errors.' if _papers_protocol(nets, data) else ''}"
    )
    picture = Picture("error-vs-depth", caption, partial(figure, nets, data))
    return Section("", (one_table(nets, data, others), " ".join(parts) if nets else "", picture))


# The figure: test error against depth, a panel a kind.

PUBLISHED_LOOKS = {"paper": ("D", -0.2), "nabla0001": ("^", 0.2), "raphaelreme": ("s", 0.29), "akamaster": ("v", 0.38)}
"""Marker of a source, and how far it is from ours, in steps of depth."""
KIND_MARKERS = {"resnet": "o", "plain": "s"}


def _papers_protocol(nets: Nets, data: DataRecord | None) -> bool:
    """Whether published errors belong into the figure: all main nets that are done are comparable."""
    done = {name for name in ladders.without_ablations(nets) if nets[name].done}
    return protocol.official(data) and done <= set(protocol.on_the_papers_schedule(nets.values(), data))


def _draw_published(panel: Any, kind: str, places: Mapping[int, int]) -> dict[str, Any]:
    """Hollow markers, a shape a source, with ± std if it was published. Gives the legend's entries."""
    known, entries = published(), {}
    for name, (marker, offset) in PUBLISHED_LOOKS.items():
        shown = [x for x in known.test_errors if (x.source, x.net) == (name, kind) and x.depth in places]
        if not shown:
            continue
        source, label = known.sources[name], "the paper"
        if name != "paper":
            option = f", option {source.shortcut}" if source.shortcut != known.protocol.shortcut else ""
            label = f"{name} ({(source.training_images or 0) // 1000}k images{option})"
        look: dict[str, Any] = {"ls": "", "marker": marker, "ms": 5, "mfc": "white", "color": "#777777"}
        bars: dict[str, Any] = {"yerr": [x.std or 0.0 for x in shown], "elinewidth": 0.8, "capsize": 2}
        x, y = [places[figure.depth] + offset for figure in shown], [figure.error for figure in shown]
        texts = [f"{label}, {x.net}-{x.depth}: {words.published_error(x)} %" for x in shown]
        style.label(panel.errorbar(x, y, gid=f"{name}-{kind}", **bars, **look), label, texts)
        entries[label] = style.entry(label, **look)
    return entries


def _draw_ours(panel: Any, kind: str, nets: Sequence[Net]) -> None:
    """A mean with its std and a dot a run at each depth; depths with one run are not joined."""
    errors = {place: values for place, net in enumerate(nets) if (values := net.over_seeds("test_error"))}
    joined, entry = {place: x.mean for place, x in errors.items() if x.n > 1}, f"ours, {KIND_NAMES[kind]}"
    style.label(panel.plot([*joined], [*joined.values()], color="#999999", lw=1, gid=f"joined-{kind}"), entry)
    for place, values in errors.items():
        depth, runs = nets[place].depth, sorted(nets[place].by_seed("test_error").values())
        look: dict[str, Any] = {"color": style.depth_colour(depth), "mew": 0, "ls": ""}
        dots = panel.plot([place + 0.1] * values.n, runs, ".", ms=6, alpha=0.6, gid=f"runs-{kind}-{depth}", **look)
        style.label(dots, entry, [f"a run of {kind}-{depth}: {value:.2f} %" for value in runs])
        bars: dict[str, Any] = {"yerr": [values.std or 0.0], "capsize": 3, "capthick": 1.3, "elinewidth": 1.3}
        look |= {"marker": KIND_MARKERS[kind], "ms": 7, "zorder": 3, "gid": f"ours-{kind}-{depth}"}
        mean = panel.errorbar([place], [values.mean], **bars, **look)
        style.label(mean, entry, [f"{entry}, {depth} layers: {words.sample(values)} %"])


def figure(nets: Nets, data: DataRecord | None) -> Figure | None:
    """Test error against depth, residual nets left and plain nets right, each with a scale of its own."""
    usual, paperlike = ladders.of_usual_length(nets), _papers_protocol(nets, data)
    kinds = {kind: ladders.main_nets(nets, kind) for kind in KIND_MARKERS}
    shown = {kind: [nets[x] for x in names if paperlike or x in usual] for kind, names in kinds.items()}
    ladder = {kind: of_kind for kind, of_kind in shown.items() if any(net.done for net in of_kind)}
    if not ladder:
        return None
    title, published_entries = f"Test error against depth on {ladders.run_on(nets, data)}", dict[str, Any]()
    drawn, panels = style.panels(9.2, 4.2, [KIND_NAMES[kind] for kind in ladder], title)
    for panel, (kind, of_kind) in zip(panels, ladder.items(), strict=True):
        if paperlike:
            published_entries |= _draw_published(panel, kind, {net.depth: k for k, net in enumerate(of_kind)})
        _draw_ours(panel, kind, of_kind)
        runs = [f"n = {len(net.done)}" if net.done else "not run" for net in of_kind]
        panel.set_xticks(range(len(runs)), [f"{net.depth}\n{n}" for net, n in zip(of_kind, runs, strict=True)])
        panel.set(xlabel="depth, weighted layers (equally spaced)", xlim=(-0.5, len(runs) - 0.4))
        panel.margins(y=0.12)
        panel.grid(visible=False, axis="x")
    panels[0].set_ylabel("test error, %")
    handles = [
        style.entry(f"ours, {KIND_NAMES[kind]}", marker=KIND_MARKERS[kind], ls="", color="#222222") for kind in ladder
    ]
    style.legend_below(drawn, [*handles, *published_entries.values()])
    return drawn


# statistics.md: every net with its seeds.


def _mean(net: Net, quantity: str) -> Cell:
    values = net.over_seeds(quantity)
    return Cell(words.sample(values), values and values.mean, net.done[0].file if values else None)


def _line(net: Net, nets: Nets, data: DataRecord | None, confidence: float) -> Line:
    """Seeds that have begun and are not done say where they stopped."""
    seeds, errors, figure = [], net.over_seeds("test_error"), net.papers_error
    for run in net.runs:
        seeds.append(f"{_stop(run.record) if not run.done else f'{run.record.test_error:.2f}'} (seed {run.seed})")
    paper = Cell(words.published_error(figure), figure.error if figure else None)
    return {
        "net": _marked(net, nets, data),
        "seeds done": Cell(f"{len(net.done)} of {net.planned}", len(net.done)),
        "test error of each seed, %": ", ".join(seeds) or "not run",
        "mean ± std": _mean(net, "test_error"),
        f"{100 * confidence:g} % interval of the mean": words.interval_of_mean(errors and errors.interval(confidence)),
        **({"paper's test error, %": paper} if protocol.official(data) else {}),
        "training error, %": _mean(net, "training_error"),
        "validation error, %": _mean(net, "validation_error"),
    }


def every_net(nets: Nets, data: DataRecord | None, confidence: float) -> Section:
    """A row a net, in the plan's order; the paper's errors next to ours on its data only."""
    if not any(net.runs for net in nets.values()):
        return Section("Every net")
    lines = [_line(net, nets, data, confidence) for net in nets.values()]
    return Section("Every net", (table(lines, left=3),))
