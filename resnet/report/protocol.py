"""How what was run deviates from the paper's protocol, in plain words."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from resnet.report.published import Protocol, published
from resnet.report.results import Net
from resnet.results import DataRecord

KEYS = ("batch_size", "learning_rate", "milestones", "decay", "momentum", "weight_decay")
"""Keys of `train` that the paper states a number for, `iterations` apart."""


class Deviation(NamedTuple):
    """One way in which a net's runs are not the paper's."""

    key: str
    sentence: str
    """Complete, without the full stop."""
    mark: str
    """The same in a word or two, for a table's cell."""


def _same(ours: Any, theirs: Any) -> bool:
    if isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(_same, ours, theirs))
    return bool(abs(ours - theirs) <= 1e-9 * abs(theirs))


def settings_deviations(settings: dict[str, Any], net: str, depth: int, data: DataRecord | None) -> list[Deviation]:
    """Compare a net's settings, as `flattened`, with the paper's; the split on the official CIFAR-10 alone."""
    paper, deviations = published().protocol, []
    ours, theirs = settings["train.iterations"], paper.iterations
    if ours != theirs:
        sentence = (
            f"Shortened schedule: {ours:,} of the paper's {theirs:,} iterations"
            if ours < theirs
            else f"Lengthened schedule: {ours:,} iterations, the paper's {theirs:,}"
        )
        deviations.append(Deviation("iterations", sentence, f"{ours:,} iterations"))
    for key in KEYS:
        value, published_value = settings[f"train.{key}"], getattr(paper, key)
        if not _same(value, published_value):
            words = f"{key.replace('_', ' ')} {value}"
            deviations.append(Deviation(key, f"{words} (the paper: {published_value})", words))
    deviations += _warmup(settings, net, depth, paper)
    if net == "resnet" and (shortcut := settings["model.shortcut"]) != paper.shortcut:
        sentence = f"shortcut option {shortcut} (the paper: {paper.shortcut})"
        deviations.append(Deviation("shortcut", sentence, f"option {shortcut}"))
    if (width := settings["model.width"]) != 1:
        deviations.append(Deviation("width", f"{width} times the paper's filters", f"width {width}"))
    split, papers = (paper.train_images, paper.validation_images), (paper.train_images, paper.validation_images)
    if data is not None and data.official:
        split = (data.train_images, data.validation_images)
    if split != papers:
        sentence = (
            f"{split[0]:,} training and {split[1]:,} validation images (the paper: {papers[0]:,} and {papers[1]:,})"
        )
        deviations.append(Deviation("split", sentence, f"{split[0] / 1000:g}k images"))
    return deviations


def _warmup(settings: dict[str, Any], net: str, depth: int, paper: Protocol) -> list[Deviation]:
    warmup, warms_up = paper.warmup, settings["train.warmup"]
    if (net, depth) == (warmup.net, warmup.depth):
        keys = ("learning_rate", "until_error")
        if warms_up and all(_same(settings[f"train.warmup_{key}"], getattr(warmup, key)) for key in keys):
            return []
        learning_rate, until = (settings[f"train.warmup_{key}"] for key in keys)
        ours = f"warm-up at {learning_rate} until {until:g} %" if warms_up else "no warm-up"
        theirs = f"at {warmup.learning_rate} until the training error is below {warmup.until_error:g} %"
        return [Deviation("warmup", f"{ours} (the paper: {theirs})", ours)]
    # The paper says nothing about warm-up for its deeper nets; for shallower ones it needs none.
    return [Deviation("warmup", "a warm-up (the paper: none)", "warm-up")] if warms_up and depth < warmup.depth else []


def deviations(net: Net, data: DataRecord | None) -> list[Deviation]:
    """How a net of the plan deviates; `data`: what its runs were trained on."""
    return settings_deviations(net.flat, net.kind, net.depth, data if net.runs else None)


def shared_deviations(nets: Iterable[Net], data: DataRecord | None) -> list[Deviation]:
    """How every net of the plan deviates in the same way."""
    of_nets = [deviations(net, data) for net in nets]
    return [deviation for deviation in (of_nets or [[]])[0] if all(deviation in others for others in of_nets)]


def official(data: DataRecord | None) -> bool:
    """Whether what was trained was trained on the official CIFAR-10."""
    return data is None or data.official


def on_the_papers_schedule(nets: Iterable[Net], data: DataRecord | None) -> list[str]:
    """Nets with a finished seed that published errors apply to. Others train on 45k or 50k images, which is said."""
    done = [net for net in nets if net.done] if official(data) else []
    return [net.name for net in done if all(d.key in ("split", "shortcut") for d in deviations(net, data))]
