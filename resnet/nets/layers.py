"""A net or a part of one counted layer by layer, and what a step of it has to compute and to move.

The module runs once on the CPU, with one empty image: PyTorch's meta device, which computes nothing, first loads a
compiler for seconds.

Multiply-adds and bytes are those of the convolutions and the fully connected layer. Batch norm, ReLU, the
addition of the shortcut and pooling are counted as if fused into their neighbours, with no traffic of
their own. The bytes are therefore a lower bound for a machine that keeps no layer's output in a cache
until the next layer reads it: a real step makes more passes, and a large cache can save some.

    forward            each layer reads its input and its weight, and writes its output
    backward           each reads its input, its weight and its output's gradient, and writes its weight's
                       gradient and its input's, but for the layer that reads the images
    update             reads gradient, weight and momentum, writes weight and momentum

Activations have the precision's size, weights and their gradients are fp32.
"""

from __future__ import annotations

import functools
import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from resnet.nets.model import DepthNet, ZeroPaddedIdentity, count_parameters
from resnet.params import Settings
from resnet.results import DescriptionRecord, Layer, StepWork

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
WEIGHT_BYTES = 4
BACKWARD: Literal["forward+backward"] = "forward+backward"
"""The passes of which the backward pass is one; the others are `forward` and `inference`."""


class CountedLayer(NamedTuple):
    """One layer as one image passes it."""

    name: str
    """The module's path, such as `layer1.0.conv1`."""
    kind: str
    """One of `KINDS`."""
    kernel: str
    """Such as `3x3`; empty where there is none."""
    stride: int | None
    input: tuple[int, ...]
    """Channels, height and width; features after pooling."""
    output: tuple[int, ...]
    parameters: int
    multiply_adds: int

    @property
    def inputs(self) -> int:
        """Numbers that it reads."""
        return math.prod(self.input)

    @property
    def outputs(self) -> int:
        """Numbers that it writes."""
        return math.prod(self.output)


def _count(name: str, module: nn.Module, input_: Tensor, output: Tensor) -> CountedLayer:
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
        input=tuple(input_.shape[1:]),
        output=tuple(output.shape[1:]),
        parameters=parameters,
        multiply_adds=multiply_adds,
    )


class Work(NamedTuple):
    """The layers of a module in the order in which they run, and what follows for a step."""

    layers: tuple[CountedLayer, ...]
    reads_images: bool
    """Whether its input needs no gradient: a whole net, or the first convolution."""

    @property
    def weighted(self) -> list[CountedLayer]:
        """The convolutions and the fully connected layer."""
        return [layer for layer in self.layers if layer.multiply_adds]

    @property
    def parameters(self) -> int:
        return sum(layer.parameters for layer in self.layers)

    @property
    def multiply_adds(self) -> int:
        """Of one image's forward pass."""
        return sum(layer.multiply_adds for layer in self.layers)

    def flops(self, passes: str, batch_size: int) -> int:
        """Floating-point operations, two a multiply-add.

        The backward pass has as many multiply-adds for the weights' gradients as the forward pass, and as
        many again for the inputs' gradients, which the layer that reads the images does not need.
        """
        adds = self.multiply_adds
        if passes == BACKWARD:
            adds = 3 * adds - (self.weighted[0].multiply_adds if self.reads_images else 0)
        return 2 * batch_size * adds

    def bytes(self, passes: str, batch_size: int, precision: str) -> int:
        """Bytes read and written, as the module's docstring counts them."""
        layers = self.weighted
        inputs, outputs = sum(layer.inputs for layer in layers), sum(layer.outputs for layer in layers)
        weights = sum(layer.parameters for layer in layers)
        if passes == BACKWARD:
            first = layers[0].inputs if self.reads_images else 0
            inputs, outputs, weights = 3 * inputs - first, 2 * outputs, 3 * weights
        return batch_size * (inputs + outputs) * ACTIVATION_BYTES[precision] + weights * WEIGHT_BYTES

    def update_bytes(self) -> int:
        """Bytes that SGD with momentum reads and writes in one update."""
        return 5 * self.parameters * WEIGHT_BYTES

    def step(self, passes: str, batch_size: int, precision: str) -> StepWork:
        """A step's operations and bytes, without an update."""
        return StepWork(flops=self.flops(passes, batch_size), bytes=self.bytes(passes, batch_size, precision))

    def training_step(self, batch_size: int, precision: str) -> StepWork:
        """A training step's, with its update.

        It counts as three forward passes' multiply-adds, as is usual; the input gradient of the first
        convolution, which is not needed, is 0.4 % of ResNet-20's.
        """
        moved = self.bytes(BACKWARD, batch_size, precision) + self.update_bytes()
        return StepWork(flops=3 * self.flops("forward", batch_size), bytes=moved)


def walk(module: nn.Module, shape: tuple[int, ...], reads_images: bool = True) -> Work:
    """List a module's layers in the order in which they run.

    Args:
        module: on the CPU; it is left in evaluation mode.
        shape: of one input: channels, height and width.
        reads_images: whether the input needs no gradient.
    """
    layers: list[CountedLayer] = []
    handles: list[RemovableHandle] = []

    def watch(name: str, layer: nn.Module) -> None:
        def count(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            layers.append(_count(name, layer, inputs[0], output))

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
    return Work(tuple(layers), reads_images)


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
