"""What a run's numbers depend on: its settings, its data, and the version of what an iteration computes.

A checkpoint goes on only under the identity that it was made with, and a finished run counts as the plan's
if its identity is the plan's. The code itself decides nothing: `training/recipe.py` says when its results
change (`VERSION`), and golden trajectories (`tests/training/test_trajectories.py`) hold it to that.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from resnet.params import Settings
from resnet.params.bearing import configuration
from resnet.results import DataRecord, Identity
from resnet.training.recipe import VERSION


def identity(settings: Settings, data: DataRecord, precision: str) -> Identity:
    """The identity of a run of these settings; `precision` is the one that `auto` came to."""
    return Identity(
        configuration=configuration(settings.net, settings.depth, settings.model, settings.train, precision),
        data=data.digest,
        version=VERSION,
    )


@cache
def source() -> str:
    """SHA-256 (hex) over the files that compute an iteration: says where a result comes from, and decides nothing."""
    package = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for folder in ("nets", "training"):
        for path in sorted((package / folder).rglob("*")):
            if path.suffix in (".py", ".cpp", ".h"):
                digest.update(f"{path.relative_to(package).as_posix()}\0".encode() + path.read_bytes())
    return digest.hexdigest()
