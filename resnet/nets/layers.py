"""A net counted layer by layer: kernel, stride, output volume, parameters, multiply-adds.

Nothing is computed: the net is built and run on PyTorch's meta device, which knows shapes alone.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from resnet.nets.model import DepthNet, ZeroPaddedIdentity, count_parameters
from resnet.params import Settings
from resnet.records import DescriptionRecord, Layer

KINDS: dict[type[nn.Module], str] = {
    nn.Conv2d: "conv",
    nn.BatchNorm2d: "bn",
    ZeroPaddedIdentity: "shortcut",
    nn.AdaptiveAvgPool2d: "avgpool",
    nn.Linear: "fc",
}


def _layer(name: str, module: nn.Module, kind: str, output: Tensor) -> Layer:
    volume = tuple(output.shape[1:])
    parameters = count_parameters(module)
    kernel, stride, multiply_adds = "", None, 0
    if isinstance(module, nn.Conv2d):
        kernel, stride = "x".join(map(str, module.kernel_size)), int(module.stride[0])
        multiply_adds = parameters * volume[1] * volume[2]  # each weight once per output pixel
    elif isinstance(module, nn.Linear):
        multiply_adds = module.weight.numel()
    elif isinstance(module, ZeroPaddedIdentity):
        stride = module.stride
    return Layer(
        name=name,
        kind=kind,
        kernel=kernel,
        stride=stride,
        output=volume[:1] if volume[1:] == (1, 1) else volume,
        parameters=parameters,
        multiply_adds=multiply_adds,
    )


def layers(net: nn.Module, channels: int = 3, size: int = 32) -> list[Layer]:
    """List a net's layers in the order in which they run, for images (channels, size, size).

    The net must be on the meta device.
    """
    found: list[Layer] = []
    handles: list[RemovableHandle] = []

    def watch(name: str, module: nn.Module, kind: str) -> None:
        def record(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            found.append(_layer(name, module, kind, output))

        handles.append(module.register_forward_hook(record))

    for name, module in net.named_modules():
        if type(module) in KINDS:
            watch(name, module, KINDS[type(module)])
    try:
        net.eval()
        with torch.inference_mode():
            net(torch.empty(1, channels, size, size, device="meta"))
    finally:
        for handle in handles:
            handle.remove()
    return found


def describe(settings: Settings, classes: int = 10) -> DescriptionRecord:
    """Count the settings' net for images of 3 x 32 x 32."""
    model = settings.model
    return DescriptionRecord(
        name=settings.name,
        net=settings.net,
        depth=settings.depth,
        shortcut="none" if settings.net == "plain" else model.shortcut,
        classes=classes,
        layers=_layers(settings.net, settings.depth, model.shortcut, model.zero_padding, classes),
    )


@functools.cache
def _layers(net: str, depth: int, shortcut: str, zero_padding: str, classes: int) -> tuple[Layer, ...]:
    """ResNet-1202 takes seconds to count, and every run asks more than once."""
    with torch.device("meta"):
        return tuple(layers(DepthNet(net, depth, shortcut, zero_padding, classes)))
