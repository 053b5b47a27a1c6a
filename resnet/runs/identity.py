"""What a run's numbers depend on: its settings, its data, and the version of what an iteration computes.

A checkpoint goes on only under the identity that it was made with, and a finished run counts as the plan's
if its identity is the plan's. The code itself decides nothing: `training/recipe.py` says when its results
change (`VERSION`), and golden trajectories (`tests/training/test_trajectories.py`) hold it to that.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from resnet.params import ModelParams, Settings, TrainParams
from resnet.records import DataRecord, Identity
from resnet.training.recipe import VERSION

WITHOUT_EFFECT = {"seeds", "seeds_at_once", "device", "checkpoint_every", "recompute"}
"""Keys of `train` that do not bear on what one seed's run computes."""

LATER = {"batch_norm_images"}
"""Keys of `model` and `train` that came after version 1. At its default such a key is left out, so that results from
before it keep counting: its default must be what they did.
"""


def _sha256(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _bearing(section: ModelParams | TrainParams) -> dict[str, Any]:
    """The keys of a section that bear on what a run computes."""
    at_default = LATER - section.model_dump(exclude_defaults=True).keys()
    return section.model_dump(mode="json", exclude=WITHOUT_EFFECT | at_default)


def identity(settings: Settings, data: DataRecord, precision: str) -> Identity:
    """The identity of a run of these settings; `precision` is the one that `auto` came to."""
    configuration = {
        "net": settings.net,
        "depth": settings.depth,
        "model": _bearing(settings.model) if settings.net != "plain" else {},
        "train": _bearing(settings.train) | {"precision": precision},
    }
    return Identity(
        configuration=_sha256(configuration),
        data=_sha256([data.fingerprint, data.split_fingerprint]),
        version=VERSION,
    )


@cache
def source() -> str:
    """SHA-256 (hex) over the files that compute an iteration: says where a result comes from, and decides nothing."""
    package = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for folder in ("nets", "training"):
        for path in sorted((package / folder).rglob("*")):
            if path.suffix in (".py", ".cpp"):
                digest.update(f"{path.relative_to(package).as_posix()}\0".encode() + path.read_bytes())
    return digest.hexdigest()
