"""The nets of section 4.2 of He et al., "Deep Residual Learning for Image Recognition" (CVPR 2016).

    input             3 x 32 x 32
    conv1             3x3, 16 filters, stride 1, padding 1, BN, ReLU; no max pooling
    layer1            n blocks of two 3x3 convolutions, 16 filters, at 32x32
    layer2            n blocks, 32 filters, at 16x16; the first convolution has stride 2
    layer3            n blocks, 64 filters, at  8x8;  the first convolution has stride 2
    avgpool, fc       global average pooling, a 10-way fully connected layer

That is 6n + 2 weighted layers. A plain net is the same without shortcuts: the same parameters and
the same multiply-adds. Module names follow torchvision's ResNet.

`convolve(x, conv)` is `conv(x)`, `branch(x, conv)` is `conv(x), x` and `batch_norm_relu(x, bn, shortcut)` is
`relu(bn(x) + shortcut)`: faster where there are kernels for it, and those very operations elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from resnet.depth import blocks_per_stage
from resnet.nets.kernels import batch_norm_relu, branch
from resnet.nets.kernels import conv3x3 as convolve
from resnet.params import Settings
from resnet.results import Facts

FILTERS = (16, 32, 64)
"""Filters of the three stages, at 32x32, 16x16 and 8x8, of a net of width 1: the paper's."""


def conv3x3(channels_in: int, channels_out: int, stride: int = 1) -> nn.Conv2d:
    """A 3x3 convolution. No bias: batch norm's shift, which follows, takes its place."""
    return nn.Conv2d(channels_in, channels_out, kernel_size=3, stride=stride, padding=1, bias=False)


class ZeroPaddedIdentity(nn.Module):
    """Shortcut option A where the shape changes: every second pixel, new channels zero; no parameters.

    The paper does not say where the new channels go. `both` puts half of them on each side of the
    old ones, as most published PyTorch weights have it; `end` puts all of them after.
    """

    def __init__(self, channels_in: int, channels_out: int, stride: int, zero_padding: str) -> None:
        super().__init__()
        new = channels_out - channels_in
        before = new // 2 if zero_padding == "both" else 0
        self.stride = stride
        self.padding = (before, new - before)

    def forward(self, x: Tensor) -> Tensor:
        # The mean over one pixel is the pixel itself. A slice would be the same, but its gradient loses channels-last.
        every_second = F.avg_pool2d(x, kernel_size=1, stride=self.stride)
        return F.pad(every_second, (0, 0, 0, 0, *self.padding))


class Projection(nn.Sequential):
    """Shortcut options B and C: a 1x1 convolution and BN (equation 2)."""

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        conv = nn.Conv2d(channels_in, channels_out, kernel_size=1, stride=stride, bias=False)
        super().__init__(conv, nn.BatchNorm2d(channels_out))


def shortcut(channels_in: int, channels_out: int, stride: int, option: str, zero_padding: str) -> nn.Module:
    """Shortcut options of section 4.1: A has no parameters, B projects where the shape changes, C always."""
    same_shape = stride == 1 and channels_in == channels_out
    if option == "C" or (option == "B" and not same_shape):
        return Projection(channels_in, channels_out, stride)
    if same_shape:
        return nn.Identity()
    return ZeroPaddedIdentity(channels_in, channels_out, stride, zero_padding)


class PlainBlock(nn.Module):
    """Two 3x3 convolutions, each with BN and ReLU."""

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = conv3x3(channels_in, channels_out, stride)
        self.bn1 = nn.BatchNorm2d(channels_out)
        self.conv2 = conv3x3(channels_out, channels_out)
        self.bn2 = nn.BatchNorm2d(channels_out)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels_in, H, W) to (N, channels_out, H / stride, W / stride)."""
        x = batch_norm_relu(convolve(x, self.conv1), self.bn1)
        return batch_norm_relu(convolve(x, self.conv2), self.bn2)


class ResidualBlock(PlainBlock):
    """Two 3x3 convolutions and a shortcut: y = F(x) + x (equation 1), ReLU after the addition."""

    def __init__(self, channels_in: int, channels_out: int, stride: int, option: str, zero_padding: str) -> None:
        super().__init__(channels_in, channels_out, stride)
        self.downsample = shortcut(channels_in, channels_out, stride, option, zero_padding)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels_in, H, W) to (N, channels_out, H / stride, W / stride)."""
        y, x = branch(x, self.conv1)
        y = batch_norm_relu(y, self.bn1)
        return batch_norm_relu(convolve(y, self.conv2), self.bn2, shortcut=self.downsample(x))


@contextmanager
def _statistics_kept(block: nn.Module) -> Iterator[None]:
    """Let batch norm update copies of its running statistics: a second forward pass must not count twice."""
    kept = []
    for bn in block.modules():
        if isinstance(bn, nn.BatchNorm2d):
            kept.append((bn, dict(bn.named_buffers())))
            for name, buffer in kept[-1][1].items():
                setattr(bn, name, buffer.clone())
    try:
        yield
    finally:
        for bn, buffers in kept:
            for name, buffer in buffers.items():
                setattr(bn, name, buffer)


def describe_net(net: str, depth: int, shortcut: str = "A", zero_padding: str = "both") -> str:
    """In words, what tells apart nets that have the same parameters."""
    if net == "plain":
        return f"the plain net of {depth} layers"
    padding = f", zero padding {zero_padding}" if shortcut == "A" else ""
    return f"the residual net of {depth} layers with shortcut {shortcut}{padding}"


class DepthNet(nn.Module):
    """The frame that the nets share.

    Attributes:
        recompute: in training, keep the inputs of the blocks alone and compute what lies between them again
            in the backward pass: about a third more arithmetic, the same bits, and ResNet-1202 fits a small GPU.
        facts: what is known of loaded weights.
        classes: names of the logits, if they are known.
        preprocess: makes inputs of images, if it is known how.

    Args:
        net: `resnet` or `plain`.
        depth: 6n + 2.
        shortcut: option `A`, `B` or `C`; a plain net has none.
        zero_padding: `both` or `end`, for option A.
        classes: outputs of the fully connected layer.
        width: multiplies the paper's 16, 32 and 64 filters.

    Raises:
        ValueError: the net, the option, the padding, the depth or the width is none.
    """

    def __init__(
        self, net: str, depth: int, shortcut: str = "A", zero_padding: str = "both", classes: int = 10, width: int = 1
    ) -> None:
        super().__init__()
        if net not in ("resnet", "plain"):
            raise ValueError(f"net {net!r} is neither 'resnet' nor 'plain'")
        if shortcut not in ("A", "B", "C"):
            raise ValueError(f"shortcut option {shortcut!r} is not A, B or C")
        if zero_padding not in ("both", "end"):
            raise ValueError(f"zero padding {zero_padding!r} is neither 'both' nor 'end'")
        if width < 1:
            raise ValueError(f"width {width} is not 1 or more")
        n, filters = blocks_per_stage(depth), [width * count for count in FILTERS]
        self.recompute = False
        self.facts: Facts | None = None
        self.classes: tuple[str, ...] | None = None
        self.preprocess: Callable[..., Tensor] | None = None
        self.description = describe_net(net, depth, shortcut, zero_padding)

        def block(channels_in: int, channels_out: int, stride: int) -> nn.Module:
            if net == "plain":
                return PlainBlock(channels_in, channels_out, stride)
            return ResidualBlock(channels_in, channels_out, stride, shortcut, zero_padding)

        def stage(channels_in: int, channels_out: int, stride: int) -> nn.Sequential:
            others = (block(channels_out, channels_out, 1) for _ in range(n - 1))
            return nn.Sequential(block(channels_in, channels_out, stride), *others)

        self.conv1 = conv3x3(3, filters[0])
        self.bn1 = nn.BatchNorm2d(filters[0])
        self.layer1 = stage(filters[0], filters[0], stride=1)
        self.layer2 = stage(filters[0], filters[1], stride=2)
        self.layer3 = stage(filters[1], filters[2], stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(filters[2], classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (N, 3, 32, 32) to logits (N, classes); the softmax is in the loss."""
        x = batch_norm_relu(convolve(x, self.conv1), self.bn1)
        for block in self.blocks():
            x = self._recomputed(block, x) if self.recompute and self.training else block(x)
        logits: Tensor = self.fc(torch.flatten(self.avgpool(x), 1))
        return logits

    def blocks(self) -> Iterator[nn.Module]:
        """The 3n blocks, in order."""
        for stage in (self.layer1, self.layer2, self.layer3):
            yield from stage

    @staticmethod
    def _recomputed(block: nn.Module, x: Tensor) -> Tensor:
        def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
            return nullcontext(), _statistics_kept(block)

        # Nothing random happens in a block: the random generators' states need not be kept.
        y: Tensor = checkpoint(block, x, use_reentrant=False, preserve_rng_state=False, context_fn=contexts)
        return y


def resnet(depth: int, shortcut: str = "A", zero_padding: str = "both", classes: int = 10) -> DepthNet:
    """The residual net of `depth` layers. Raises ValueError as `DepthNet` does."""
    return DepthNet("resnet", depth, shortcut, zero_padding, classes)


def plain(depth: int, classes: int = 10) -> DepthNet:
    """The plain net of `depth` layers. Raises ValueError as `DepthNet` does."""
    return DepthNet("plain", depth, classes=classes)


def build(settings: Settings, classes: int) -> DepthNet:
    """The settings' net on the current device, its weights as PyTorch makes them."""
    model = settings.model
    return DepthNet(settings.net, settings.depth, model.shortcut, model.zero_padding, classes, model.width)


@torch.no_grad()
def he_initialisation(net: nn.Module, generator: torch.Generator) -> None:
    """Draw the weights as He et al. (ICCV 2015, equation 10): normal, variance 2 / fan-in; biases zero.

    Batch norm starts as the identity: scale 1, shift 0. The draws are in the order of the modules.
    """
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
            module.reset_running_stats()


def count_parameters(net: nn.Module) -> int:
    """Count the trainable numbers; batch norm's running statistics are none."""
    return sum(parameter.numel() for parameter in net.parameters())
