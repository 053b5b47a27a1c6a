"""What training leaves: the record of a run, which names its other files by their digests, and facts in its weights."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_serializer, model_validator

from resnet.files import sha256_of
from resnet.results.base import (
    Count,
    DamagedFile,
    DataRecord,
    Error,
    Flag,
    Identity,
    Number,
    Positive,
    Record,
    Seconds,
    Seed,
    Status,
    System,
    read_contents,
)

StoredName = Literal["model.safetensors", "history.csv", "test_predictions.npy"]
WEIGHTS: StoredName = "model.safetensors"
HISTORY: StoredName = "history.csv"
PREDICTIONS: StoredName = "test_predictions.npy"
FACTS = "resnet-depth"
"""The key of `Facts` in the metadata of a file of weights."""


class StoredFile(Record):
    """A file as it was written."""

    bytes: Count
    sha256: str
    """Hex."""

    @classmethod
    def describe(cls, path: Path) -> StoredFile:
        """Describe a file that is there.

        Raises:
            DamagedFile: it cannot be read.
        """
        contents = read_contents(path)
        return cls(bytes=len(contents), sha256=hashlib.sha256(contents).hexdigest())

    def check(self, path: Path) -> None:
        """Compare a file with what was written.

        Raises:
            DamagedFile: it is missing, cannot be read, or is not what was written.
        """
        found = self.describe(path)
        if found.bytes != self.bytes:
            raise DamagedFile(path, f"{found.bytes:,} bytes instead of the {self.bytes:,} that its record names")
        if found.sha256 != self.sha256:
            raise DamagedFile(path, "not what was written: its record names another digest")


class Segment(Record):
    """One uninterrupted stretch of a training run: a resumed run has several."""

    first_iteration: Count
    last_iteration: Count
    seconds: Seconds
    """Wall-clock time of the stretch, evaluations included."""
    training_seconds: Seconds
    """The part of it that was spent in training iterations."""
    side_by_side: Positive = 1
    """Runs that shared the device for that time, this one included."""
    finished: str
    """When it ended, UTC, ISO 8601."""
    source: str
    """SHA-256 (hex) of the code that trained it: where it comes from, not what it is worth."""
    system: System


class TrainingRecord(Record):
    """`metrics.json`: one training run of one net with one seed.

    While a run goes on it says `interrupted`, at the iteration of the last checkpoint: a kill needs no other record.
    """

    kind: Literal["training"] = "training"
    status: Status
    name: str
    """The row of the report that it belongs to, such as `resnet-20`."""
    net: str
    depth: Positive
    seed: Seed
    iteration: Count
    """Iterations done."""
    iterations: Positive
    """Iterations planned."""
    parameters: Positive
    multiply_adds: Positive
    """Of the convolutions and the fully connected layer, for one image."""
    precision: str
    """Arithmetic of the training iterations: `fp32`, `tf32` or `bf16`. Final errors are measured in fp32."""
    test_error: Error | None
    """In %, of the last iterate, single view."""
    test_loss: Number | None
    validation_error: Error | None
    """In %; None without a validation set."""
    training_error: Number | None
    """In %, of the augmented mini-batches of the last epoch as they were trained on (Figure 6)."""
    training_loss: Number | None
    warmup_iterations: Count | None
    """Iterations at the warm-up's learning rate; None without a warm-up or while it lasts."""
    peak_memory_bytes: Count | None
    """An equal part of what the runs side by side took: the framework's most on a GPU, else the process's."""
    recomputed: Flag = False
    """Whether activations were computed again in the backward pass instead of stored."""
    data: DataRecord
    identity: Identity
    settings: dict[str, Any]
    """The effective `model` and `train` sections of the parameters."""
    segments: tuple[Segment, ...]
    files: dict[StoredName, StoredFile] = Field({})
    """The other files of a run that has ended; empty while it goes on."""

    @model_serializer(mode="wrap")
    def _with_digest(self, serialise: Any, info: Any) -> dict[str, Any]:
        """In a file the record has a `digest` of all its other fields, so that an edit by hand is seen."""
        tree: dict[str, Any] = serialise(self)
        return tree | {"digest": sha256_of(tree)} if info.mode == "json" else tree

    @model_validator(mode="before")
    @classmethod
    def _is_as_written(cls, tree: Any) -> Any:
        """Check the digest of the file's own fields, whatever fields come later; older files have none."""
        if not isinstance(tree, dict) or "digest" not in tree:
            return tree
        fields = {key: value for key, value in tree.items() if key != "digest"}
        if tree["digest"] != sha256_of(fields):
            raise ValueError("edited since it was written: its digest is another")
        return fields

    @property
    def seconds(self) -> float:
        """Wall-clock time of the whole run, evaluations included."""
        return sum(segment.seconds for segment in self.segments)

    @property
    def images_per_second(self) -> float | None:
        """Images trained on per second of training iterations, evaluations left out."""
        seconds = sum(segment.training_seconds for segment in self.segments)
        return self.iteration * int(self.settings["train"]["batch_size"]) / seconds if seconds else None


class Facts(Record):
    """What the user of a net's weights must know: which net, how well it does, and how its images are normalised.

    Weights carry it as one JSON text in safetensors' metadata, which has no order: the same run leaves the same bytes.
    """

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
        model, system = record.settings["model"], record.segments[-1].system
        shortcut = "none" if record.net == "plain" else str(model["shortcut"])
        return cls(
            net=record.net,
            depth=record.depth,
            shortcut=shortcut,
            zero_padding=str(model["zero_padding"]) if shortcut == "A" else None,
            classes=record.data.classes,
            seed=record.seed,
            iterations=record.iteration,
            test_error=record.test_error,
            commit=f"{system.commit}-dirty" if system.modified else system.commit,
            pixel_mean=None if mean is None else base64.b64encode(mean.astype("<f4").tobytes()).decode(),
        )

    @property
    def mean(self) -> NDArray[np.float32] | None:
        """The mean training image, float32 (32, 32, 3) in 0..255."""
        if self.pixel_mean is None:
            return None
        return np.frombuffer(base64.b64decode(self.pixel_mean), "<f4").reshape(32, 32, 3).astype(np.float32)
