"""A net, layer by layer: what `resnet describe` counts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from resnet.results.base import Count, Positive, Record


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
