"""What measurements leave: a net's layers counted, its speed, what its trained weights do, and sweeps."""

from __future__ import annotations

import statistics
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from resnet.results.base import (
    Amount,
    Count,
    DataRecord,
    Error,
    Flag,
    Identity,
    Number,
    Positive,
    Quantity,
    Record,
    Seconds,
    Seed,
    Status,
    System,
)


class Layer(Record):
    """One row of the layer table."""

    name: str
    """The module's path, such as `layer1.0.conv1`."""
    kind: str
    """`conv`, `bn`, `shortcut`, `avgpool` or `fc`."""
    kernel: str
    """Such as `3x3`; empty if there is none."""
    stride: Positive | None
    output: tuple[Positive, ...]
    """Channels, height and width; features after pooling."""
    parameters: Count
    multiply_adds: Count


class DescriptionRecord(Record):
    """`runs/describe/<name>.json`: a net counted layer by layer, without running an image set."""

    kind: Literal["description"] = "description"
    name: str
    net: str
    depth: Positive
    shortcut: str
    zero_padding: Literal["both", "end"] | None = None
    """Of option A; None for other nets, and in earlier files, whose nets had `both`."""
    classes: Positive
    layers: Annotated[tuple[Layer, ...], Field(min_length=1)]

    @property
    def parameters(self) -> int:
        return sum(layer.parameters for layer in self.layers)

    @property
    def multiply_adds(self) -> int:
        """Of the convolutions and the fully connected layer, for one image."""
        return sum(layer.multiply_adds for layer in self.layers)


Repeats = Annotated[tuple[Seconds, ...], Field(min_length=1)]
"""Seconds per step, one figure a repeat."""
Rates = Annotated[tuple[Quantity, ...], Field(min_length=1)]
"""Something a second, one figure a repeat."""


class Timing(Record):
    """Repeated timings of one kind of step."""

    batch_size: Positive
    steps: Positive
    """Steps timed together in a repeat."""
    step_seconds: Repeats
    peak_memory_bytes: Count
    """On a GPU: most memory that the framework had. On a CPU: the process's peak resident size."""

    @property
    def median_seconds(self) -> float:
        return statistics.median(self.step_seconds)

    @property
    def images_per_second(self) -> float:
        """From the median repeat."""
        return self.batch_size / self.median_seconds

    @property
    def images_per_second_std(self) -> float:
        """Standard deviation over the repeats (0 for one)."""
        rates = [self.batch_size / seconds for seconds in self.step_seconds]
        return statistics.stdev(rates) if len(rates) > 1 else 0.0


class ThroughputRecord(Record):
    """`runs/throughput/<name>.json`, of a GPU in a folder of its own: speed and memory of a net on this machine."""

    kind: Literal["throughput"] = "throughput"
    name: str
    net: str
    depth: Positive
    parameters: Positive
    multiply_adds: Positive
    precision: str
    training: Timing
    """Augmentation, forward pass, backward pass and update."""
    inference: Timing
    """Forward pass in evaluation mode."""
    settings: dict[str, Any]
    """The effective `model`, `train` and `throughput` sections of the parameters."""
    system: System
    version: Positive = 1
    """`VERSION` of `measuring/throughput.py`."""


Passes = Literal["inference", "forward", "forward+backward"]
"""`resnet/measuring/block_latency.py` says what each is."""


class LatencyRow(Record):
    """Latency of a part of a net or of a whole net."""

    net: str
    """`resnet` or `plain`; `both` for the stem and the head, which they share."""
    part: str
    """`stem`, `stage1-identity`, `stage2-down`, ..., `head`, or `net`."""
    depth: Positive | None
    """Of a whole net."""
    passes: Passes
    batch_size: Positive
    precision: str
    mode: str
    """`eager`, `compiled` (torch.compile) or `graphed` (a CUDA graph)."""
    parameters: Count
    multiply_adds: Count
    """Of one image's forward pass."""
    steps: Positive
    """Steps timed together in a round."""
    seconds: Repeats
    """Per step, one figure a round; on a GPU by its own clock (CUDA events)."""
    backward_seconds: tuple[float, ...] | None = None
    """Of `forward+backward`: what it took longer than `forward` in the same round; None if not timed in turn."""

    @property
    def median_seconds(self) -> float:
        return statistics.median(self.seconds)


class LatencyRecord(Record):
    """`runs/latency/<device>.json`: latency by block."""

    kind: Literal["latency"] = "latency"
    shortcut: str
    rows: tuple[LatencyRow, ...]
    system: System
    settings: dict[str, Any] | None = None
    """The effective `latency` and `model` sections of the parameters; None of benchmarks and of earlier files."""
    version: Positive = 1
    """`VERSION` of `measuring/block_latency.py`."""


class UsualLoopRecord(Record):
    """`runs/usual-loop/<device>-<name>.json`: training speed and that of the usual PyTorch loop, measured in turn."""

    kind: Literal["usual loop"] = "usual loop"
    net: str
    depth: Positive
    batch_size: Positive
    steps: Positive
    """Steps of each loop in a round."""
    usual_precision: str
    precision: str
    usual_images_per_second: Rates
    """One figure a round."""
    images_per_second: Rates
    system: System

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if len(self.images_per_second) != len(self.usual_images_per_second):
            raise ValueError("rounds in which one loop alone was timed")
        return self

    @property
    def ratios(self) -> list[float]:
        """Ours over the usual, within each round."""
        pairs = zip(self.images_per_second, self.usual_images_per_second, strict=True)
        return [ours / usual for ours, usual in pairs]


class ForecastRow(Record):
    """The time that one net of the plan will take."""

    name: str
    seeds_left: Count
    step_seconds: Amount
    """Seconds per training iteration of one seed: measured, or scaled by multiply-adds from one that was."""
    measured: Flag
    hours: Amount
    """Of all seeds left, without the iterations that their checkpoints hold."""


class ForecastRecord(Record):
    """`runs/forecast/forecast.json`: a forecast of the whole plan on this machine, made before it starts."""

    kind: Literal["forecast"] = "forecast"
    rows: tuple[ForecastRow, ...]
    limit_hours: Amount
    system: System

    @property
    def hours(self) -> float:
        return sum(row.hours for row in self.rows)


class EvaluationRecord(Record):
    """What `resnet evaluate` prints."""

    kind: Literal["evaluation", "published"] = "evaluation"
    net: str
    depth: Positive
    shortcut: str
    weights: str
    data: str
    """The data's name; `official` says whether it is CIFAR-10 itself."""
    official: bool
    data_fingerprint: str
    """Of the test set."""
    images: Positive
    wrong: Count
    test_error: Error
    """In %, single view."""
    test_loss: Number
    normalisation: str = ""
    """How the images were prepared."""

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.test_error != 100 * self.wrong / self.images:
            raise ValueError(f"{self.wrong} of {self.images} images are not {self.test_error} %")
        return self


class PublishedResponses(Record):
    """Figure 7 of others' weights."""

    images: int
    """Training images that were shown, the first in canonical order."""
    layers: tuple[str, ...]
    """Paths of the batch norms, such as `layer1.0.bn1`."""
    std: tuple[Number, ...]
    """Of each layer, in the order in which they run."""


class PublishedRecord(EvaluationRecord):
    """Others' weights evaluated here."""

    kind: Literal["evaluation", "published"] = "published"
    name: str
    source: str
    parameters: Positive
    weights_sha256: str
    """Of the file (hex)."""
    normalisation: str
    """How the images were prepared."""
    trained: str = ""
    """On what and how long, as their authors say; empty if they do not."""
    responses: PublishedResponses | None = None
    """How strongly their layers respond; None in earlier files."""


class PublishedRecords(Record):
    """`runs/published.json`: the parameters' `evaluate.published`, in their order; it may hold none."""

    evaluations: tuple[PublishedRecord, ...]
    system: System | None
    """What evaluated them; None without any."""


class SeedResponses(Record):
    """Figure 7 of one training run."""

    seed: Seed
    weights_sha256: str
    """Of the file of weights (hex)."""
    std: tuple[Number, ...]
    """Of each layer, in the order in which they run."""
    system: System | None = None
    """What measured it, if an earlier measurement did; None: what the record names."""


class ResponsesRecord(Record):
    """`runs/responses/<name>.json`: how strongly each 3x3 layer of the trained nets responds (Figure 7).

    A layer's response is its output after batch norm and before ReLU and addition; its standard
    deviation is over all images, channels and positions, in evaluation mode, of images that are not
    augmented.
    """

    kind: Literal["responses"] = "responses"
    name: str
    net: str
    depth: Positive
    data: DataRecord
    images: Positive
    """Training images that were shown, the first in canonical order."""
    layers: tuple[str, ...]
    """Paths of the batch norms, such as `layer1.0.bn1`."""
    seeds: tuple[SeedResponses, ...]
    settings: dict[str, Any]
    """The effective `model` section of the parameters."""
    system: System
    version: Positive = 1
    """`VERSION` of `measuring/responses.py`."""

    @property
    def measured(self) -> dict[str, Any]:
        """What two records must have in common for their seeds to be in one table."""
        return self.model_dump(exclude={"seeds", "layers", "system"})

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if any(len(seed.std) != len(self.layers) for seed in self.seeds):
            raise ValueError("a seed without a figure for each layer")
        return self


class SweepValues(Record):
    """What a sweep looks for, as keys of the parameters' `train` section."""

    learning_rate: Quantity
    weight_decay: Amount
    warmup: Flag
    milestones: tuple[Annotated[float, Field(strict=True, gt=0, lt=1)], ...]


SweepState = Literal["complete", "pruned", "diverged", "unfinished"]


class SweepTrial(Record):
    """One trial: a training run of a sweep's iterations with the values that it was given."""

    number: Count
    """Its place in the budget, from 0; trial 0 has the parameters' own values."""
    state: SweepState
    values: SweepValues | None = None
    """None before a worker has taken it up."""
    validation_errors: tuple[tuple[Count, Error], ...] = ()
    """Iterations done and the validation error then, in %; a complete trial's last is its last iterate's, in fp32."""
    attempts: Count = 0
    """How often it was begun: more than once if a worker was killed."""
    seconds: Seconds | None = None
    """Wall-clock time of the attempt that ended it."""
    system: System | None = None

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.state == "complete" and not (self.validation_errors and self.values):
            raise ValueError("complete, without its values or its validation error")
        return self

    @property
    def validation_error(self) -> float | None:
        """In %, of the last iterate; None unless complete."""
        return self.validation_errors[-1][1] if self.state == "complete" else None


class SweepRecord(Record):
    """`runs/sweep/<name>.json`: every trial of one net's sweep. No test error is in it: none was measured."""

    kind: Literal["sweep"] = "sweep"
    status: Status
    name: str
    net: str
    depth: Positive
    iterations: Positive
    """Of a trial."""
    precision: str
    data: DataRecord
    identity: Identity
    settings: dict[str, Any]
    """The effective `model` and `train` sections of the parameters, and `sweep` but for where it is stored."""
    trials: Annotated[tuple[SweepTrial, ...], Field(min_length=1)]

    @property
    def default(self) -> SweepTrial:
        """The trial of the parameters' own values."""
        return self.trials[0]

    @property
    def best(self) -> SweepTrial | None:
        """The complete trial of the lowest validation error, the earlier of equals."""
        complete = [trial for trial in self.trials if trial.state == "complete"]
        return min(complete, key=lambda trial: trial.validation_errors[-1][1], default=None)
