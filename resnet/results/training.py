"""What training leaves: the record of a run, which names its other files by their digests."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, SerializationInfo, SerializerFunctionWrapHandler, model_serializer, model_validator

from resnet.files import sha256_of
from resnet.results.base import Count, Error, Flag, Number, Positive, Record, Seconds, Seed, Status
from resnet.results.provenance import DataRecord, Identity, System
from resnet.results.stored import StoredFile, StoredName


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

    While a run goes on the file says `interrupted`, at the iteration of its last checkpoint, so
    that a run killed at any moment is reported as what it is.
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
    """This run's part, equal among the runs side by side: on a GPU of the most memory that the framework held, on a
    CPU of the process's peak resident size.
    """
    recomputed: Flag = False
    """Whether activations were computed again in the backward pass instead of kept."""
    data: DataRecord
    identity: Identity
    settings: dict[str, Any]
    """The effective `model` and `train` sections of the parameters."""
    segments: tuple[Segment, ...]
    files: dict[StoredName, StoredFile] = Field({})
    """The other files of a run that has ended; empty while it goes on. Weights that nobody has measured have none."""

    @model_serializer(mode="wrap")
    def _with_digest(self, serialise: SerializerFunctionWrapHandler, info: SerializationInfo) -> dict[str, Any]:
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
