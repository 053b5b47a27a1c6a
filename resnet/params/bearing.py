"""Which settings bear on what: on a result, which is all files of a run, and on the errors that it reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from resnet.files import sha256_of
from resnet.params.plan import ModelParams, TrainParams

WITHOUT_EFFECT = {"seeds", "seeds_at_once", "device", "checkpoint_every", "recompute"}
"""Keys of `train` that do not bear on the result of one seed."""
CURVE_ALONE = {"log_every", "evaluate_every"}
"""Keys of `train` that bear on the points of the learning curve alone: measuring changes no weight."""
LATER = {"batch_norm_images", "width"}
"""Keys that came after version 1. At its default, what earlier results did, such a key is left out: they count on."""
OF_SHORTCUTS = {"model.shortcut", "model.zero_padding"}
"""Dotted names of the settings that do not bear on a plain net."""


def bears(net: str, name: str) -> bool:
    """Whether a setting, by its dotted name, bears on the result of one seed of a `resnet` or a `plain` net."""
    return name.rpartition(".")[2] not in WITHOUT_EFFECT and not (net == "plain" and name in OF_SHORTCUTS)


def bearing_on_errors(net: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a net's settings, by their dotted names, that bear on the errors reported of it."""
    return {name: x for name, x in settings.items() if bears(net, name) and name.rpartition(".")[2] not in CURVE_ALONE}


def configuration(net: str, depth: int, model: ModelParams, train: TrainParams, precision: str) -> str:
    """SHA-256 (hex) of the settings that bear on a result; `precision` is the one that `auto` came to."""
    tree: dict[str, Any] = {"net": net, "depth": depth}
    for name, section in {"model": model, "train": train}.items():
        keys, at_default = section.model_dump(mode="json"), LATER - section.model_dump(exclude_defaults=True).keys()
        tree[name] = {key: keys[key] for key in keys.keys() - at_default if bears(net, f"{name}.{key}")}
    tree["train"]["precision"] = precision
    return sha256_of(tree)


def effective(net: str, sections: Mapping[str, Any], precision: str) -> dict[str, Any]:
    """The settings of the sections that bear on a result by their dotted names, as `{"train.momentum": 0.9, ...}`."""
    keys = {f"{section}.{key}": value for section, keys in sections.items() for key, value in keys.items()}
    return {name: value for name, value in keys.items() if bears(net, name)} | {"train.precision": precision}


def differences(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> str:
    """Name the first settings in which two results of `effective` differ; a setting that one lacks is no other."""
    differing = [key for key, value in ours.items() if theirs.get(key, value) != value]
    more = f", and {len(differing) - 3} more" if len(differing) > 3 else ""
    return ", ".join(f"{key} is {theirs[key]} there and {ours[key]} here" for key in differing[:3]) + more
