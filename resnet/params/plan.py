"""The plan: a type for every setting of `params.yaml`, and what holds for one net. Defaults are the paper's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from resnet.depth import blocks_per_stage
from resnet.errors import UserError, one_line
from resnet.params.problems import validated

Fraction = Annotated[float, Field(strict=True, gt=0, lt=1)]
Seed = Annotated[int, Field(strict=True, ge=0, lt=2**63)]
Count = Annotated[int, Field(strict=True, ge=1, le=10**9)]
Batch = Annotated[int, Field(strict=True, ge=1, le=2**20)]
Images = Annotated[int, Field(strict=True, ge=0, le=10**9)]
Positive = Annotated[float, Field(strict=True, gt=0, le=1e12, allow_inf_nan=False)]
Mean = Annotated[float, Field(strict=True, ge=0, le=1)]
Std = Annotated[float, Field(strict=True, ge=1e-3, le=1)]
Net = Literal["resnet", "plain"]

SEEDS = 1000
"""That a net may have at most."""


Depth = Annotated[int, Field(strict=True, le=20_000), AfterValidator(lambda depth: 6 * blocks_per_stage(depth) + 2)]
"""6n + 2: the paper's deepest net has 1,202 layers."""
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
NetName = Annotated[str, Field(pattern=NAME)]
"""Of a net of the plan: files and folders are called by it, so it can be no path."""
Line = Annotated[str, Field(pattern=r"^\P{C}*$", max_length=500)]
"""Text that pages show: of characters that can be printed."""
Device = Annotated[str, Field(pattern=r"^(auto|cpu|mps|cuda(:\d{1,4})?)$")]
"""`auto`: a GPU if there is one, else the CPU; `cuda:1`: the GPU of that number."""


def _ascend(milestones: list[float]) -> list[float]:
    if sorted(set(milestones)) != milestones:
        raise ValueError("must ascend")
    return milestones


Milestones = Annotated[list[Fraction], AfterValidator(_ascend)]
"""Fractions of the iterations."""
Range = Annotated[list[Positive], Field(min_length=2, max_length=2), AfterValidator(_ascend)]
"""The lowest and the highest value."""


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DataParams(Section):
    source: str = Field("official", min_length=1)
    """`official`, `digits`, or the path of an archive or a folder."""
    dir: Path = Path("data/cifar10")
    """Of the prepared arrays."""
    validation: Images = 5000
    """Taken out of the training set."""
    split_seed: Seed = 0


class ModelParams(Section):
    shortcut: Literal["A", "B", "C"] = "A"
    """Option of section 4.1: A zero-padded identity, B projection where the shape changes, C always."""
    zero_padding: Literal["both", "end"] = "both"
    """Option A: new channels half on each side of the old, or all after them."""
    width: Count = 1
    """Multiplies the paper's 16, 32 and 64 filters."""


class TrainParams(Section):
    seeds: int | list[int] = 5
    """How many (0, 1, ...) or which."""
    iterations: Count = 64_000
    batch_size: Batch = 128
    learning_rate: Positive = 0.1
    milestones: Milestones = [0.5, 0.75]
    """Fractions of `iterations` at which the learning rate is multiplied by `decay`."""
    decay: Positive = 0.1
    momentum: Annotated[float, Field(strict=True, ge=0, lt=1)] = 0.9
    weight_decay: Annotated[float, Field(strict=True, ge=0, le=1e9, allow_inf_nan=False)] = 1e-4
    decay_batch_norm: bool = True
    """Whether weight decay also acts on batch norm's scale and shift and on biases."""
    warmup: bool = False
    """Section 4.2, ResNet-110: start at `warmup_learning_rate` until the training error falls."""
    warmup_learning_rate: Positive = 0.01
    warmup_until_error: Annotated[float, Field(strict=True, gt=0, le=100)] = 80.0
    """In %, over the last `warmup_window` iterations."""
    warmup_window: Count = 100
    precision: Literal["auto", "fp32", "tf32", "bf16"] = "auto"
    compile: bool = False
    """Whether torch.compile makes the blocks' kernels: once for each shape, whatever the depth."""
    initialisation_seed: Seed | None = None
    """Draws the initial weights instead of the run's own seed, which then varies the data order alone."""
    order_seed: Seed | None = None
    """Draws the data order and the augmentation instead of the run's own seed."""
    batch_norm_images: Annotated[int, Field(strict=True, ge=2)] | None = None
    """Images that batch norm normalises together, as devices that share a mini-batch do; None: all of it."""
    device: Device = "auto"
    recompute: Literal["auto"] | bool = "auto"
    """Whether the backward pass computes activations again: the same bits, less memory. `auto`: if they do not fit."""
    seeds_at_once: Literal["auto"] | Count = "auto"
    """Seeds that train side by side. `auto`: on a GPU as many as fit its memory, eight at most; on a CPU one."""
    log_every: Count = 100
    """Iterations between rows of the learning curve."""
    evaluate_every: Count = 1000
    """Iterations between measurements of validation and test error for the curve."""
    checkpoint_every: Literal["auto"] | Count = "auto"
    """Iterations that a kill can cost. `auto`: 5,000 on a GPU, where they take a minute; 1,000 on a CPU."""

    @field_validator("seeds", mode="before")
    @classmethod
    def _seeds(cls, seeds: Any) -> Any:
        one = type(seeds) is int and 1 <= seeds <= SEEDS
        listed = isinstance(seeds, list) and all(type(seed) is int and 0 <= seed < 2**63 for seed in seeds)
        if not (one or (listed and 1 <= len(set(seeds)) == len(seeds) <= SEEDS)):
            rule = f"must be how many (1 to {SEEDS:,}) or a list of seeds: each once, and none negative"
            raise ValueError(f"{rule} (given: {one_line(repr(seeds)[:200], 60)})")
        return seeds

    @model_validator(mode="after")
    def _whole_groups(self) -> Self:
        if self.batch_size % self.normalised_together:
            raise ValueError(f"batch_norm_images: must divide batch_size (given: {self.batch_norm_images})")
        return self

    @property
    def normalised_together(self) -> int:
        """Images that batch norm normalises together: the mini-batch, or a part of it."""
        return min(self.batch_norm_images or self.batch_size, self.batch_size)

    def precision_beside(self, ran: str) -> str:
        """The precision that the plan wants of a run which ran in this one: `auto` takes any."""
        return ran if self.precision == "auto" else self.precision

    @property
    def seed_list(self) -> list[int]:
        return list(range(self.seeds)) if isinstance(self.seeds, int) else self.seeds


class ThroughputParams(Section):
    batch_size: Batch = 128
    warmup_steps: Count = 3
    steps: Count = 5
    """Steps timed together in a repeat."""
    repeats: Count = 5


class ResponsesParams(Section):
    images: Images = 5000
    """Training images that Figure 7's responses are measured on, the first in canonical order; 0: all."""


class PublishedWeights(Section):
    """Weights that others published: a row of the report, measured here."""

    name: NetName
    net: Net = "resnet"
    depth: Depth
    weights: Path
    """A state dict: safetensors or PyTorch's format."""
    shortcut: Literal["A", "B", "C"] = "A"
    zero_padding: Literal["both", "end"] = "both"
    mean: tuple[Mean, Mean, Mean] | None = None
    """Of red, green and blue in 0..1, subtracted from the pixels; None: the per-pixel mean of our training images."""
    std: tuple[Std, Std, Std] | None = None
    """Of red, green and blue in 0..1, by which the pixels are divided; None: 1."""
    sha256: str | None = Field(None, pattern="^[0-9a-f]{64}$")
    """Of the file (hex): another file is refused. None: any file is taken."""
    source: Line = ""
    """Where they come from, such as an address."""
    trained: Line = ""
    """On what and how long, such as `50,000 images, 200 epochs`."""


class EvaluateParams(Section):
    published: list[PublishedWeights] = []


class ReportParams(Section):
    confidence: Fraction = 0.95
    """Of intervals; a claim is shown, or contradicted, at a level of 1 minus this."""
    margin: Positive = 0.5
    """Points of test error within which a net counts as equivalent to a published one."""
    primary_depths: Annotated[list[Count], Field(max_length=2)] = []
    """The two depths of the claims; empty: the shallowest and the deepest with several planned seeds."""
    other_plan: str | None = None
    """The folder, from this plan's, of another plan with the same nets: its errors are a column of the one table."""


class SweepParams(Section):
    """`resnet sweep`: the same budget for every net, each trial at the same iterations and training seed."""

    nets: Annotated[list[str], Field(min_length=1)] = ["resnet-20", "resnet-32", "resnet-44", "resnet-56"]
    """Entries of `models`."""
    trials: Count = 24
    """Of each net; raising it goes on with a study, it is no part of what a study is bound to."""
    iterations: Count = 8000
    """Of each trial, in place of `train.iterations`; the milestones are fractions of it."""
    evaluate_every: Count = 400
    """Iterations between measurements of the validation error, at which a trial may be pruned."""
    learning_rate: Range = [0.01, 1.0]
    """Lowest and highest, searched on a logarithmic scale."""
    weight_decay: Range = [1e-5, 1e-2]
    """Likewise."""
    warmup: Annotated[list[bool], Field(min_length=1)] = [False, True]
    milestones: Annotated[list[Milestones], Field(min_length=1)] = [[0.5, 0.75], [0.4, 0.7], [0.6, 0.8]]
    training_seed: Seed = 0
    """Of every trial, so that trials differ by their settings alone."""
    sampler_seed: Seed = 0
    sampler_startup_trials: Count = 8
    """Trials drawn at random before the sampler goes by results."""
    pruner: Literal["median", "none"] = "median"
    pruner_startup_trials: Count = 5
    """Complete trials before one is pruned."""
    storage: str | None = None
    """Of the studies: a file, or the URL of a PostgreSQL database; None for `study.db` among the results."""
    dead_after: Positive = 300.0
    """Seconds without a sign of life after which another worker takes over a trial."""


class LatencyParams(Section):
    """What `resnet latency` times, in the training's precision on its device."""

    nets: list[Net] = ["resnet", "plain"]
    """Whole nets; the blocks of both are always timed."""
    depths: list[Depth] = [20, 32, 44, 56, 110]
    """Of the whole nets."""
    batch_sizes: list[Batch] = [1, 128]
    modes: list[Literal["eager", "compiled", "graphed"]] = ["eager", "graphed"]
    """Those that the device has: CUDA graphs are GPUs' alone."""
    seconds: Positive = 1.0
    """About how long each figure is measured; three rounds at least."""


class LimitsParams(Section):
    hours: Positive = 24.0
    """A plan that is forecast to take longer is not started."""


class ModelEntry(Section):
    """A net of the plan: a row of the report."""

    net: Net
    depth: Depth
    model: dict[str, Any] = Field({})
    train: dict[str, Any] = Field({})
    throughput: dict[str, Any] = Field({})


class Settings(Section):
    """What holds for one net: the base sections with its entry's overrides."""

    name: NetName
    net: Net
    depth: Depth
    data: DataParams
    model: ModelParams
    train: TrainParams
    throughput: ThroughputParams
    limits: LimitsParams

    def with_train(self, **changes: Any) -> Settings:
        """The same settings with other keys of `train`.

        Raises:
            UserError: a value is not valid.
        """
        return self.model_copy(update={"train": validated(TrainParams, self.train.model_dump() | changes)})


class Params(Section):
    data: DataParams = DataParams()
    model: ModelParams = ModelParams()
    train: TrainParams = TrainParams()
    throughput: ThroughputParams = ThroughputParams()
    latency: LatencyParams = LatencyParams()
    limits: LimitsParams = LimitsParams()
    responses: ResponsesParams = ResponsesParams()
    evaluate: EvaluateParams = EvaluateParams()
    report: ReportParams = ReportParams()
    sweep: SweepParams = SweepParams()
    models: dict[NetName, ModelEntry] = Field({})

    @model_validator(mode="after")
    def _entries(self) -> Self:
        for name, entry in self.models.items():
            self._settings(name, entry, f"models.{name}.")
        return self

    def _settings(self, name: str, entry: ModelEntry, where: str) -> Settings:
        base = self.model_dump(include={"data", "model", "train", "throughput", "limits"})
        for section in ("model", "train", "throughput"):
            base[section] |= getattr(entry, section)
        return validated(Settings, {"name": name, "net": entry.net, "depth": entry.depth, **base}, where)

    def settings(self, name: str) -> Settings:
        """Give what holds for the entry `name` of `models`.

        Raises:
            UserError: there is no such entry.
        """
        if name not in self.models:
            raise UserError(f"no net {name!r} in the parameters' models: {', '.join(self.models) or 'none'}")
        return self._settings(name, self.models[name], f"models.{name}.")

    def settings_for(self, net: str, depth: int, name: str | None = None) -> Settings:
        """Give what holds for a net: its entry's overrides apply if `models` has one by its name.

        Raises:
            UserError: the net or the depth is none, or the entry of that name is another net.
        """
        name = name or f"{net}-{depth}"
        entry = self.models.get(name)
        if entry is None:
            return self._settings(name, validated(ModelEntry, {"net": net, "depth": depth}), "")
        if (entry.net, entry.depth) != (net, depth):
            raise UserError(f"models.{name} is {entry.net}-{entry.depth}, not {net}-{depth}")
        return self.settings(name)
