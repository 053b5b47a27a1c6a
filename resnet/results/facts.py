"""What the user of a net's weights must know: which net, how well it does, and how its images are normalised.

Weights carry it in their file, as one JSON text among the metadata of safetensors (one, so that the same run
leaves the same bytes: safetensors keeps no order of several).
"""

from __future__ import annotations

import base64
from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field

from resnet.results.base import Count, Error, Positive, Record, Seed
from resnet.results.training import TrainingRecord

FACTS = "resnet-depth"
"""The key of the metadata."""


class Facts(Record):
    """Of one run's weights."""

    model_config = ConfigDict(str_max_length=20_000)

    net: str
    depth: Positive
    shortcut: str
    """`none` for a plain net."""
    zero_padding: str | None
    """None without option A."""
    classes: tuple[str, ...]
    """In the order of the logits."""
    seed: Seed
    iterations: Count
    """Done."""
    test_error: Error | None
    """In %; None of a run that diverged."""
    commit: str | None
    """Of the code; with `-dirty` if tracked files differed. None outside Git."""
    pixel_mean: Annotated[str, Field(pattern="^[A-Za-z0-9+/]*$", min_length=16_384, max_length=16_384)] | None
    """The mean training image in 0..255, float32 (32, 32, 3), little-endian, in base64: 3,072 numbers in 16,384
    characters. Inputs are pixels minus it, divided by 255."""

    @classmethod
    def of(cls, record: TrainingRecord, mean: NDArray[np.float32] | None) -> Self:
        """Take the facts from a run's record; the mean image, float32 (32, 32, 3), is not in it."""
        model, system = record.settings["model"], record.segments[-1].system if record.segments else None
        shortcut = "none" if record.net == "plain" else str(model["shortcut"])
        commit = system.commit if system else None
        return cls(
            net=record.net,
            depth=record.depth,
            shortcut=shortcut,
            zero_padding=str(model["zero_padding"]) if shortcut == "A" else None,
            classes=record.data.classes,
            seed=record.seed,
            iterations=record.iteration,
            test_error=record.test_error,
            commit=f"{commit}-dirty" if commit and system and system.modified else commit,
            pixel_mean=None if mean is None else base64.b64encode(mean.astype("<f4").tobytes()).decode(),
        )

    @property
    def mean(self) -> NDArray[np.float32] | None:
        """The mean training image, float32 (32, 32, 3) in 0..255."""
        if self.pixel_mean is None:
            return None
        return np.frombuffer(base64.b64decode(self.pixel_mean), "<f4").reshape(32, 32, 3).astype(np.float32)
