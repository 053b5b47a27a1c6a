"""How what was run deviates from the paper's protocol, in plain words."""

from collections.abc import Iterable
from typing import NamedTuple

from resnet.report.published import published
from resnet.report.results import Net
from resnet.results import DataRecord


class Deviation(NamedTuple):
    """One way in which a net's runs are not the paper's."""

    key: str
    sentence: str
    """Complete, without the full stop."""
    mark: str
    """The same in a word or two, for a table's cell."""


def deviations(net: Net, data: DataRecord | None) -> list[Deviation]:
    """How a net of the plan deviates; `data`: what its runs were trained on."""
    paper, settings, found = published().protocol, net.flat, list[Deviation]()
    ours, theirs = net.iterations, paper.iterations
    if ours != theirs:
        shorter = f"Shortened schedule: {ours:,} of the paper's {theirs:,} iterations"
        longer = f"Lengthened schedule: {ours:,} iterations, the paper's {theirs:,}"
        found.append(Deviation("iterations", shorter if ours < theirs else longer, f"{ours:,} iterations"))
    for key, of_paper in paper.train.items():
        if (value := settings[f"train.{key}"]) != of_paper:
            mark = f"{key.replace('_', ' ')} {value}"
            found.append(Deviation(key, f"{mark} (the paper: {of_paper})", mark))
    found += _warmup(net)
    if net.kind == "resnet" and net.shortcut != paper.shortcut:
        sentence = f"shortcut option {net.shortcut} (the paper: {paper.shortcut})"
        found.append(Deviation("shortcut", sentence, f"option {net.shortcut}"))
    if (width := settings["model.width"]) != 1:
        found.append(Deviation("width", f"{width} times the paper's filters", f"width {width}"))
    if data and net.runs and data.official and data.train_images != paper.train_images:
        split = f"{data.train_images:,} training and {data.validation_images:,} validation images"
        papers = f"the paper: {paper.train_images:,} and {paper.validation_images:,}"
        found.append(Deviation("split", f"{split} ({papers})", f"{data.train_images / 1000:g}k images"))
    return found


def _warmup(net: Net) -> list[Deviation]:
    """The paper warms up one net, and says nothing about deeper ones; shallower ones need no warm-up."""
    paper, warms_up = published().protocol, net.settings.train.warmup
    if net.kind == "plain" or net.depth != paper.warmup_depth:
        unlike = warms_up and net.depth < paper.warmup_depth
        return [Deviation("warmup", "a warm-up (the paper: none)", "warm-up")] if unlike else []
    ours, theirs = [net.flat[f"train.{key}"] for key in paper.warmup], [*paper.warmup.values()]
    if warms_up and ours == theirs:
        return []
    mark = f"warm-up at {ours[0]} until {ours[1]:g} %" if warms_up else "no warm-up"
    papers = f"at {theirs[0]} until the training error is below {theirs[1]:g} %"
    return [Deviation("warmup", f"{mark} (the paper: {papers})", mark)]


def shared_deviations(nets: Iterable[Net], data: DataRecord | None) -> list[Deviation]:
    """How every net of the plan deviates in the same way."""
    first, *others = [deviations(net, data) for net in nets] or [[]]
    return [deviation for deviation in first if all(deviation in other for other in others)]


def official(data: DataRecord | None) -> bool:
    """Whether what was trained was trained on the official CIFAR-10."""
    return data is None or data.official


def on_the_papers_schedule(nets: Iterable[Net], data: DataRecord | None) -> list[str]:
    """Nets with a finished seed that published errors apply to. Others train on 45k or 50k images, which is said."""
    done = [net for net in nets if net.done] if official(data) else []
    return [net.name for net in done if all(d.key in ("split", "shortcut") for d in deviations(net, data))]
