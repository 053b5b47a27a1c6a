"""What training leaves: the record of a run, which names its other files by their digests."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any, Literal, Self

from pydantic import Field, SerializationInfo, SerializerFunctionWrapHandler, model_serializer, model_validator

from resnet.files import sha256_of
from resnet.results.base import Amount, Count, Error, Flag, Number, Positive, Record, Seconds, Status
from resnet.results.provenance import DataRecord, Identity, Seed, System
from resnet.results.stored import HISTORY, PREDICTIONS, WEIGHTS, StoredFile, StoredName


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
    processes: Positive = 1
    """Processes that trained the net together, each on a device of its own."""
    energy_joules: Amount | None = None
    """This run's part of what the GPU's board took, idle power included: the board's divided equally among the runs
    side by side, for as long as each of them ran. None where it is not measured.
    """
    finished: str
    """When it ended, UTC, ISO 8601."""
    source: str
    """SHA-256 (hex) of the code that trained it: where it comes from, not what it is worth."""
    system: System

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.training_seconds > self.seconds:
            raise ValueError(f"{self.training_seconds} s of training in {self.seconds} s")
        return self


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

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        for section in ("model", "train"):
            if not isinstance(self.settings.get(section), dict):
                raise ValueError(f"its settings have no section {section}")
        batch_size = self.settings["train"].get("batch_size")
        if type(batch_size) is not int or not 1 <= batch_size < 2**53:
            raise ValueError(f"a batch size of {batch_size!r}")
        if self.settings["train"].get("iterations") != self.iterations:
            raise ValueError(f"planned for {self.iterations} iterations, and its settings say otherwise")
        if self.identity.data != self.data.digest:
            raise ValueError("its data are not those of its identity")
        self._agrees_about_its_end()
        bounds = [(segment.first_iteration, segment.last_iteration) for segment in self.segments]
        gaps = any(last != first for (_, last), (first, _) in pairwise(bounds))
        if gaps or any(first > last for first, last in bounds):
            raise ValueError(f"its segments are {bounds[:5]}")
        if (bounds[0][0], bounds[-1][1]) != (0, self.iteration) if bounds else self.iteration:
            raise ValueError(f"its segments are {bounds[:5]}, after {self.iteration} iterations")
        if self.warmup_iterations is not None and self.warmup_iterations > self.iteration:
            raise ValueError(f"a warm-up of {self.warmup_iterations} iterations, after {self.iteration}")
        return self

    def _agrees_about_its_end(self) -> None:
        ended, done = f"{self.status} at iteration {self.iteration} of {self.iterations}", self.status == "done"
        if self.iteration > self.iterations or self.status == "not run" or (done and self.iteration < self.iterations):
            raise ValueError(ended)
        if (self.test_error is None) == done:
            raise ValueError(f"{ended}, its test error is {self.test_error}")
        if (self.validation_error is not None) != (done and self.data.validation_images > 0):
            raise ValueError(f"{ended}, its validation error is {self.validation_error}")
        training_error = 0.0 if self.training_error is None and not done else self.training_error
        if self.iteration and (training_error is None or not 0 <= training_error <= 100):
            raise ValueError(f"{ended}, its training error is {training_error}")
        if done and not math.isfinite(self.training_loss or 0):
            raise ValueError(f"{ended}, its training loss is {self.training_loss}")
        expected = {WEIGHTS, HISTORY, *([PREDICTIONS] if done else [])} if self.files else set()
        if not expected - {WEIGHTS} <= self.files.keys() <= expected or (self.files and self.status == "interrupted"):
            raise ValueError(f"{ended}, with the digests of {', '.join(sorted(self.files)) or 'no file'}")

    @property
    def seconds(self) -> float:
        """Wall-clock time of the whole run, evaluations included."""
        return sum(segment.seconds for segment in self.segments)

    @property
    def energy_joules(self) -> float | None:
        """Of the whole run; None if any stretch of it was not measured."""
        energies = [segment.energy_joules for segment in self.segments]
        return sum(energy for energy in energies if energy) if energies and all(energies) else None

    @property
    def images_per_second(self) -> float | None:
        """Images trained on per second of training iterations, evaluations left out."""
        seconds = sum(segment.training_seconds for segment in self.segments)
        return self.iteration * int(self.settings["train"]["batch_size"]) / seconds if seconds else None
