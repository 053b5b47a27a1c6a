"""A plan's net: the model with the settings that params.yaml has for it."""

from __future__ import annotations

from resnet.nets.model import DepthNet
from resnet.params import Settings


def build(settings: Settings, classes: int) -> DepthNet:
    """The settings' net on the current device, its weights as PyTorch makes them."""
    model = settings.model
    return DepthNet(settings.net, settings.depth, model.shortcut, model.zero_padding, classes, model.width)
