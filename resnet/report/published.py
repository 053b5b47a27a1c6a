"""The paper's and others' published figures, read from `published.yaml` and from nowhere else."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

FILE = Path(__file__).with_name("published.yaml")


class Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(Entry):
    """Where a figure was published and under which conditions."""

    title: str
    url: str
    training_images: int | None
    """None if the source does not say."""
    shortcut: Literal["A", "B", "C"]
    taken: str
    """Which iterate was measured, and what else a reader must know."""


class TestError(Entry):
    """A test error in %."""

    error: float
    """The mean of several runs."""
    std: float | None = None
    """As published."""
    n: int | None = Field(None, ge=1)
    """Runs; None if the source does not say."""
    best: float | None = None


class PublishedError(TestError):
    net: Literal["resnet", "plain"]
    depth: int
    source: str
    std_divisor: Literal["n - 1", "n"] = "n - 1"
    """What the squares' sum was divided by; `n` if the source's code does so, as NumPy's `std`."""
    note: str = ""

    @property
    def sample_std(self) -> float | None:
        """Standard deviation with divisor n - 1; None without a spread."""
        if self.std is None or self.n is None:
            return None
        return self.std * math.sqrt(self.n / (self.n - 1)) if self.std_divisor == "n" else self.std


class Method(TestError):
    """Another method with data augmentation, as the paper's Table 6 quotes it."""

    name: str
    layers: int | None = None
    parameters: str = ""


class Protocol(Entry):
    """Section 4.2's settings, as far as a run can differ from them."""

    train_images: int
    validation_images: int
    shortcut: str
    iterations: int
    train: dict[str, Any]
    """Other keys of the plan's `train`, and the paper's values."""
    warmup: dict[str, Any]
    """Likewise, of the one net of which the paper says that it warms up."""
    warmup_depth: int
    """Its layers."""


class Published(Entry):
    sources: dict[str, Source]
    test_errors: tuple[PublishedError, ...]
    methods: tuple[Method, ...]
    """In the order of the paper's Table 6."""
    parameters: dict[int, str]
    """Depth to the paper's rounded count."""
    protocol: Protocol

    def errors_of(self, net: str, depth: int, shortcut: str | None = None) -> list[PublishedError]:
        """Everything published about a net, in the file's order; of residual nets with this shortcut, if given."""
        shortcuts = {source: shortcut if net == "plain" else x.shortcut for source, x in self.sources.items()}
        figures = [figure for figure in self.test_errors if (figure.net, figure.depth) == (net, depth)]
        return [figure for figure in figures if shortcut in (None, shortcuts[figure.source])]

    def parameters_of(self, depth: int, shortcut: str) -> str | None:
        """The paper's count: its nets have shortcut A, and plain nets as many parameters; B and C have more."""
        return self.parameters.get(depth) if shortcut in (self.protocol.shortcut, "none") else None


@cache
def published() -> Published:
    return Published.model_validate(yaml.safe_load(FILE.read_text(encoding="utf-8")))
