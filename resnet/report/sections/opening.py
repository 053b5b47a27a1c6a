"""What was run, on which data, and what keeps it from being the paper's experiment."""

from collections.abc import Iterator

from resnet.report import words
from resnet.report.analysis import nets, protocol
from resnet.report.analysis.agreement import stale_runs
from resnet.report.markdown import bold, escaped
from resnet.report.style import Section
from resnet.report.tables import Tables, select


def _summary(tables: Tables) -> str:
    if tables.nets.empty:
        return "The parameters name no net: there is nothing to report."
    count, planned = words.numbered(len(tables.nets), "net"), words.count(len(tables.runs))
    if not nets.started(tables):
        return f"{count}, {planned} training runs planned. **Nothing has been trained yet.**"
    described = (
        f"{'official ' if data.official else ''}{escaped(data.name)} ({words.count(data.train_images)} training, "
        f"{words.count(data.validation_images)} validation and {words.count(data.test_images)} test images)"
        for data in tables.data
    )
    done = words.count(len(select(tables.runs, status="done")))
    stale = sum(len(stale_runs(tables, name)) for name in tables.nets.index)
    apart = f" Made with other settings, or by another version, than the plan's: {words.count(stale)}." if stale else ""
    return f"{count}; {done} of {planned} planned training runs are done.{apart} Data: {words.listed(described)}."


def _other_data(tables: Tables) -> Iterator[str]:
    ran = tables.runs.dropna(subset="data")
    others = ran[[not data.official for data in ran["data"]]]
    if len(others):
        data = words.listed(escaped(name) for name in sorted({data.name for data in others["data"]}))
        who = words.grouped({escaped(name): "" for name in others["name"]}, len(tables.nets))[""]
        yield (
            f"**The data are {data}, not the official CIFAR-10: the errors of {who} are NOT comparable with the "
            "paper's.** The paper's and others' errors are therefore left out."
        )


def _deviations(tables: Tables) -> Iterator[str]:
    """How the nets deviate from the paper's protocol: all of them, and then those that do so alike."""
    shared = protocol.shared_deviations(tables)
    if shared:
        prefix = "" if shared[0].key == "iterations" else "Not the paper's protocol: "
        sentences = "; ".join(deviation.sentence for deviation in shared)
        yield bold(f"{prefix}{sentences}; errors are not the paper's experiment.")
    own = {name: [d for d in protocol.deviations(tables, name) if d not in shared] for name in tables.nets.index}
    sentences_of = {name: "; ".join(d.sentence for d in of_net) for name, of_net in own.items() if of_net}
    for sentences, who in words.grouped(sentences_of, 0).items():
        whose = "its" if who in own else "their"
        yield bold(f"{who}: {sentences[0].lower()}{sentences[1:]}; {whose} errors are not the paper's experiment.")


def cautions(tables: Tables) -> list[str]:
    """What keeps the errors from being the paper's, a Markdown sentence or two each."""
    return [*_other_data(tables), *_deviations(tables)]


def section(tables: Tables) -> Section:
    return Section("", "\n\n".join([_summary(tables), *cautions(tables)]))
