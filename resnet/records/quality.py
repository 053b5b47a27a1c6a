"""What trained weights do: evaluations, ours and others', and responses (Figure 7)."""

from __future__ import annotations

from typing import Any, Literal

from resnet.records.base import Number, Record
from resnet.records.provenance import DataRecord, System


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
    normalisation: str = ""
    """How the images were prepared."""


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
