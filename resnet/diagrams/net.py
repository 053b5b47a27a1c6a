"""The parts of a net, read from its layer table: the first convolution, three stages of blocks, the head."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from resnet.errors import UserError
from resnet.results import DescriptionRecord, Layer

Shortcut = Literal["none", "identity", "zeros", "projection"]
Shape = tuple[int, ...]
"""Channels, height and width; features alone after pooling."""

_NAME = re.compile(r"layer(\d+)\.(\d+)\.(.+)")
_NETS = {"resnet": "ResNet", "plain": "Plain"}


class Block(NamedTuple):
    """Two convolutions, and the shortcut around them. Blocks that are built alike are equal."""

    input: Shape
    through: tuple[Layer, ...]
    """The convolutions with their batch norm, in the order in which they run; named within the block."""
    around: tuple[Layer, ...]
    """Of the shortcut; none for the identity."""
    residual: bool

    @property
    def layers(self) -> tuple[Layer, ...]:
        return self.through + self.around

    @property
    def output(self) -> Shape:
        return self.through[-1].output

    @property
    def stride(self) -> int:
        return self.through[0].stride or 1

    @property
    def shortcut(self) -> Shortcut:
        if not self.residual:
            return "none"
        if not self.around:
            return "identity"
        return "projection" if self.around[0].kind == "conv" else "zeros"


class Net(NamedTuple):
    """A net in the parts that are drawn."""

    record: DescriptionRecord
    input: Shape
    stem: tuple[Layer, Layer]
    """The first convolution and its batch norm."""
    stages: tuple[tuple[Block, ...], ...]
    head: tuple[Layer, ...]
    """Pooling and the fully connected layer."""

    @property
    def title(self) -> str:
        """Such as `ResNet-56`."""
        return f"{_NETS.get(self.record.net, self.record.net)}-{self.record.depth}"

    def keeping(self) -> Block:
        """A block that keeps its input's shape: the last of the first stage."""
        return self.stages[0][-1]

    def downsampling(self) -> Block:
        """The first block that halves height and width.

        Raises:
            UserError: the net has none.
        """
        for block in (block for stage in self.stages for block in stage if block.stride > 1):
            return block
        raise UserError(f"{self.record.name}: no block halves its input")

    def zeros(self, block: Block) -> tuple[int, int]:
        """How many channels of zeros option A adds before and after a block's old channels."""
        new = block.output[0] - block.input[0]
        before = 0 if self.record.zero_padding == "end" else new // 2
        return before, new - before


def _input(layer: Layer) -> Shape:
    """What a convolution reads: its weights tell how many channels, its stride how large."""
    rows, columns = map(int, layer.kernel.split("x"))
    (channels, height, width), stride = layer.output, layer.stride or 1
    return (layer.parameters // (channels * rows * columns), height * stride, width * stride)


def _block(layers: list[Layer], residual: bool) -> Block:
    through = tuple(layer for layer in layers if not layer.name.startswith("downsample"))
    around = tuple(layer for layer in layers if layer.name.startswith("downsample"))
    if [layer.kind for layer in through] != ["conv", "bn"] * 2:
        raise ValueError
    return Block(_input(through[0]), through, around, residual)


def read(record: DescriptionRecord) -> Net:
    """Take a layer table apart.

    Raises:
        UserError: it is not that of a net with a first convolution, three stages of blocks and a fully connected layer.
    """
    blocks: dict[tuple[int, int], list[Layer]] = {}
    outside: list[Layer] = []
    for layer in record.layers:
        if match := _NAME.fullmatch(layer.name):
            inside = layer.model_copy(update={"name": match[3]})
            blocks.setdefault((int(match[1]), int(match[2])), []).append(inside)
        else:
            outside.append(layer)
    try:
        stages: dict[int, list[Block]] = {1: [], 2: [], 3: []}
        for (stage, _), layers in sorted(blocks.items()):
            stages[stage].append(_block(layers, record.net != "plain"))
        if [layer.kind for layer in outside] != ["conv", "bn", "avgpool", "fc"] or not all(stages.values()):
            raise ValueError
        conv1, norm1, *head = outside
        return Net(record, _input(conv1), (conv1, norm1), tuple(map(tuple, stages.values())), tuple(head))
    except (KeyError, ValueError, ZeroDivisionError) as error:
        raise UserError(f"{record.name}: its layer table is of no net that can be drawn") from error
