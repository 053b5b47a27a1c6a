"""The parts of a net that are timed alone, the model's own modules: stem, a block of each kind, head, or all."""

from __future__ import annotations

import functools

from torch import Tensor, nn

from resnet.nets.kernels import batch_norm_relu
from resnet.nets.kernels import conv3x3 as convolve
from resnet.nets.layers import Work, walk
from resnet.nets.model import FILTERS, DepthNet

PARTS = ("stem", "stage1-identity", "stage2-down", "stage2-identity", "stage3-down", "stage3-identity", "head")
"""Stage 1 has no down-sampling block: its first block keeps the shape, as all of its blocks do."""

SHARED = ("stem", "head")
"""Parts that plain and residual nets have in common."""

SHALLOWEST = 14
"""The least depth of a net that has every part."""

SHAPES = {
    "stem": (3, 32, 32),
    "stage1-identity": (FILTERS[0], 32, 32),
    "stage2-down": (FILTERS[0], 32, 32),
    "stage2-identity": (FILTERS[1], 16, 16),
    "stage3-down": (FILTERS[1], 16, 16),
    "stage3-identity": (FILTERS[2], 8, 8),
    "head": (FILTERS[2], 8, 8),
    "net": (3, 32, 32),
}
"""Of each part's input."""


class Stem(nn.Module):
    """The first convolution with its batch norm and ReLU, as `DepthNet.forward` runs them."""

    def __init__(self, net: DepthNet) -> None:
        super().__init__()
        self.conv1, self.bn1 = net.conv1, net.bn1

    def forward(self, x: Tensor) -> Tensor:
        """Map images (N, 3, 32, 32) to (N, 16, 32, 32)."""
        return batch_norm_relu(convolve(x, self.conv1), self.bn1)


def reads_images(part: str) -> bool:
    """Whether a part's input is the images, which need no gradient."""
    return part in ("stem", "net")


def take(net: DepthNet, part: str) -> nn.Module:
    """Take a part out of a net of depth `SHALLOWEST` or more."""
    if part == "net":
        return net
    if part in SHARED:
        return Stem(net) if part == "stem" else nn.Sequential(net.avgpool, nn.Flatten(), net.fc)
    stage, kind = part.removeprefix("stage").split("-")
    return net.get_submodule(f"layer{stage}.{0 if kind == 'down' else 1}")


def build(net: str, part: str, depth: int | None, shortcut: str) -> nn.Module:
    """Build one of `PARTS`, or `net` of a depth; `net` is `resnet`, `plain`, or `both` for parts that these share."""
    whole = DepthNet("resnet" if net == "both" else net, depth or SHALLOWEST, shortcut)
    return take(whole, part)


@functools.cache
def part_work(net: str, part: str, depth: int | None, shortcut: str) -> Work:
    """Count a part's layers; arguments as `build` takes them."""
    return walk(build(net, part, depth, shortcut), SHAPES[part])
