"""What trained weights do: evaluations, ours and others', and responses (Figure 7)."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import model_validator

from resnet.results.base import Count, Error, Number, Positive, Record, Seed
from resnet.results.provenance import DataRecord, System


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
