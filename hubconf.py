"""Entry points for torch.hub: `torch.hub.load("OWNER/resnet-depth", "resnet20")`."""

from __future__ import annotations

import functools
from pathlib import Path

from resnet.nets.model import DepthNet

dependencies = ["torch"]


def _net(net: str, depth: int, weights: str | None = None, **options: object) -> DepthNet:
    """Build a net; `weights` is a safetensors or PyTorch file of its state dict.

    Options are those of `resnet.nets.model.DepthNet`: shortcut, zero_padding, classes.
    """
    built = DepthNet(net, depth, **options)  # type: ignore[arg-type]
    if weights is not None:
        from resnet.nets.weights import load_weights

        load_weights(built, Path(weights))
    return built


resnet20 = functools.partial(_net, "resnet", 20)
resnet32 = functools.partial(_net, "resnet", 32)
resnet44 = functools.partial(_net, "resnet", 44)
resnet56 = functools.partial(_net, "resnet", 56)
resnet110 = functools.partial(_net, "resnet", 110)
resnet1202 = functools.partial(_net, "resnet", 1202)
plain20 = functools.partial(_net, "plain", 20)
plain32 = functools.partial(_net, "plain", 32)
plain44 = functools.partial(_net, "plain", 44)
plain56 = functools.partial(_net, "plain", 56)
plain110 = functools.partial(_net, "plain", 110)
preact20 = functools.partial(_net, "preact", 20)
preact56 = functools.partial(_net, "preact", 56)
preact110 = functools.partial(_net, "preact", 110)
