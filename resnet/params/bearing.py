"""Which settings bear on what: on a result, whose digest an identity holds, and on the errors that it reports.

A result is all files of a run, its learning curve too. Two settings say at which iterations the curve has points and
nothing else: runs that differ in them alone are different results with the same errors.
"""

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
"""Keys that came after version 1. At its default such a key is left out, so that earlier results count on: its default
must be what they did.
"""

SHORTCUTS_ALONE = {"shortcut", "zero_padding"}
"""Keys of `model` that do not bear on a plain net."""

OF_SHORTCUTS = frozenset(f"model.{key}" for key in SHORTCUTS_ALONE)
"""Dotted names of the settings that do not bear on a plain net."""


def _without_effect(net: str) -> set[str]:
    return WITHOUT_EFFECT | SHORTCUTS_ALONE if net == "plain" else WITHOUT_EFFECT


def bearing(section: ModelParams | TrainParams, without_effect: set[str] = WITHOUT_EFFECT) -> dict[str, Any]:
    """The keys of a section that bear on what a run computes."""
    at_default = LATER - section.model_dump(exclude_defaults=True).keys()
    return section.model_dump(mode="json", exclude=without_effect | at_default)


def bearing_on_result(net: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a net's settings that bear on the result of one seed.

    Args:
        net: `resnet` or `plain`.
        settings: of `model` and `train` by their dotted names, such as `train.momentum`.
    """
    dropped = _without_effect(net)
    return {name: value for name, value in settings.items() if name.rpartition(".")[2] not in dropped}


def bearing_on_errors(net: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Those of `bearing_on_result` that bear on the errors reported of a net."""
    result = bearing_on_result(net, settings)
    return {name: value for name, value in result.items() if name.rpartition(".")[2] not in CURVE_ALONE}


def configuration(net: str, depth: int, model: ModelParams, train: TrainParams, precision: str) -> str:
    """SHA-256 (hex) of the settings that bear on a result; `precision` is the one that `auto` came to."""
    dropped = _without_effect(net)
    parts = {"model": bearing(model, dropped), "train": bearing(train, dropped) | {"precision": precision}}
    return sha256_of({"net": net, "depth": depth, **parts})


def effective(net: str, sections: Mapping[str, Any], precision: str) -> dict[str, Any]:
    """The settings that bear on a result by their dotted names, as `{"train.momentum": 0.9, ...}`.

    Args:
        net: `resnet` or `plain`.
        sections: such as `model` and `train`, as a file holds them.
        precision: the one that `auto` came to.
    """
    keys = {f"{section}.{key}": value for section, keys in sections.items() for key, value in keys.items()}
    return bearing_on_result(net, keys) | {"train.precision": precision}


def differences(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> str:
    """Name the first settings that differ, with both values; empty if none does. A setting that one lacks is no other.

    Args:
        theirs: of what is there, as `effective` gives them.
        ours: likewise, of what the plan wants.
    """
    differing = [
        f"{key} is {theirs[key]} there and {value} here"
        for key, value in ours.items()
        if key in theirs and theirs[key] != value
    ]
    more = f", and {len(differing) - 3} more" if len(differing) > 3 else ""
    return ", ".join(differing[:3]) + more
