"""Published figures: judged against ours, as their authors state them, and others' weights evaluated here."""

from resnet.report import words
from resnet.report.analysis.comparisons import PublishedComparison, on_the_papers_schedule, published_comparisons
from resnet.report.markdown import bold, bullets, escaped, table
from resnet.report.published import published
from resnet.report.style import Section
from resnet.report.tables import Tables, rows, select


def _verdict(comparison: PublishedComparison, confidence: float) -> dict[str, str]:
    figure, verdict = comparison.figure, comparison.verdict
    images = f", {comparison.training_images // 1000}k images" if comparison.training_images else ""
    cells = {
        "net": comparison.name,
        "source": figure.source,
        "published, %": words.published_error(figure, best=False) + images,
        "ours, %": words.sample(comparison.values),
    }
    judged = [words.NONE, "undecided (one seed shows no spread)", words.NONE, words.NONE]
    if verdict:
        apart, ps = verdict.difference, map(words.p_value, (verdict.difference.p, verdict.equivalence_p))
        difference = words.difference(apart.value, apart.interval(confidence))
        judged = [difference, bold(verdict.word), ", ".join(ps), apart.test]
    columns = (f"ours minus theirs ({100 * confidence:g} % interval)", "verdict", "p of difference, of TOST", "test")
    return cells | dict(zip(columns, judged, strict=True))


def verdicts_section(tables: Tables) -> Section:
    """Every published figure beside ours with one word and its numbers; a sentence where that does not apply."""
    title, report = "Against published figures", tables.params.report
    trained = list(select(tables.runs, status="done")["name"].unique())
    fitting = on_the_papers_schedule(tables, trained)
    if trained and not (tables.official and fitting):
        why = "another schedule than the paper's" if tables.official else "other data than the official CIFAR-10"
        return Section(title, f"Does not apply: these are runs on {why}; nothing published is comparable.\n")
    lines = [_verdict(comparison, report.confidence) for comparison in published_comparisons(tables, fitting)]
    level = f"{1 - report.confidence:.2g}"
    explained = (
        f"\n*equivalent*: less than {report.margin:g} points apart, by two one-sided tests (TOST) at {level} each; "
        "*different*: not so, and the interval leaves 0 out; *undecided*: neither. A published figure without a spread "
        "is taken as a single run, with the scatter of ours: the interval holds both theirs and our seeds' "
        "chance. No correction for the number of figures. Others' conditions are listed below.\n"
    )
    left_out = words.listed(escaped(name) for name in trained if name not in fitting)
    if left_out:
        explained += f"\nDoes not apply to {left_out}: not the paper's schedule, or mixed settings.\n"
    return Section(title, table(lines, left=2) + explained if lines else "")


def weights_section(tables: Tables) -> Section:
    """Others' weights as rows of their own."""
    lines = [
        {
            "weights": x.name,
            "net": f"{x.net}-{x.depth}, shortcut {x.shortcut}",
            "parameters": words.count(x.parameters),
            "test error, %": words.percent(x.test_error),
            "test images": f"{words.count(x.images)} of {'official CIFAR-10' if x.official else x.data}",
            "trained on": x.trained or "not said",
            "images prepared with": x.normalisation,
            "source": x.source or "not said",
        }
        for x in rows(tables.evaluations)
    ]
    return Section("Published weights evaluated here", table(lines, left=2))


def elsewhere_section(tables: Tables) -> Section:
    """What others published about the nets of the plan: a row a net, a column a source, and the conditions."""
    known, nets = published(), dict.fromkeys((net.net, net.depth) for net in rows(tables.nets))
    figures = {f"{net}-{depth}": known.errors_of(net, depth) for net, depth in nets}
    others = {net: {x.source: x for x in of_net if x.source != "paper"} for net, of_net in figures.items()}
    sources = [name for name in known.sources if any(name in of_net for of_net in others.values())]
    if not sources or not tables.official:
        return Section("Published elsewhere", "")

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
    return Section("Published elsewhere", f"{text}\n\n{table(lines)}\n{bullets(notes)}")
