"""Which settings bear on what: on a result, whose digest an identity holds, and on the errors that it reports.

A result is all files of a run, its learning curve too. Two settings say at which iterations the curve has points and
nothing else: runs that differ in them alone are different results with the same errors.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from resnet.files import sha256_of
from resnet.params.problems import first_problem
from resnet.params.sections import ModelParams, TrainParams

WITHOUT_EFFECT = {"seeds", "seeds_at_once", "device", "checkpoint_every", "recompute"}
"""Keys of `train` that do not bear on the result of one seed."""

CURVE_ALONE = {"log_every", "evaluate_every"}
"""Keys of `train` that bear on the points of the learning curve, and on no error of the last iterate: measuring draws
nothing and changes no weight.
"""

LATER = {"batch_norm_images", "width"}
"""Keys of `model` and `train` that came after version 1. At its default such a key is left out, so that results from
before it keep counting: its default must be what they did.
"""

SHORTCUTS_ALONE = {"shortcut", "zero_padding"}
"""Keys of `model` that do not bear on a plain net."""


def bearing(section: ModelParams | TrainParams, without_effect: set[str] = WITHOUT_EFFECT) -> dict[str, Any]:
    """The keys of a section that bear on what a run computes."""
    at_default = LATER - section.model_dump(exclude_defaults=True).keys()
    return section.model_dump(mode="json", exclude=without_effect | at_default)


def _dotted(section: str, keys: set[str]) -> frozenset[str]:
    return frozenset(f"{section}.{key}" for key in keys)


OF_SHORTCUTS = _dotted("model", SHORTCUTS_ALONE)
"""Dotted names of the settings that do not bear on a plain net."""


def bearing_on_result(net: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a net's settings, by their dotted names such as `train.momentum`, that bear on the result of one seed.

    Args:
        net: `resnet` or `plain`.
        settings: of any sections.
    """
    dropped = _dotted("train", WITHOUT_EFFECT) | (OF_SHORTCUTS if net == "plain" else set())
    return {name: value for name, value in settings.items() if name not in dropped}


def bearing_on_errors(net: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Those of `bearing_on_result` that bear on the errors reported of a net."""
    curve = _dotted("train", CURVE_ALONE)
    return {name: value for name, value in bearing_on_result(net, settings).items() if name not in curve}


def configuration(net: str, depth: int, model: ModelParams, train: TrainParams, precision: str) -> str:
    """SHA-256 (hex) of the settings that bear on a result; `precision` is the one that `auto` came to."""
    value = {
        "net": net,
        "depth": depth,
        "model": bearing(model, SHORTCUTS_ALONE if net == "plain" else set()),
        "train": bearing(train) | {"precision": precision},
    }
    return sha256_of(value)


def check_recorded(net: str, depth: int, settings: Mapping[str, Any], precision: str, recorded: str) -> None:
    """Check that the settings that a result file prints are those whose digest it holds.

    Raises:
        ValueError: they are not, or are none.
    """
    try:
        model, train = ModelParams.model_validate(settings["model"]), TrainParams.model_validate(settings["train"])
    except ValidationError as error:
        raise ValueError(f"its settings are none: {first_problem(error)}") from error
    if configuration(net, depth, model, train, precision) != recorded:
        raise ValueError("its settings are not those of its identity")


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
        theirs: of what is there, `effective`.
        ours: of what is asked for.
    """
    differing = [
        f"{key} is {theirs[key]} there and {value} here"
        for key, value in ours.items()
        if key in theirs and theirs[key] != value
    ]
    more = f", and {len(differing) - 3} more" if len(differing) > 3 else ""
    return ", ".join(differing[:3]) + more
