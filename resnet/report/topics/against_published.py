"""Ours against published errors: the paper's Table 6, what others published, and others' weights evaluated here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from resnet.params import ReportParams
from resnet.report import ladders, protocol, words
from resnet.report.markdown import bold, bullets, escaped
from resnet.report.published import PublishedError, TestError, published
from resnet.report.results import Net, Nets
from resnet.report.samples import Difference, Sample, versus_published
from resnet.report.section import Line, Section
from resnet.report.table import Cell, table
from resnet.results import DataRecord, PublishedRecord


class Comparison(NamedTuple):
    """A published figure of a net with the same shortcut, and ours."""

    net: Net
    figure: PublishedError
    ours: Sample
    difference: Difference | None
    """Ours minus theirs; None if our seeds show no spread."""
    word: str
    """`undecided`, `equivalent`: within the margin by TOST, or `different`: not so, and the interval leaves 0 out."""


def comparisons(nets: Nets, data: DataRecord | None, report: ReportParams) -> Iterator[Comparison]:
    """Every figure of the nets on the paper's schedule and data that have a run, in the plan's order.

    A figure without a spread is one more run, with the scatter of ours.
    """
    for net in (nets[name] for name in protocol.on_the_papers_schedule(nets.values(), data)):
        if ours := net.over_seeds("test_error"):
            for figure in published().errors_of(net.kind, net.depth, net.shortcut):
                apart, word = versus_published(ours, figure), "undecided"
                if apart and apart.p() < 1 - report.confidence:
                    word = "different"
                if apart and apart.equivalence_p(report.margin) < 1 - report.confidence:
                    word = "equivalent"
                yield Comparison(net, figure, ours, apart, word)


# Table 6.


def table_6(nets: Nets, data: DataRecord | None) -> Section:
    """The other methods, then the residual nets; absent before a net of it has a comparable run."""
    alike = protocol.on_the_papers_schedule(nets.values(), data)
    papers = {name: figure for name in ladders.main_nets(nets, "resnet") if (figure := nets[name].papers_error)}
    if not papers.keys() & set(alike):
        return Section("Table 6")

    def line(net: str, layers: int | None, parameters: str | None, error: TestError) -> Line:
        return {
            "net": net,
            "layers": Cell(str(layers or words.NONE), layers),
            "parameters": parameters or words.NONE,
            "the paper, %": Cell(words.published_error(error), error.error),
            "ours, %": words.NONE,
        }

    lines = [line(x.name, x.layers, x.parameters, x) for x in published().methods]
    for net, figure in ((nets[name], figure) for name, figure in papers.items()):
        ours = net.over_seeds("test_error") if net.name in alike else None
        error = Cell(words.sample(ours, "not run"), ours.mean if ours else None)
        parameters = published().parameters_of(net.depth, net.shortcut)
        lines.append(line("ResNet", net.depth, parameters, figure) | {"ours, %": error})
    source = published().sources["paper"]
    note = (
        "Classification error on the CIFAR-10 test set, all with data augmentation. Layers, parameters and the paper's "
        f"errors: [{source.title}]({source.url}). Ours: mean ± standard deviation over n runs."
    )
    return Section("Table 6", (table(lines), note))


# Every published figure of the same net, judged.


def _line(one: Comparison, report: ReportParams) -> Line:
    theirs, apart = published().sources[one.figure.source].training_images, one.difference
    images = f", {theirs // 1000}k images" if theirs and theirs != one.net.done[0].record.data.train_images else ""
    ps = [apart.p(), apart.equivalence_p(report.margin)] if apart else [None]
    return {
        "net": one.net.name,
        "source": one.figure.source,
        "published, %": Cell(words.published_error(one.figure, best=False) + images, one.figure.error),
        "ours, %": Cell(words.sample(one.ours), one.ours.mean, one.net.done[0].file),
        f"ours minus theirs ({100 * report.confidence:g} % interval)": Cell(
            words.difference(apart, report.confidence), apart and apart.value
        ),
        "verdict": bold(one.word) if apart else "undecided (one run shows no spread)",
        "p of difference, of TOST": Cell(", ".join(map(words.p_value, ps)), ps[0]),
        "test": apart.test if apart else words.NONE,
    }


def verdicts(nets: Nets, data: DataRecord | None, report: ReportParams) -> Section:
    """Every published figure with one word and its numbers; and to which nets none applies."""
    alike = protocol.on_the_papers_schedule(nets.values(), data)
    lines = [_line(one, report) for one in comparisons(nets, data, report)]
    explained = (
        f"*equivalent*: less than {report.margin:g} points apart, by two one-sided tests (TOST) at "
        f"{1 - report.confidence:.2g} each; "
        "*different*: not so, and the interval leaves 0 out; *undecided*: neither. A published figure without a spread "
        "is one more run, with the scatter of ours. The number of figures is not corrected for."
    )
    other = [escaped(net.name) for net in nets.values() if net.done and net.name not in alike]
    left_out = f"Does not apply{f' to {words.listed(other)}' if lines else ''}: not the paper's schedule and data."
    return Section(
        "Against published figures", (table(lines, left=2), explained if lines else "", left_out if other else "")
    )


# What others published, and others' weights.


def elsewhere(nets: Nets, data: DataRecord | None) -> Section:
    """What others published of the plan's nets: a row a net, a column a source, and the conditions."""
    known, planned = published(), sorted({(net.kind != "resnet", net.depth, net.kind) for net in nets.values()})
    figures = {f"{kind}-{depth}": known.errors_of(kind, depth) for _, depth, kind in planned}
    others = {net: {x.source: x for x in of_net if x.source != "paper"} for net, of_net in figures.items()}
    sources = {name: x for name, x in known.sources.items() if any(name in of_net for of_net in others.values())}
    if not sources or not protocol.official(data):
        return Section("Published elsewhere")
    lines = [
        {"net": net} | {source: words.published_error(of_net.get(source), best=False) for source in sources}
        for net, of_net in others.items()
        if of_net
    ]
    notes = [
        f"[{x.title}]({x.url}): {words.count(x.training_images)} training images, residual nets with option "
        f"{x.shortcut}. {x.taken}"
        for x in sources.values()
    ]
    notes += [f"{net}, {x.source}: {x.note}" for net, of_net in others.items() for x in of_net.values() if x.note]
    text = "Not measured here; conditions as their authors state them. Test error, %:"
    return Section("Published elsewhere", (text, table(lines), bullets(notes)))


def weights(evaluated: Sequence[PublishedRecord]) -> Section:
    """Others' weights, by the same code as ours."""
    lines = []
    for one in evaluated:
        figures = published().errors_of(one.net, one.depth, one.shortcut) if one.official else []
        theirs = next((x.error for x in figures if published().sources[x.source].url == one.source), None)
        line = {
            "weights": Cell(one.name),
            "net": Cell(f"{one.net}-{one.depth}, shortcut {one.shortcut}"),
            "parameters": Cell(words.count(one.parameters), one.parameters),
            "test error, %": Cell(words.percent(one.test_error), one.test_error),
            "by their authors, %": Cell(words.percent(theirs)),
            "test images": Cell(f"{words.count(one.images)} of {'official CIFAR-10' if one.official else one.data}"),
            "trained on": Cell(one.trained or "not said"),
            "images prepared with": Cell(one.normalisation),
            "source": Cell(one.source or "not said"),
        }
        lines.append(line)
    return Section("Published weights evaluated here", (table(lines, left=2),))
