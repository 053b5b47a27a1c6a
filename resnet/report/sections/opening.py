"""The top of the report: what was run, on which data, and what keeps it from being the paper's experiment."""

from collections.abc import Iterable

from resnet.report.analysis import nets, protocol
from resnet.report.style import words
from resnet.report.style.drawing import Section
from resnet.report.style.markdown import bold, escaped
from resnet.report.tables import Tables

TITLE = "# Depth and error of residual and plain nets (He et al., CVPR 2016, section 4.2)"


def _names(tables: Tables, names: Iterable[str]) -> str:
    names = list(names)
    return "all nets" if 1 < len(names) == len(tables.nets) else words.listed([escaped(name) for name in names])


def _summary(tables: Tables) -> str:
    if tables.nets.empty:
        return "The parameters name no net: there is nothing to report."
    count, planned = words.numbered(len(tables.nets), "net"), words.count(len(tables.runs))
    if not nets.started(tables):
        return f"{count}, {planned} training runs planned. **Nothing has been trained yet.**"
    described = [
        f"{f'official {data.name}' if data.official else escaped(data.name)} ({words.count(data.train_images)} training, "
        f"{words.count(data.validation_images)} validation and {words.count(data.test_images)} test images)"
        for data in tables.data
    ]
    done = words.count((tables.runs["status"] == "done").sum())
    return f"{count}; {done} of {planned} planned training runs are done. Data: {words.listed(described)}."


def _other_data(tables: Tables) -> list[str]:
    if tables.official:
        return []
    ran = tables.runs.dropna(subset="data")
    others = ran[[not data.official for data in ran["data"]]]
    names = words.listed([escaped(name) for name in sorted({data.name for data in others["data"]})])
    return [
        f"**The data are {names}, not the official CIFAR-10: the errors of {_names(tables, others['name'].unique())} "
        "are NOT comparable with the paper's.** The paper's and others' errors are therefore left out."
    ]


def _deviations(tables: Tables) -> list[str]:
    """How the nets deviate from the paper's protocol: all of them, and then those that do so alike."""
    shared, lines = protocol.shared_deviations(tables), []
    if shared:
        sentences = "; ".join(deviation.sentence for deviation in shared)
        prefix = "" if shared[0].key == "iterations" else "Not the paper's protocol: "
        lines.append(bold(f"{prefix}{sentences}; errors are not the paper's experiment."))
    alike: dict[str, list[str]] = {}
    for name in tables.nets.index:
        own = [deviation for deviation in protocol.deviations(tables, name) if deviation not in shared]
        if own:
            sentences = "; ".join(deviation.sentence for deviation in own)
            alike.setdefault(sentences[0].lower() + sentences[1:], []).append(name)
    for sentences, names in alike.items():
        whose = "its" if len(names) == 1 else "their"
        lines.append(bold(f"{words.listed(names)}: {sentences}; {whose} errors are not the paper's experiment."))
    return lines


def section(tables: Tables) -> Section:
    return Section("", "\n\n".join([TITLE, _summary(tables), *_other_data(tables), *_deviations(tables)]))
