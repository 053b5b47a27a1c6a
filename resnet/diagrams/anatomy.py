"""A net's anatomy, read off its layer table: the first convolution, three stages of blocks, the head."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from resnet.errors import UserError
from resnet.results import DescriptionRecord, Layer

Shortcut = Literal["none", "identity", "zeros", "projection"]
Shape = tuple[int, ...]
"""Channels, height and width; features alone after pooling."""

_NAME = re.compile(r"layer(\d+)\.(\d+)\.(.+)")
KIND_NAMES = {"resnet": "ResNet", "plain": "Plain net"}


def written(shape: Shape) -> str:
    """Write `16×32×32`."""
    return "×".join(map(str, shape))


class Block(NamedTuple):
    """Two convolutions and what leads around them."""

    name: str
    """Such as `layer2.0`."""
    input: Shape
    output: Shape
    layers: tuple[Layer, ...]
    """Of the way through, in the order in which they run."""
    around: tuple[Layer, ...]
    """Of the shortcut; none for the identity."""
    shortcut: Shortcut

    @property
    def convolutions(self) -> list[Layer]:
        return [layer for layer in self.layers if layer.kind == "conv"]

    @property
    def stride(self) -> int:
        return self.convolutions[0].stride or 1

    @property
    def zero_channels(self) -> int:
        """New channels of option A's shortcut."""
        return self.output[0] - self.input[0] if self.shortcut == "zeros" else 0


class Anatomy(NamedTuple):
    """A net in the parts that are drawn."""

    record: DescriptionRecord
    input: Shape
    stem: tuple[Layer, ...]
    """The first convolution, and its batch norm where it has one."""
    stages: tuple[tuple[Block, ...], ...]
    head: tuple[Layer, ...]
    """From the last block on: pooling, the fully connected layer."""

    @property
    def title(self) -> str:
        """Such as `ResNet-56`."""
        return f"{KIND_NAMES.get(self.record.net, self.record.net)}-{self.record.depth}".replace(" net-", "-")

    @property
    def option(self) -> str:
        """Such as `shortcut option A`."""
        return "no shortcuts" if self.record.shortcut == "none" else f"shortcut option {self.record.shortcut}"

    @property
    def downsampling(self) -> list[Block]:
        """The blocks that halve height and width."""
        return [block for stage in self.stages for block in stage if block.stride > 1]

    def zeros_before(self, block: Block) -> int:
        """How many of a block's zero channels stand before its old ones."""
        return 0 if self.record.zero_padding == "end" else block.zero_channels // 2


def _input(layer: Layer) -> Shape:
    """What a convolution reads: its weights say how many channels, its stride how large."""
    kernel, (channels, height, width) = [int(side) for side in layer.kernel.split("x")], layer.output
    stride = layer.stride or 1
    return (layer.parameters // (channels * kernel[0] * kernel[1]), height * stride, width * stride)


def _block(name: str, layers: list[tuple[str, Layer]], residual: bool) -> Block:
    through = tuple(layer for part, layer in layers if not part.startswith("downsample"))
    around = tuple(layer for part, layer in layers if part.startswith("downsample"))
    kinds = {layer.kind for layer in around}
    shortcut: Shortcut = "identity" if residual else "none"
    if kinds:
        shortcut = "projection" if "conv" in kinds else "zeros"
    convolutions = [layer for layer in through if layer.kind == "conv"]
    return Block(name, _input(convolutions[0]), convolutions[-1].output, through, around, shortcut)


def anatomy(record: DescriptionRecord) -> Anatomy:
    """Take a layer table apart.

    Raises:
        UserError: it is not that of a net with a first convolution, stages of blocks and a fully connected layer.
    """
    stages: dict[int, dict[int, list[tuple[str, Layer]]]] = {}
    outside: list[Layer] = []
    before = 0
    for layer in record.layers:
        match = _NAME.fullmatch(layer.name)
        if match:
            stage, block, part = int(match[1]), int(match[2]), match[3]
            stages.setdefault(stage, {}).setdefault(block, []).append((part, layer))
        else:
            outside.append(layer)
            before += not stages
    try:
        stem, residual = tuple(outside[:before]), record.net != "plain"
        built = tuple(
            tuple(_block(f"layer{k}.{j}", layers, residual) for j, layers in sorted(blocks.items()))
            for k, blocks in sorted(stages.items())
        )
        if len(built) != 3 or outside[-1].kind != "fc":
            raise ValueError
        return Anatomy(record, _input(stem[0]), stem, built, tuple(outside[before:]))
    except (IndexError, ValueError, ZeroDivisionError) as error:
        raise UserError(f"{record.name}: its layer table is of no net that can be drawn") from error
