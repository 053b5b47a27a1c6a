"""Published figures: judged against ours, as their authors state them, and others' weights evaluated here."""

from resnet.report.analysis.comparisons import on_the_papers_schedule, published_comparisons
from resnet.report.analysis.published import PublishedError, published
from resnet.report.style import words
from resnet.report.style.drawing import Section
from resnet.report.style.markdown import Markdown, bold, bullets, escaped, table
from resnet.report.tables import Tables, rows, select


def verdicts_section(tables: Tables) -> Section:
    """Every published figure beside ours with one word and its numbers; a sentence where that does not apply."""
    title, report = "Against published figures", tables.params.report
    trained = list(select(tables.runs, status="done")["name"].unique())
    fitting = on_the_papers_schedule(tables, trained)
    if not trained:
        return Section(title, "")
    if not tables.official or not fitting:
        why = "another schedule than the paper's" if tables.official else "other data than the official CIFAR-10"
        return Section(title, f"Does not apply: these are runs on {why}; nothing published is comparable.\n")
    lines = []
    for comparison in published_comparisons(tables, fitting):
        figure, values, verdict = comparison.figure, comparison.values, comparison.verdict
        images = f", {comparison.training_images // 1000}k images" if comparison.training_images else ""
        cells = [words.NONE] * 3
        if verdict:
            judged = verdict.difference
            cells = [
                f"{judged.value:+.2f} ({words.interval(judged.interval(report.confidence))})",
                f"{words.p_value(judged.p)}, {words.p_value(verdict.equivalence_p)}",
                judged.test,
            ]
        line = {
            "net": comparison.name,
            "source": figure.source,
            "published, %": words.spread(figure.error, figure.std, figure.n) + images,
            "ours, %": words.spread(values.mean, values.std, values.n) if values else words.NONE,
            "verdict": bold(verdict.word) if verdict else "undecided (one seed shows no spread)",
        }
        judgement = dict(zip(("ours minus theirs", "p of difference, of TOST", "test"), cells, strict=True))
        lines.append(line | judgement)
    level = f"{100 * report.confidence:g} %"
    explained = (
        f"\n*equivalent*: less than {report.margin:g} points apart, by two one-sided tests; *different*: not so, and the "
        f"{level} interval of the difference leaves 0 out; *inside*: neither, and the published mean lies in our "
        f"{level} interval, which a wide interval makes easy; *undecided*: none of these. A published figure "
        "without a spread is taken as exact, though another seed would have given another: *different* says less "
        "there. Others' conditions are listed below.\n"
    )
    left_out = [escaped(name) for name in trained if name not in fitting]
    if left_out:
        explained += f"\nDoes not apply to {words.listed(left_out)}: not the paper's schedule, or mixed settings.\n"
    return Section(title, table(lines, left=2) + explained if lines else "")


def weights_section(tables: Tables) -> Section:
    """Others' weights as rows of their own."""
    lines = [
        {
            "weights": weights.name,
            "net": f"{weights.net}-{weights.depth}, shortcut {weights.shortcut}",
            "parameters": words.count(weights.parameters),
            "test error, %": f"{weights.test_error:.2f}",
            "test images": f"{words.count(weights.images)} of {'official CIFAR-10' if weights.official else weights.data}",
            "images prepared with": weights.normalisation,
            "source": weights.source or "not said",
        }
        for weights in rows(tables.evaluations)
    ]
    return Section("Published weights evaluated here", table(lines, left=2))


def elsewhere_section(tables: Tables) -> Section:
    """What others published about the nets of the plan: a row a net, a column a source, and the conditions."""
    known = published()
    figures: dict[tuple[str, int], dict[str, PublishedError]] = {
        (net.net, net.depth): {x.source: x for x in known.errors_of(net.net, net.depth) if x.source != "paper"}
        for net in rows(tables.nets)
    }
    sources = [name for name in known.sources if any(name in of_net for of_net in figures.values())]
    if not sources or not tables.official:
        return Section("Published elsewhere", "")

    def cell(figure: PublishedError | None) -> str:
        return words.spread(figure.error, figure.std, figure.n) if figure else words.NONE

    lines = [
        {"net": f"{net}-{depth}", **{name: cell(of_net.get(name)) for name in sources}}
        for (net, depth), of_net in figures.items()
        if of_net
    ]
    conditions = []
    for source in map(known.sources.__getitem__, sources):
        images = words.count(source.training_images) if source.training_images else "an unknown number of"
        conditions.append(
            f"[{source.title}]({source.url}): {images} training images, residual nets with option "
            f"{source.shortcut}. {source.taken}"
        )
    notes = [
        x.note and f"{x.net}-{x.depth}, {x.source}: {x.note}" for of_net in figures.values() for x in of_net.values()
    ]
    listed = bullets([*conditions, *filter(None, notes)])
    text = f"Not measured here; conditions as their authors state them. Test error, %:\n\n{table(lines)}\n{listed}"
    return Section("Published elsewhere", Markdown(text))
