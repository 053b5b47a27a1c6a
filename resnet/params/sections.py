"""The sections of `params.yaml`: a type for every setting. Defaults are the paper's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from resnet.depth import blocks_per_stage

Fraction = Annotated[float, Field(gt=0, lt=1)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Net = Literal["resnet", "plain", "preact"]


def _depth(depth: int) -> int:
    blocks_per_stage(depth)
    return depth


Depth = Annotated[int, AfterValidator(_depth)]
"""6n + 2."""


def _device(device: str) -> str:
    if not re.fullmatch(r"auto|cpu|cuda(:\d{1,4})?", device):
        raise ValueError(f"must be auto, cpu, cuda, or a GPU by its number such as cuda:1 (given: {device!r})")
    return device


Device = Annotated[str, AfterValidator(_device)]
"""`auto`: a GPU where there is one, else the CPU."""


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _ascend(milestones: list[float]) -> list[float]:
    if sorted(set(milestones)) != milestones:
        raise ValueError("must ascend")
    return milestones


class DataParams(Section):
    source: str = Field("official", min_length=1)
    """`official`, `digits`, or the path of an archive or a folder."""
    dir: Path = Path("data/cifar10")
    """Where the prepared arrays lie."""
    validation: int = Field(5000, ge=0)
    """Images held out of the training set."""
    split_seed: Seed = 0


class ModelParams(Section):
    shortcut: Literal["A", "B", "C"] = "A"
    """Option of section 4.1: A zero-padded identity, B projection where the shape changes, C always."""
    zero_padding: Literal["both", "end"] = "both"
    """Option A: new channels half on each side of the old, or all after them."""


class TrainParams(Section):
    seeds: int | list[int] = 5
    """How many (0, 1, ...) or which."""
    iterations: Count = 64_000
    batch_size: Count = 128
    learning_rate: Positive = 0.1
    milestones: list[Fraction] = [0.5, 0.75]
    """Fractions of `iterations` at which the learning rate is multiplied by `decay`."""
    decay: Positive = 0.1
    momentum: float = Field(0.9, ge=0, lt=1)
    weight_decay: float = Field(1e-4, ge=0, allow_inf_nan=False)
    decay_batch_norm: bool = True
    """Whether weight decay also acts on batch norm's scale and shift and on biases."""
    warmup: bool = False
    """Section 4.2, ResNet-110: start at `warmup_learning_rate` until the training error falls."""
    warmup_learning_rate: Positive = 0.01
    warmup_until_error: float = Field(80.0, gt=0, le=100)
    """In %, over the last `warmup_window` iterations."""
    warmup_window: Count = 100
    precision: Literal["auto", "fp32", "tf32", "bf16"] = "auto"
    compile: bool = False
    """Whether torch.compile makes the blocks' kernels: once for each shape, whatever the depth."""
    initialisation_seed: Seed | None = None
    """Draws the initial weights instead of the run's own seed, which then varies the data order alone."""
    order_seed: Seed | None = None
    """Draws the data order and the augmentation instead of the run's own seed."""
    batch_norm_images: int | None = Field(None, ge=2)
    """Images that batch norm normalises together, as devices that share a mini-batch do; None: all of it."""
    device: Device = "auto"
    recompute: Literal["auto"] | bool = "auto"
    """Whether the backward pass computes activations again instead of keeping them: the same bits, less
    memory. `auto`: where they would not fit."""
    seeds_at_once: Literal["auto"] | Count = "auto"
    """Seeds that train side by side, each with the result that it has alone. `auto`: on a GPU as many as
    fit its memory, on a CPU one."""
    log_every: Count = 100
    """Iterations between rows of the learning curve."""
    evaluate_every: Count = 1000
    """Iterations between measurements of validation and test error for the curve."""
    checkpoint_every: Count = 1000

    @field_validator("milestones")
    @classmethod
    def _ascending(cls, milestones: list[float]) -> list[float]:
        return _ascend(milestones)

    @field_validator("seeds", mode="before")
    @classmethod
    def _seeds(cls, seeds: Any) -> Any:
        if isinstance(seeds, int) and not isinstance(seeds, bool) and seeds >= 1:
            return seeds
        if not isinstance(seeds, list) or not all(type(seed) is int for seed in seeds):
            raise ValueError(f"must be how many (1 or more) or a list of seeds (given: {seeds!r})")
        if not seeds or len(set(seeds)) < len(seeds):
            raise ValueError("must name at least one seed, each once")
        if any(not 0 <= seed < 2**63 for seed in seeds):
            raise ValueError(f"must not be negative, and below 2**63 (given: {seeds})")
        return seeds

    @model_validator(mode="after")
    def _whole_groups(self) -> Self:
        if self.batch_norm_images is not None and self.batch_size % self.batch_norm_images:
            raise ValueError(f"batch_norm_images: must divide batch_size (given: {self.batch_norm_images})")
        return self

    @property
    def seed_list(self) -> list[int]:
        return list(range(self.seeds)) if isinstance(self.seeds, int) else self.seeds


class ThroughputParams(Section):
    batch_size: Count = 128
    warmup_steps: Count = 3
    steps: Count = 5
    """Steps timed together in a repeat."""
    repeats: Count = 5


class ResponsesParams(Section):
    images: int = Field(5000, ge=0)
    """Training images that Figure 7's responses are measured on, the first in canonical order; 0: all."""


class PublishedWeights(Section):
    """Weights that others published: a row of the report, measured here."""

    name: str = Field(min_length=1)
    net: Net = "resnet"
    depth: Depth
    weights: Path
    """A state dict: safetensors or PyTorch's format."""
    shortcut: Literal["A", "B", "C"] = "A"
    zero_padding: Literal["both", "end"] = "both"
    mean: tuple[float, float, float] | None = None
    """Of red, green and blue in 0..1, subtracted from the pixels; None: the per-pixel mean of our training images."""
    std: tuple[Positive, Positive, Positive] | None = None
    """Of red, green and blue in 0..1, by which the pixels are divided; None: 1."""
    source: str = ""
    """Where they come from, such as an address."""


class EvaluateParams(Section):
    published: list[PublishedWeights] = []

    @field_validator("published")
    @classmethod
    def _names_differ(cls, published: list[PublishedWeights]) -> list[PublishedWeights]:
        names = [entry.name for entry in published]
        if len(set(names)) < len(names):
            raise ValueError("must have a name of its own for each")
        return published


class ReportParams(Section):
    confidence: Fraction = 0.95
    """Of intervals; a claim is shown, or contradicted, at a level of 1 minus this."""
    margin: Positive = 0.5
    """Points of test error within which two nets count as equivalent."""
    bootstrap_samples: Count = 10_000
    bootstrap_seed: Seed = 0


class SweepParams(Section):
    """`resnet sweep`: the same budget for every net, each trial at the same iterations and training seed."""

    nets: list[str] = ["resnet-20", "resnet-32", "resnet-44", "resnet-56"]
    """Entries of `models`."""
    trials: Count = 24
    """Of each net; raising it goes on with a study, it is no part of what a study is bound to."""
    iterations: Count = 8000
    """Of each trial, in place of `train.iterations`; the milestones are fractions of it."""
    evaluate_every: Count = 400
    """Iterations between measurements of the validation error, at which a trial may be pruned."""
    learning_rate: list[Positive] = [0.01, 1.0]
    """Lowest and highest, searched on a logarithmic scale."""
    weight_decay: list[Positive] = [1e-5, 1e-2]
    """Likewise."""
    warmup: list[bool] = [False, True]
    milestones: list[list[Fraction]] = [[0.5, 0.75], [0.4, 0.7], [0.6, 0.8]]
    training_seed: Seed = 0
    """Of every trial, so that trials differ by their settings alone."""
    sampler_seed: Seed = 0
    sampler_startup_trials: Count = 8
    """Trials drawn at random before the sampler goes by results."""
    pruner: Literal["median", "none"] = "median"
    pruner_startup_trials: Count = 5
    """Complete trials before one is pruned."""
    storage: str | None = None
    """Where the studies lie: a file, or the URL of a PostgreSQL database; None for `study.db` beside the results."""
    dead_after: Positive = 300.0
    """Seconds without a sign of life after which another worker takes over a trial."""

    @field_validator("learning_rate", "weight_decay")
    @classmethod
    def _range(cls, ends: list[float]) -> list[float]:
        if len(ends) != 2 or not ends[0] < ends[1]:
            raise ValueError(f"must be the lowest and the highest value (given: {ends})")
        return ends

    @field_validator("nets", "warmup", "milestones")
    @classmethod
    def _choices(cls, choices: list[Any]) -> list[Any]:
        if not choices or any(choices.count(choice) > 1 for choice in choices):
            raise ValueError(f"must name at least one, each once (given: {choices})")
        return choices

    @field_validator("milestones")
    @classmethod
    def _ascending(cls, schedules: list[list[float]]) -> list[list[float]]:
        for milestones in schedules:
            _ascend(milestones)
        return schedules


class LatencyParams(Section):
    """What `resnet latency` times, in the training's precision on its device."""

    nets: list[Net] = ["resnet", "plain"]
    """Whole nets; the blocks of both are always timed."""
    depths: list[Depth] = [20, 32, 44, 56, 110]
    """Whole nets, beside the sum of their blocks."""
    batch_sizes: list[Count] = [1, 128]
    modes: list[Literal["eager", "compiled", "graphed"]] = ["eager", "graphed"]
    """Those that the device has: CUDA graphs are GPUs' alone."""
    seconds: Positive = 1.0
    """About how long each figure is measured; three rounds at least."""


class LimitsParams(Section):
    hours: Positive = 24.0
    """A plan that is forecast to take longer is not started."""
