"""A net or a part of one counted layer by layer.

The module runs once on the CPU, with one empty image: PyTorch's meta device, which computes nothing, first loads a
compiler for seconds. Multiply-adds are those of the convolutions and the fully connected layer.
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from resnet.nets.model import DepthNet, ZeroPaddedIdentity, count_parameters
from resnet.params import Settings
from resnet.results import DescriptionRecord, Layer

VERSION = 1
"""Of the layer tables: raise it if what `describe` writes of a net changes."""

KINDS: dict[type[nn.Module], str] = {
    nn.Conv2d: "conv",
    nn.BatchNorm2d: "bn",
    ZeroPaddedIdentity: "shortcut",
    nn.AdaptiveAvgPool2d: "avgpool",
    nn.Linear: "fc",
}

ACTIVATION_BYTES = {"fp32": 4, "tf32": 4, "bf16": 2}


class CountedLayer(NamedTuple):
    """One layer as one image passes it."""

    name: str
    """The module's path, such as `layer1.0.conv1`."""
    kind: str
    """One of `KINDS`."""
    kernel: str
    """Such as `3x3`; empty where there is none."""
    stride: int | None
    output: tuple[int, ...]
    """Channels, height and width; features after pooling."""
    parameters: int
    multiply_adds: int

    @property
    def outputs(self) -> int:
        """Numbers that it writes."""
        return math.prod(self.output)


def _count(name: str, module: nn.Module, output: Tensor) -> CountedLayer:
    parameters = count_parameters(module)
    kernel, stride, multiply_adds = "", None, 0
    if isinstance(module, nn.Conv2d):
        kernel, stride = "x".join(map(str, module.kernel_size)), int(module.stride[0])
        multiply_adds = parameters * output[0, 0].numel()  # each weight once per output pixel
    elif isinstance(module, nn.Linear):
        multiply_adds = module.weight.numel()
    elif isinstance(module, ZeroPaddedIdentity):
        stride = module.stride
    return CountedLayer(
        name=name,
        kind=KINDS[type(module)],
        kernel=kernel,
        stride=stride,
        output=tuple(output.shape[1:]),
        parameters=parameters,
        multiply_adds=multiply_adds,
    )


class Work(NamedTuple):
    """The layers of a module in the order in which they run."""

    layers: tuple[CountedLayer, ...]

    @property
    def parameters(self) -> int:
        return sum(layer.parameters for layer in self.layers)

    @property
    def multiply_adds(self) -> int:
        """Of one image's forward pass."""
        return sum(layer.multiply_adds for layer in self.layers)


def walk(module: nn.Module, shape: tuple[int, ...]) -> Work:
    """List a module's layers in the order in which they run.

    Args:
        module: on the CPU; it is left in evaluation mode.
        shape: of one input: channels, height and width.
    """
    layers: list[CountedLayer] = []
    handles: list[RemovableHandle] = []

    def watch(name: str, layer: nn.Module) -> None:
        def count(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            layers.append(_count(name, layer, output))

        handles.append(layer.register_forward_hook(count))

    for name, layer in module.named_modules():
        if type(layer) in KINDS:
            watch(name, layer)
    try:
        with torch.inference_mode():
            module.eval()(torch.zeros(1, *shape))
    finally:
        for handle in handles:
            handle.remove()
    return Work(tuple(layers))


@functools.cache
def _work(net: str, depth: int, shortcut: str, zero_padding: str, classes: int, width: int) -> Work:
    """ResNet-1202 takes seconds to count, and every run asks more than once."""
    return walk(DepthNet(net, depth, shortcut, zero_padding, classes, width), (3, 32, 32))


def work(settings: Settings, classes: int = 10) -> Work:
    """Count the settings' net for images of 3 x 32 x 32."""
    model = settings.model
    return _work(settings.net, settings.depth, model.shortcut, model.zero_padding, classes, model.width)


def describe(settings: Settings, classes: int = 10) -> DescriptionRecord:
    """The layer table of the settings' net."""
    shortcut = "none" if settings.net == "plain" else settings.model.shortcut
    return DescriptionRecord(
        name=settings.name,
        net=settings.net,
        depth=settings.depth,
        shortcut=shortcut,
        zero_padding=settings.model.zero_padding if shortcut == "A" else None,
        classes=classes,
        layers=tuple(
            Layer(
                name=layer.name,
                kind=layer.kind,
                kernel=layer.kernel,
                stride=layer.stride,
                output=layer.output[:1] if layer.output[1:] == (1, 1) else layer.output,
                parameters=layer.parameters,
                multiply_adds=layer.multiply_adds,
            )
            for layer in work(settings, classes).layers
        ),
    )
