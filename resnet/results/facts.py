"""What the user of a net's weights must know: which net, how well it does, and how its images are normalised.

Weights carry it in their file, as one JSON text among the metadata of safetensors (one, so that the same run
leaves the same bytes: safetensors keeps no order of several).
"""

from __future__ import annotations

import base64
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, field_validator

from resnet.results.base import Count, Error, Positive, Record
from resnet.results.provenance import Seed
from resnet.results.training import TrainingRecord

FACTS = "resnet-depth"
"""The key of the metadata."""

SHAPE = (32, 32, 3)


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
    pixel_mean: str | None
    """The mean training image in 0..255, float32 (32, 32, 3), little-endian, in base64. Inputs are pixels minus it,
    divided by 255."""

    @field_validator("pixel_mean")
    @classmethod
    def _is_an_image(cls, text: str | None) -> str | None:
        if text is not None and len(base64.b64decode(text, validate=True)) != 4 * np.prod(SHAPE):
            raise ValueError("not an image of 32 x 32 pixels")
        return text

    @classmethod
    def of(cls, record: TrainingRecord, mean: NDArray[np.float32] | None) -> Self:
        """Take the facts from a run's record; the mean image, float32 (32, 32, 3), is not in it."""
        shortcut = "none" if record.net == "plain" else str(record.settings["model"]["shortcut"])
        system = record.segments[-1].system if record.segments else None
        commit = system.commit if system else None
        return cls(
            net=record.net,
            depth=record.depth,
            shortcut=shortcut,
            zero_padding=str(record.settings["model"]["zero_padding"]) if shortcut == "A" else None,
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
        return np.frombuffer(base64.b64decode(self.pixel_mean), "<f4").reshape(SHAPE).astype(np.float32)
