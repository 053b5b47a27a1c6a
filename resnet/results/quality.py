"""What trained weights do: evaluations, ours and others', and responses (Figure 7)."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import model_validator

from resnet.results.base import Count, Error, Number, Positive, Record, same_lengths
from resnet.results.provenance import DataRecord, Seed, System


class EvaluationRecord(Record):
    """What `resnet evaluate` prints."""

    kind: Literal["evaluation"] = "evaluation"
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

    kind: Literal["published"] = "published"  # type: ignore[assignment]
    name: str
    source: str
    parameters: Positive
    weights_sha256: str
    """Of the file (hex)."""
    normalisation: str
    """How the images were prepared."""
    trained: str = ""
    """On what and how long, as their authors say; empty where that is not said."""
    responses: PublishedResponses | None = None
    """How strongly their layers respond; None in files from before it was measured."""


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
    """What measured it, if it was kept from an earlier measurement; None: what the record names."""


class ResponsesRecord(Record):
    """`runs/responses/<name>.json`: how strongly each 3x3 layer of the trained nets responds (Figure 7).

    A layer's response is its output after batch norm and before ReLU and addition; its standard
    deviation is over all images, channels and positions, in evaluation mode, of images that are not
    augmented. Pre-activation blocks have batch norm before the convolution: theirs are its inputs.
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
        """What two records must have in common for their seeds to stand side by side."""
        return self.model_dump(exclude={"seeds", "layers", "system"})

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        for seed in self.seeds:
            same_lengths(layers=self.layers, std=seed.std)
            if any(std < 0 for std in seed.std):
                raise ValueError(f"seed {seed.seed} has a standard deviation below 0")
        if len({seed.seed for seed in self.seeds}) < len(self.seeds):
            raise ValueError("a seed is there twice")
        return self
