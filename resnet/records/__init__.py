"""The result files: every field with its unit. They are written and read only here.

Each stage leaves small JSON files (and one CSV per training run) that name what made them. The
report is a function of these files alone. A file is complete or absent; what could be derived
from a field is a property and is not stored.
"""

from __future__ import annotations

import csv
import io
import json
import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, ValidationError, model_validator

from resnet.errors import UserError
from resnet.files import write_text

Status = Literal["done", "interrupted", "diverged", "not run"]


def _from_json_number(value: Any) -> Any:
    return float(value) if isinstance(value, str) else value


def _to_json_number(value: float) -> float | str:
    # JSON has no NaN or infinity: a diverged run's loss is stored as the string "nan" or "inf".
    return value if value - value == 0 else str(value)


Number = Annotated[float, BeforeValidator(_from_json_number), PlainSerializer(_to_json_number)]


class Record(BaseModel):
    """A result file or a part of one. Unknown fields are refused: a record means what it says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def write(self, path: Path) -> None:
        """Write as indented JSON, complete or absent."""
        write_text(path, json.dumps(self.model_dump(mode="json"), indent=2, allow_nan=False) + "\n")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file that `write` wrote.

        Raises:
            UserError: the file is absent, is not JSON, or its fields are not this record's.
        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except OSError as error:
            raise UserError(f"{path}: cannot be read ({error.strerror})") from error
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the file"
            raise UserError(f"{path}: not a {cls.__name__}: {where}: {first['msg']}") from error


class System(Record):
    """The machine and the software that made a result."""

    device: str
    """`cpu` or `cuda`."""
    device_name: str
    """The processor's or the GPU's name as its driver gives it."""
    processor: str
    cores: int
    """Processor cores this process may use."""
    threads: int
    """Threads that PyTorch uses within an operation."""
    memory_bytes: int
    """Main memory of the machine."""
    device_memory_bytes: int | None = None
    """Memory of the GPU."""
    platform: str
    python: str
    versions: dict[str, str]
    """Package name to version: torch, torchvision, numpy, ..., cuda and cudnn where there are."""
    fused: bool | None = None
    """On a CPU: whether the compiled operations of `resnet/nets/fused.py` ran."""
    commit: str | None
    """Git commit of the working tree; None outside a checkout."""
    modified: bool | None
    """Whether tracked files differed from that commit."""


class Identity(Record):
    """What a run's numbers depend on; a checkpoint continues only under the same three."""

    configuration: str
    """SHA-256 (hex) of the settings that bear on the result."""
    data: str
    """SHA-256 (hex) of the training, validation and test sets."""
    version: int
    """Of what an iteration computes (`resnet/training/recipe.py`)."""

    def differences(self, other: Identity) -> list[str]:
        """Name the parts in which another identity is another."""
        return [part for part in Identity.model_fields if getattr(self, part) != getattr(other, part)]


FIRST_SOURCE = "34bd687c42ecbd25e5b9d7b42d0d7c7ad1bf34d1c18df1a479f42d9f007dbbb9"
"""The code whose results are version 1: results from before versions carry its sum in their identity's place."""


def with_identity(tree: Any) -> Any:
    """Give what was read of a result, or of a checkpoint's header, from before versions an identity of version 1.

    Raises:
        ValueError: other code than that of version 1 has made it.
    """
    if not (isinstance(tree, dict) and isinstance(tree.get("fingerprint"), dict)):
        return tree
    earlier = dict(tree["fingerprint"])
    source = earlier.pop("code", None)
    if source != FIRST_SOURCE:
        raise ValueError("made by code from before version 1")
    taken_over = {key: value for key, value in tree.items() if key != "fingerprint"}
    taken_over["identity"] = earlier | {"version": 1}
    if "segments" in tree:
        taken_over["segments"] = [{"source": source, **segment} for segment in tree["segments"]]
    return taken_over


class DataRecord(Record):
    """`data.json`: what the prepared arrays hold. Nothing here depends on where they came from."""

    name: str
    official: bool
    """Whether both fingerprints are those of the official CIFAR-10."""
    classes: tuple[str, ...]
    fingerprint: dict[Literal["train", "test"], str]
    """Order-independent SHA-256 (hex) over pixels and labels of the source's two sets."""
    train_images: int
    """Images left for training after the split."""
    validation_images: int
    test_images: int
    split_seed: int
    split_fingerprint: str
    """SHA-256 (hex) of the sorted digests of the validation images."""


class Segment(Record):
    """One uninterrupted stretch of a training run: a resumed run has several."""

    first_iteration: int
    last_iteration: int
    seconds: float
    """Wall-clock time of the stretch, evaluations included."""
    training_seconds: float
    """The part of it that was spent in training iterations."""
    side_by_side: int = 1
    """Runs that shared the device for that time, this one included."""
    energy_joules: float | None = None
    """Energy of the whole GPU over the stretch, whatever shared it; None where it is not measured."""
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
    depth: int
    seed: int
    iteration: int
    """Iterations done."""
    iterations: int
    """Iterations planned."""
    parameters: int
    multiply_adds: int
    """Of the convolutions and the fully connected layer, for one image."""
    precision: str
    """Arithmetic of the training iterations: `fp32`, `tf32` or `bf16`. Final errors are measured in fp32."""
    test_error: Number | None
    """In %, of the last iterate, single view."""
    test_loss: Number | None
    validation_error: Number | None
    """In %; None without a validation set."""
    training_error: Number | None
    """In %, of the augmented mini-batches of the last epoch as they were trained on (Figure 6)."""
    training_loss: Number | None
    warmup_iterations: int | None
    """Iterations at the warm-up's learning rate; None without a warm-up or while it lasts."""
    peak_memory_bytes: int | None
    """On a GPU: most memory the framework held. On a CPU: the process's peak resident size."""
    recomputed: bool = False
    """Whether activations were computed again in the backward pass instead of kept."""
    data: DataRecord
    identity: Identity
    settings: dict[str, Any]
    """The effective `model` and `train` sections of the parameters."""
    segments: tuple[Segment, ...]

    _from_before_versions = model_validator(mode="before")(with_identity)

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


class HistoryRow(NamedTuple):
    """One row of `history.csv`. Errors are in %; a cell is empty where nothing was measured."""

    iteration: int
    epoch: float
    """Passes over the training set."""
    learning_rate: float
    """Of the iteration just done."""
    training_loss: float
    """Mean over the iterations since the row before."""
    training_error: float
    """Likewise, of the augmented mini-batches."""
    validation_error: float | None
    test_error: float | None


def write_history(path: Path, rows: Iterable[HistoryRow]) -> None:
    """Write the learning curve as CSV, complete or absent."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HistoryRow._fields)
    writer.writerows(["" if cell is None else repr(cell) for cell in row] for row in rows)
    write_text(path, text.getvalue())


def read_history(path: Path) -> list[HistoryRow]:
    """Read the learning curve that `write_history` wrote.

    Raises:
        UserError: the file is absent or its columns or cells are not a history's.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.reader(file)
            if tuple(next(reader, ())) != HistoryRow._fields:
                raise UserError(f"{path}: the columns are not {', '.join(HistoryRow._fields)}")
            return [
                HistoryRow(
                    int(cells[0]),
                    *(float(cell) for cell in cells[1:5]),
                    *(float(cell) if cell else None for cell in cells[5:7]),
                )
                for cells in reader
            ]
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, TypeError) as error:
        raise UserError(f"{path}: not a learning curve: {error}") from error


def read_predictions(path: Path) -> NDArray[np.uint8] | None:
    """Read `test_predictions.npy`: uint8 (N, 2), the true and the predicted class of every test image.

    The images are in canonical order, so that runs are paired without the data. None if the file's
    array is of another shape or type, as earlier versions wrote it.

    Raises:
        UserError: the file is absent or not an array.
    """
    try:
        held = np.load(path, allow_pickle=False)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (ValueError, EOFError) as error:
        raise UserError(f"{path}: not an array of predictions: {error}") from error
    return held if held.dtype == np.uint8 and held.ndim == 2 and held.shape[1] == 2 and len(held) else None


class Layer(Record):
    """One row of the layer table."""

    name: str
    """The module's path, such as `layer1.0.conv1`."""
    kind: str
    """`conv`, `bn`, `shortcut`, `avgpool` or `fc`."""
    kernel: str
    """Such as `3x3`; empty where there is none."""
    stride: int | None
    output: tuple[int, ...]
    """Channels, height and width; features after pooling."""
    parameters: int
    multiply_adds: int


class DescriptionRecord(Record):
    """`runs/describe/<name>.json`: a net counted layer by layer, without running an image set."""

    kind: Literal["description"] = "description"
    name: str
    net: str
    depth: int
    shortcut: str
    classes: int
    layers: tuple[Layer, ...]

    @property
    def parameters(self) -> int:
        return sum(layer.parameters for layer in self.layers)

    @property
    def multiply_adds(self) -> int:
        """Of the convolutions and the fully connected layer, for one image."""
        return sum(layer.multiply_adds for layer in self.layers)


class Timing(Record):
    """Repeated timings of one kind of step."""

    batch_size: int
    steps: int
    """Steps timed together in a repeat."""
    step_seconds: tuple[float, ...]
    """Seconds per step, one figure a repeat."""
    peak_memory_bytes: int
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


class Limits(Record):
    """What the machine reached in the same run, one figure a repeat."""

    precision: str
    matrix_size: int
    """Rows and columns of the square matrices whose product was timed."""
    matmul_flops_per_second: tuple[float, ...]
    """Two floating-point operations a multiply-add."""
    copied_bytes: int
    copy_bytes_per_second: tuple[float, ...]
    """Bytes read and bytes written, together."""

    @property
    def flops_per_second(self) -> float:
        return statistics.median(self.matmul_flops_per_second)

    @property
    def bytes_per_second(self) -> float:
        return statistics.median(self.copy_bytes_per_second)

    def roof(self, intensity: float) -> float:
        """FLOP/s that a step of `intensity` FLOP a byte can reach at most (the roofline model)."""
        return min(self.flops_per_second, intensity * self.bytes_per_second)


class StepWork(Record):
    """What one step has to compute and to move, counted from the layers' volumes (`resnet/nets/traffic.py`)."""

    flops: int
    """Two a multiply-add of the convolutions and the fully connected layer, over the whole batch."""
    bytes: int
    """Read and written at the least, where no layer's output stays in a cache."""

    @property
    def intensity(self) -> float:
        """FLOP a byte."""
        return self.flops / self.bytes


class Energy(Record):
    """Energy of the GPU's whole board by NVML over stretches of steps, one figure a repeat."""

    images: tuple[int, ...]
    joules: tuple[float, ...]
    seconds: tuple[float, ...]

    @property
    def joules_per_image(self) -> list[float]:
        return [joules / images for joules, images in zip(self.joules, self.images, strict=True)]

    @property
    def watts(self) -> list[float]:
        """Mean power of each stretch."""
        return [joules / seconds for joules, seconds in zip(self.joules, self.seconds, strict=True)]


class ThroughputRecord(Record):
    """`runs/throughput/<name>.json`: speed and memory of a net on this machine.

    What was added later is None in older files.
    """

    kind: Literal["throughput"] = "throughput"
    name: str
    net: str
    depth: int
    parameters: int
    multiply_adds: int
    precision: str
    training: Timing
    """Augmentation, forward pass, backward pass and update."""
    inference: Timing
    """Forward pass in evaluation mode."""
    training_work: StepWork | None = None
    """Of a training step: forward pass, backward pass and update."""
    inference_work: StepWork | None = None
    training_energy: Energy | None = None
    """None where NVML has no counter, as on a CPU."""
    inference_energy: Energy | None = None
    limits: Limits | None = None
    settings: dict[str, Any]
    """The effective `model`, `train` and `throughput` sections of the parameters."""
    system: System


Passes = Literal["inference", "forward", "forward+backward"]
"""`inference`: evaluation mode, nothing kept. `forward`: training mode, keeping what a backward pass needs.
`forward+backward`: that and the gradients, without an update."""


class LatencyRow(Record):
    """Latency of a part of a net or of a whole net."""

    net: str
    """`resnet` or `plain`; `both` for the stem and the head, which they share."""
    part: str
    """`stem`, `stage1-identity`, `stage2-down`, ..., `head`, or `net`."""
    depth: int | None
    """Of a whole net."""
    passes: Passes
    batch_size: int
    precision: str
    mode: str
    """`eager`, `compiled` (torch.compile) or `graphed` (a CUDA graph)."""
    parameters: int
    multiply_adds: int
    """Of one image's forward pass."""
    work: StepWork
    steps: int
    """Steps timed together in a round."""
    seconds: tuple[float, ...]
    """Per step, one figure a round; on a GPU by its own clock (CUDA events)."""
    backward_seconds: tuple[float, ...] | None = None
    """Of `forward+backward`: what it took longer than `forward` in the same round, where the two were timed in turn."""
    launch_seconds: float | None = None
    """On a GPU: what the host takes to hand over one step."""
    kernel_seconds: float | None = None
    """On a GPU: one step whose launches were all waiting when it began, so that no launch is in it; None
    where they were too many to wait."""

    @property
    def median_seconds(self) -> float:
        return statistics.median(self.seconds)


class LatencyRecord(Record):
    """`runs/latency/<device>.json`: latency by block."""

    kind: Literal["latency"] = "latency"
    shortcut: str
    rows: tuple[LatencyRow, ...]
    limits: tuple[Limits, ...]
    """One for each precision of the rows."""
    system: System


class UsualLoopRecord(Record):
    """`runs/usual-loop/<device>-<name>.json`: training speed beside the usual PyTorch loop, measured in turn."""

    kind: Literal["usual loop"] = "usual loop"
    net: str
    depth: int
    batch_size: int
    steps: int
    """Steps of each loop in a round."""
    usual_precision: str
    precision: str
    usual_images_per_second: tuple[float, ...]
    """One figure a round."""
    images_per_second: tuple[float, ...]
    system: System

    @property
    def ratios(self) -> list[float]:
        """Ours over the usual, within each round."""
        pairs = zip(self.images_per_second, self.usual_images_per_second, strict=True)
        return [ours / usual for ours, usual in pairs]


class EvaluationRecord(Record):
    """What `resnet evaluate` prints."""

    kind: Literal["evaluation"] = "evaluation"
    net: str
    depth: int
    shortcut: str
    weights: str
    data: str
    """The data's name; `official` says whether it is CIFAR-10 itself."""
    official: bool
    data_fingerprint: str
    """Of the test set."""
    images: int
    wrong: int
    test_error: float
    """In %, single view."""
    test_loss: Number


class PublishedRecord(EvaluationRecord):
    """Others' weights evaluated here."""

    kind: Literal["published"] = "published"  # type: ignore[assignment]
    name: str
    source: str
    parameters: int
    weights_sha256: str
    """Of the file (hex)."""
    normalisation: str
    """How the images were prepared."""


class PublishedRecords(Record):
    """`runs/published.json`: the parameters' `evaluate.published`, in their order; it may hold none."""

    evaluations: tuple[PublishedRecord, ...]
    system: System | None
    """What evaluated them; None without any."""


class SeedResponses(Record):
    """Figure 7 of one training run."""

    seed: int
    weights_sha256: str
    """Of the file of weights (hex)."""
    std: tuple[Number, ...]
    """Of each layer, in the order in which they run."""


class ResponsesRecord(Record):
    """`runs/responses/<name>.json`: how strongly each 3x3 layer of the trained nets responds (Figure 7).

    A layer's response is its output after batch norm and before ReLU and addition; its standard
    deviation is over all images, channels and positions, in evaluation mode, of images that are not
    augmented. Pre-activation blocks have batch norm before the convolution: theirs are its inputs.
    """

    kind: Literal["responses"] = "responses"
    name: str
    net: str
    depth: int
    data: DataRecord
    images: int
    """Training images that were shown, the first in canonical order."""
    layers: tuple[str, ...]
    """Paths of the batch norms, such as `layer1.0.bn1`."""
    seeds: tuple[SeedResponses, ...]
    settings: dict[str, Any]
    """The effective `model` section of the parameters."""
    system: System


class ForecastRow(Record):
    """The time that one net of the plan will take."""

    name: str
    seeds_left: int
    step_seconds: float
    """Seconds per training iteration of one seed: measured, side by side with others where they train so, or
    scaled by multiply-adds from one that was."""
    measured: bool
    hours: float
    """Of all seeds left, without the iterations that their checkpoints hold."""


class ForecastRecord(Record):
    """`runs/forecast.json`: a forecast of the whole plan on this machine, made before it starts."""

    kind: Literal["forecast"] = "forecast"
    rows: tuple[ForecastRow, ...]
    limit_hours: float
    system: System

    @property
    def hours(self) -> float:
        return sum(row.hours for row in self.rows)


class SweepValues(Record):
    """What a sweep looks for, as keys of the parameters' `train` section."""

    learning_rate: float
    weight_decay: float
    warmup: bool
    milestones: tuple[float, ...]


SweepState = Literal["complete", "pruned", "diverged", "unfinished"]


class SweepTrial(Record):
    """One trial: a training run of a sweep's iterations with the values that it was given."""

    number: int
    """Its place in the budget, from 0; trial 0 has the parameters' own values."""
    state: SweepState
    values: SweepValues | None = None
    """None before a worker has taken it up."""
    validation_errors: tuple[tuple[int, Number], ...] = ()
    """Iterations done and the validation error then, in %; a complete trial's last is its last iterate's, in fp32."""
    attempts: int = 0
    """How often it was begun: more than once where a worker was killed."""
    seconds: float | None = None
    """Wall-clock time of the attempt that ended it."""
    system: System | None = None

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
    depth: int
    iterations: int
    """Of a trial."""
    precision: str
    data: DataRecord
    identity: Identity
    settings: dict[str, Any]
    """The effective `model` and `train` sections of the parameters, and `sweep` but for where it is stored."""
    trials: tuple[SweepTrial, ...]

    _from_before_versions = model_validator(mode="before")(with_identity)

    @property
    def default(self) -> SweepTrial:
        """The trial of the parameters' own values."""
        return self.trials[0]

    @property
    def best(self) -> SweepTrial | None:
        """The complete trial of the lowest validation error, the earlier of equals."""
        complete = [trial for trial in self.trials if trial.state == "complete"]
        return min(complete, key=lambda trial: trial.validation_errors[-1][1], default=None)
