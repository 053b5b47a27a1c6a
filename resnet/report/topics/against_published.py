"""Ours against published errors: the paper's Table 6, what others published, and others' weights evaluated here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from resnet.report import ladders, protocol, words
from resnet.report.markdown import bold, bullets, escaped
from resnet.report.published import PublishedError, published
from resnet.report.results import Net
from resnet.report.samples import Difference, Sample, versus_published
from resnet.report.section import Section
from resnet.report.table import Cell, table
from resnet.results import DataRecord, PublishedRecord

Nets = Mapping[str, Net]

PAPERS = "the paper, %"


class Comparison(NamedTuple):
    """A published figure of a net with the same shortcut, and ours."""

    net: Net
    figure: PublishedError
    ours: Sample
    difference: Difference | None
    """Ours minus theirs; None if our seeds show no spread."""
    word: Literal["equivalent", "different", "undecided"]
    """`equivalent`: within the margin by TOST; `different`: not so, and the interval leaves 0 out."""
    equivalence_p: float | None

    @property
    def other_images(self) -> int | None:
        """Their number of training images if it is known and not ours."""
        theirs = published().sources[self.figure.source].training_images
        return theirs if theirs != self.net.done[0].record.data.train_images else None


def compare(net: Net, figure: PublishedError, ours: Sample, confidence: float, margin: float) -> Comparison:
    """Judge a published error; a figure without a spread is one more run, with the scatter of ours."""
    difference = versus_published(ours, figure)
    if difference is None:
        return Comparison(net, figure, ours, None, "undecided", None)
    level, equivalence = 1 - confidence, difference.equivalence_p(margin)
    unlike: Literal["different", "undecided"] = "different" if difference.p < level else "undecided"
    return Comparison(net, figure, ours, difference, "equivalent" if equivalence < level else unlike, equivalence)


def comparisons(nets: Nets, data: DataRecord | None, confidence: float, margin: float) -> list[Comparison]:
    """Every figure of the nets on the paper's schedule and data that have a run, in the plan's order."""
    compared = []
    for net in (nets[name] for name in protocol.on_the_papers_schedule(nets.values(), data)):
        figures, ours = published().errors_of(net.kind, net.depth, net.shortcut), net.over_seeds("test_error")
        compared += [compare(net, figure, ours, confidence, margin) for figure in figures if ours]
    return compared


def with_the_paper(nets: Nets, data: DataRecord | None, confidence: float, margin: float) -> dict[str, Comparison]:
    """By net, its comparison with the paper's figure."""
    compared = comparisons(nets, data, confidence, margin)
    return {one.net.name: one for one in compared if one.figure.source == "paper"}


# Table 6.


def table_6(nets: Nets, data: DataRecord | None) -> Section:
    """The other methods, then the residual nets; absent before a net of it has a comparable run."""
    alike = protocol.on_the_papers_schedule(nets.values(), data)
    papers = {name: figure for name in ladders.main_nets(nets, "resnet") if (figure := nets[name].papers_error)}
    if not papers.keys() & set(alike):
        return Section("Table 6")
    lines = [
        {
            "net": Cell(method.name),
            "layers": Cell(str(method.layers or words.NONE), method.layers),
            "parameters": Cell(method.parameters or words.NONE),
            "counted here": Cell(words.NONE),
            PAPERS: Cell(words.published_error(method), method.error),
            "ours, %": Cell(words.NONE),
        }
        for method in published().methods
    ]
    for name, figure in papers.items():
        net, counted = nets[name], getattr(nets[name].counted, "parameters", None)
        ours = net.over_seeds("test_error") if name in alike else None
        line = {
            "net": Cell("ResNet"),
            "layers": Cell(str(net.depth), net.depth),
            "parameters": Cell(published().parameters_of(net.depth, net.shortcut) or words.NONE),
            "counted here": Cell(words.count(counted), counted),
            PAPERS: Cell(words.published_error(figure), figure.error),
            "ours, %": Cell(words.sample(ours, "not run"), ours.mean if ours else None),
        }
        lines.append(line)
    source = published().sources["paper"]
    note = (
        "Classification error on the CIFAR-10 test set, all with data augmentation. Layers, parameters and the paper's "
        f"errors: [{source.title}]({source.url}). Ours: mean ± standard deviation over n runs."
    )
    return Section("Table 6", (table(lines), note))


# Every published figure of the same net, judged.


def _line(one: Comparison, confidence: float) -> dict[str, Cell]:
    images = f", {one.other_images // 1000}k images" if one.other_images else ""
    judged = [Cell(words.NONE), Cell("undecided (one run shows no spread)"), Cell(words.NONE), Cell(words.NONE)]
    if one.difference and one.equivalence_p is not None:
        apart, ps = one.difference, (one.difference.p, one.equivalence_p)
        judged = [
            Cell(words.difference(apart.value, apart.interval(confidence)), apart.value),
            Cell(bold(one.word)),
            Cell(", ".join(map(words.p_value, ps)), ps[0]),
            Cell(apart.test),
        ]
    columns = (f"ours minus theirs ({100 * confidence:g} % interval)", "verdict", "p of difference, of TOST", "test")
    return {
        "net": Cell(one.net.name),
        "source": Cell(one.figure.source),
        "published, %": Cell(words.published_error(one.figure, best=False) + images, one.figure.error),
        "ours, %": Cell(words.sample(one.ours), one.ours.mean, one.net.done[0].file),
        **dict(zip(columns, judged, strict=True)),
    }


def verdicts(nets: Nets, data: DataRecord | None, confidence: float, margin: float) -> Section:
    """Every published figure with one word and its numbers; a sentence if none applies."""
    title, done = "Against published figures", [net.name for net in nets.values() if net.done]
    alike = protocol.on_the_papers_schedule(nets.values(), data)
    if done and not alike:
        why = "another schedule than the paper's" if protocol.official(data) else "other data than CIFAR-10"
        return Section(title, (f"Does not apply: these are runs on {why}; nothing published is comparable.",))
    lines = [_line(one, confidence) for one in comparisons(nets, data, confidence, margin)]
    explained = (
        f"*equivalent*: less than {margin:g} points apart, by two one-sided tests (TOST) at {1 - confidence:.2g} each; "
        "*different*: not so, and the interval leaves 0 out; *undecided*: neither. A published figure without a spread "
        "is one more run, with the scatter of ours. The number of figures is not corrected for."
    )
    other = words.listed(escaped(name) for name in done if name not in alike)
    left_out = f"Does not apply to {other}: not the paper's schedule." if other else ""
    return Section(title, (table(lines, left=2), explained, left_out) if lines else ())


# What others published, and others' weights.


def elsewhere(nets: Nets, data: DataRecord | None) -> Section:
    """What others published of the plan's nets: a row a net, a column a source, and the conditions."""
    known, planned = published(), sorted({(net.kind != "resnet", net.depth, net.kind) for net in nets.values()})
    figures = {f"{kind}-{depth}": known.errors_of(kind, depth) for _, depth, kind in planned}
    others = {net: {x.source: x for x in of_net if x.source != "paper"} for net, of_net in figures.items()}
    sources = [name for name in known.sources if any(name in of_net for of_net in others.values())]
    if not sources or not protocol.official(data):
        return Section("Published elsewhere")
    lines = [
        {"net": net} | {source: words.published_error(of_net.get(source), best=False) for source in sources}
        for net, of_net in others.items()
        if of_net
    ]
    notes = []
    for source in map(known.sources.__getitem__, sources):
        images = words.count(source.training_images) if source.training_images else "an unknown number of"
        conditions = f"{images} training images, residual nets with option {source.shortcut}. {source.taken}"
        notes.append(f"[{source.title}]({source.url}): {conditions}")
    notes += [f"{net}, {x.source}: {x.note}" for net, of_net in others.items() for x in of_net.values() if x.note]
    text = "Not measured here; conditions as their authors state them. Test error, %:"
    return Section("Published elsewhere", (text, table(lines), bullets(notes)))


def _as_published(weights: PublishedRecord) -> PublishedError | None:
    """What the authors of weights give as their error."""
    figures = published().errors_of(weights.net, weights.depth, weights.shortcut)
    return next((x for x in figures if published().sources[x.source].url == weights.source), None)


def weights(evaluated: Sequence[PublishedRecord]) -> Section:
    """Others' weights, by the same code as ours."""
    lines = []
    for one in evaluated:
        theirs = _as_published(one) if one.official else None
        line = {
            "weights": Cell(one.name),
            "net": Cell(f"{one.net}-{one.depth}, shortcut {one.shortcut}"),
            "parameters": Cell(words.count(one.parameters), one.parameters),
            "test error, %": Cell(words.percent(one.test_error), one.test_error),
            "by their authors, %": Cell(words.percent(theirs.error) if theirs else words.NONE),
            "test images": Cell(f"{words.count(one.images)} of {'official CIFAR-10' if one.official else one.data}"),
            "trained on": Cell(one.trained or "not said"),
            "images prepared with": Cell(one.normalisation),
            "source": Cell(one.source or "not said"),
        }
        lines.append(line)
    return Section("Published weights evaluated here", (table(lines, left=2),))
