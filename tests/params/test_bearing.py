"""Which settings bear on a result, and which of them on its errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from resnet.data import Data
from resnet.params import ModelParams, Settings, TrainParams
from resnet.params.bearing import (
    CURVE_ALONE,
    LATER,
    OF_SHORTCUTS,
    WITHOUT_EFFECT,
    bearing_on_errors,
    bears,
    configuration,
    effective,
)
from resnet.runs.seeds import train_seeds
from tests.conftest import CPU

DEFAULTS = {name: field.default for kind in (ModelParams, TrainParams) for name, field in kind.model_fields.items()}
NUMBERS: dict[str, Any] = {name: type(x)(x / 2) for name, x in DEFAULTS.items() if type(x) in (int, float)}
OTHERS = NUMBERS | {name: not x for name, x in DEFAULTS.items() if isinstance(x, bool)} | {"recompute": True}
OTHERS |= {"shortcut": "B", "zero_padding": "end", "width": 2, "milestones": [0.4], "device": "cpu"}
OTHERS |= {"initialisation_seed": 1, "order_seed": 1, "batch_norm_images": 64}
OTHERS |= {"seeds_at_once": 2, "checkpoint_every": 10}
"""Every key of `model` and `train`, but for the precision, with another value than its default."""


def test_every_setting_is_held_against_its_default() -> None:
    assert OTHERS.keys() | {"precision"} == ModelParams.model_fields.keys() | TrainParams.model_fields.keys()
    assert not WITHOUT_EFFECT & CURVE_ALONE
    assert TrainParams.model_fields.keys() >= WITHOUT_EFFECT | CURVE_ALONE
    assert {f"model.{key}" for key in ModelParams.model_fields} >= OF_SHORTCUTS
    assert OTHERS.keys() >= LATER


@pytest.mark.parametrize("key", OTHERS)
@pytest.mark.parametrize("net", ["resnet", "plain"])
def test_a_setting_bears_on_a_result_if_its_identity_is_another_with_it(net: str, key: str) -> None:
    section = "model" if key in ModelParams.model_fields else "train"
    kinds: dict[str, Any] = {"model": ModelParams, "train": TrainParams}
    changed = {name: kind(**{key: OTHERS[key]} if name == section else {}) for name, kind in kinds.items()}
    another = configuration(net, 8, **changed, precision="fp32") != configuration(
        net, 8, ModelParams(), TrainParams(), "fp32"
    )
    name, sections = f"{section}.{key}", {part: values.model_dump(mode="json") for part, values in changed.items()}
    assert bears(net, name) == another
    settings = effective(net, sections, "fp32")
    assert settings["train.precision"] == "fp32"
    assert (name in settings) == another
    assert (name in bearing_on_errors(net, settings)) == (another and key not in CURVE_ALONE)


def test_how_often_a_curve_is_measured_bears_on_its_points_and_on_no_error(
    tiny: Callable[..., Settings], digits: Data, tmp_path: Path
) -> None:
    often, seldom = tiny(log_every=1, evaluate_every=2), tiny(log_every=6, evaluate_every=12)
    (one,), (other,) = (
        train_seeds(settings, [0], digits, tmp_path / name, CPU)
        for name, settings in (("often", often), ("seldom", seldom))
    )
    assert one.identity != other.identity
    errors = ("test_error", "validation_error", "training_error", "test_loss", "training_loss")
    assert [getattr(one, error) for error in errors] == [getattr(other, error) for error in errors]
    assert one.files["model.safetensors"].sha256 == other.files["model.safetensors"].sha256
    assert one.files["history.csv"].sha256 != other.files["history.csv"].sha256
