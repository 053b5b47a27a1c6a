"""What a net or a part of one has to compute and to move, counted from its layers' volumes.

Nothing is computed: the module runs on PyTorch's meta device, which knows shapes alone.

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

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from resnet.nets.model import count_parameters

ACTIVATION_BYTES = {"fp32": 4, "tf32": 4, "bf16": 2}
WEIGHT_BYTES = 4
BACKWARD: Literal["forward+backward"] = "forward+backward"
"""The passes of which the backward pass is one; the others are `forward` and `inference`."""


class Volume(NamedTuple):
    """One layer with weights, for one image."""

    inputs: int
    outputs: int
    weights: int
    multiply_adds: int


class Work(NamedTuple):
    """A module's layers in the order in which they run."""

    parameters: int
    layers: tuple[Volume, ...]
    reads_images: bool
    """Whether its input needs no gradient: a whole net, or the first convolution."""

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
            adds = 3 * adds - (self.layers[0].multiply_adds if self.reads_images else 0)
        return 2 * batch_size * adds

    def bytes(self, passes: str, batch_size: int, precision: str) -> int:
        """Bytes read and written, as the module's docstring counts them."""
        inputs, outputs = sum(layer.inputs for layer in self.layers), sum(layer.outputs for layer in self.layers)
        weights = sum(layer.weights for layer in self.layers)
        if passes == BACKWARD:
            first = self.layers[0].inputs if self.reads_images else 0
            inputs, outputs, weights = 3 * inputs - first, 2 * outputs, 3 * weights
        return batch_size * (inputs + outputs) * ACTIVATION_BYTES[precision] + weights * WEIGHT_BYTES

    def update_bytes(self) -> int:
        """Bytes that SGD with momentum reads and writes in one update."""
        return 5 * self.parameters * WEIGHT_BYTES


def count(module: nn.Module, shape: tuple[int, ...], reads_images: bool) -> Work:
    """Count a module that is on the meta device, for inputs (1, *shape)."""
    found: list[Volume] = []

    def record(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        weight = layer.weight
        assert isinstance(weight, Tensor)
        pixels = output[0, 0].numel() if isinstance(layer, nn.Conv2d) else 1
        weights = count_parameters(layer)
        found.append(Volume(inputs[0].numel(), output.numel(), weights, weight.numel() * pixels))

    handles = [
        layer.register_forward_hook(record) for layer in module.modules() if isinstance(layer, nn.Conv2d | nn.Linear)
    ]
    try:
        with torch.no_grad():
            module.eval()(torch.empty(1, *shape, device="meta"))
    finally:
        for handle in handles:
            handle.remove()
    return Work(count_parameters(module), tuple(found), reads_images)
