"""What a net costs: its layers counted, its speed beside what the machine reaches, and how long a plan will take."""

from __future__ import annotations

import statistics
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from resnet.results.base import Amount, Count, Flag, Positive, Quantity, Record, Seconds
from resnet.results.provenance import System


class Layer(Record):
    """One row of the layer table."""

    name: str
    """The module's path, such as `layer1.0.conv1`."""
    kind: str
    """`conv`, `bn`, `shortcut`, `avgpool` or `fc`."""
    kernel: str
    """Such as `3x3`; empty where there is none."""
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
    """Of option A; None for other nets, and in files from before it was said, whose nets had `both`."""
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
    """On a GPU: most memory the framework held. On a CPU: the process's peak resident size."""

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


class Peaks(Record):
    """What the machine reached in the same run, one figure a repeat."""

    precision: str
    matrix_size: Positive
    """Rows and columns of the square matrices whose product was timed."""
    matmul_flops_per_second: Rates
    """Two floating-point operations a multiply-add."""
    copied_bytes: Positive
    copy_bytes_per_second: Rates
    """Bytes read and bytes written, together."""

    @property
    def flops_per_second(self) -> float:
        """The best repeat: what the machine reaches if nothing disturbs it."""
        return max(self.matmul_flops_per_second)

    @property
    def bytes_per_second(self) -> float:
        """The best repeat."""
        return max(self.copy_bytes_per_second)

    def roof(self, intensity: float) -> float:
        """FLOP/s that a step of `intensity` FLOP a byte can reach at most (the roofline model)."""
        return min(self.flops_per_second, intensity * self.bytes_per_second)


class StepWork(Record):
    """What one step has to compute and to move, counted from the layers' volumes (`resnet/nets/layers.py`)."""

    flops: Positive
    """Two a multiply-add of the convolutions and the fully connected layer, over the whole batch."""
    bytes: Positive
    """Read and written at the least, if no layer's output stays in a cache."""

    @property
    def intensity(self) -> float:
        """FLOP a byte."""
        return self.flops / self.bytes


class ThroughputRecord(Record):
    """`runs/throughput/<name>.json`: speed and memory of a net on this machine."""

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
    training_work: StepWork | None = None
    """Of a training step: forward pass, backward pass and update."""
    inference_work: StepWork | None = None
    peaks: Peaks | None = None
    settings: dict[str, Any]
    """The effective `model`, `train` and `throughput` sections of the parameters."""
    system: System
    version: Positive = 1
    """`VERSION` of `measuring/throughput.py`."""


Passes = Literal["inference", "forward", "forward+backward"]
"""`inference`: evaluation mode, nothing kept. `forward`: training mode, keeping what a backward pass needs.
`forward+backward`: that and the gradients, without an update."""


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
    work: StepWork
    steps: Positive
    """Steps timed together in a round."""
    seconds: Repeats
    """Per step, one figure a round; on a GPU by its own clock (CUDA events)."""
    backward_seconds: tuple[float, ...] | None = None
    """Of `forward+backward`: what it took longer than `forward` in the same round; None if not timed in turn."""
    launch_seconds: Seconds | None = None
    """On a GPU: what the host takes to hand over one step."""
    kernel_seconds: Seconds | None = None
    """On a GPU: one step without its launches, which were all waiting when it began; None if they were too many."""

    @property
    def median_seconds(self) -> float:
        return statistics.median(self.seconds)


class LatencyRecord(Record):
    """`runs/latency/<device>.json`: latency by block."""

    kind: Literal["latency"] = "latency"
    shortcut: str
    rows: tuple[LatencyRow, ...]
    peaks: tuple[Peaks, ...]
    """One for each precision of the rows."""
    system: System
    settings: dict[str, Any] | None = None
    """The effective `latency` and `model` sections of the parameters; None of benchmarks and of earlier files."""
    version: Positive = 1
    """`VERSION` of `measuring/block_latency.py`."""


class UsualLoopRecord(Record):
    """`runs/usual-loop/<device>-<name>.json`: training speed beside the usual PyTorch loop, measured in turn."""

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
    """Seconds per training iteration of one seed: measured, side by side with others where they train so, or
    scaled by multiply-adds from one that was."""
    measured: Flag
    hours: Amount
    """Of all seeds left, without the iterations that their checkpoints hold."""


class ForecastRecord(Record):
    """`runs/forecast.json`: a forecast of the whole plan on this machine, made before it starts."""

    kind: Literal["forecast"] = "forecast"
    rows: tuple[ForecastRow, ...]
    limit_hours: Amount
    system: System

    @property
    def hours(self) -> float:
        return sum(row.hours for row in self.rows)
