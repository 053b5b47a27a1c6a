"""How what was run differs from the paper's protocol, in words."""

from __future__ import annotations

from typing import Any, NamedTuple

from resnet.params import Settings
from resnet.records import DataRecord
from resnet.report.analysis.published import Protocol, published
from resnet.report.style import words as text
from resnet.report.tables import Row

KEYS = ("batch_size", "learning_rate", "milestones", "decay", "momentum", "weight_decay")
"""Keys of `train` that the paper states a number for, `iterations` apart."""


class Difference(NamedTuple):
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


def differences(settings: dict[str, Any], net: str, depth: int, data: DataRecord | None) -> list[Difference]:
    """Compare a net's settings with the paper's.

    Args:
        settings: the `model` and `train` sections.
        net: `resnet` or `plain`.
        depth: its depth.
        data: what it was trained on; the split is compared where that is the official CIFAR-10.
    """
    paper, train = published().protocol, settings["train"]
    found = []
    iterations = int(train["iterations"])
    if iterations != paper.iterations:
        ours, theirs = text.count(iterations), text.count(paper.iterations)
        sentence = (
            f"Shortened schedule: {ours} of the paper's {theirs} iterations"
            if iterations < paper.iterations
            else f"Lengthened schedule: {ours} iterations, the paper's {theirs}"
        )
        found.append(Difference("iterations", sentence, f"{ours} iterations"))
    for key in KEYS:
        value, published_value = train[key], getattr(paper, key)
        if not _same(value, published_value):
            words = key.replace("_", " ")
            found.append(Difference(key, f"{words} {value} (the paper: {published_value})", f"{words} {value}"))
    found += _warmup_differences(train, net, depth, paper)
    if net == "resnet" and (shortcut := settings["model"]["shortcut"]) != paper.shortcut:
        found.append(
            Difference(
                "shortcut",
                f"shortcut option {shortcut} (the paper: {paper.shortcut})",
                f"option {shortcut}",
            )
        )
    if data is not None and data.official:
        split = (data.train_images, data.validation_images)
        if split != (paper.train_images, paper.validation_images):
            said = f"{text.count(split[0])} training and {text.count(split[1])} validation images"
            papers = f"{text.count(paper.train_images)} and {text.count(paper.validation_images)}"
            found.append(Difference("split", f"{said} (the paper: {papers})", f"{split[0] / 1000:g}k images"))
    return found


def _warmup_differences(train: dict[str, Any], net: str, depth: int, paper: Protocol) -> list[Difference]:
    warmup = paper.warmup
    if (net, depth) == (warmup.net, warmup.depth):
        same = train["warmup"] and all(
            _same(train[f"warmup_{key}"], getattr(warmup, key)) for key in ("learning_rate", "until_error")
        )
        if same:
            return []
        theirs = f"at {warmup.learning_rate} until the training error is below {warmup.until_error:g} %"
        ours = (
            f"warm-up at {train['warmup_learning_rate']} until {train['warmup_until_error']:g} %"
            if train["warmup"]
            else "no warm-up"
        )
        return [Difference("warmup", f"{ours} (the paper: {theirs})", ours)]
    # The paper says nothing about warm-up for its deeper nets; for shallower ones it needs none.
    if train["warmup"] and depth < warmup.depth:
        return [Difference("warmup", "a warm-up (the paper: none)", "warm-up")]
    return []


def settings_of(settings: Settings) -> dict[str, Any]:
    """The sections of the parameters that a training record keeps too."""
    return settings.model_dump(mode="json", include={"model", "train"})


def row_differences(row: Row) -> list[Difference]:
    """How a row differs: by its records, or by its parameters where nothing has run."""
    if not row.records:
        return differences(settings_of(row.settings), row.net, row.depth, None)
    found: list[Difference] = []
    for record in row.records:
        complete = settings_of(row.settings)
        for section, values in record.settings.items():
            complete.setdefault(section, {}).update(values)
        found += [
            difference
            for difference in differences(complete, row.net, row.depth, record.data)
            if difference not in found
        ]
    return found
