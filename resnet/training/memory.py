"""What a training run keeps in memory, and what follows: activations kept or not, seeds side by side or not."""

from __future__ import annotations

import math

import psutil
import torch

from resnet.nets.layers import describe
from resnet.params import Settings

SHARE = 0.8
"""Of the device's memory, what a plan may fill: libraries and other programs need some too."""

TEMPORARY = 1.3
"""Gradients and the convolutions' workspaces beside the activations that are kept."""

FIXED_BYTES = 700 * 2**20
"""The data set as bytes, and the libraries' own."""


def activation_bytes(settings: Settings, precision: str) -> int:
    """Bytes that the forward pass of one mini-batch keeps for the backward pass.

    That is each convolution's output, which batch norm needs, and each batch norm's after ReLU, which
    the next convolution needs.
    """
    kept = [layer for layer in describe(settings).layers if layer.kind in ("conv", "bn")]
    numbers = sum(math.prod(layer.output) for layer in kept)
    return numbers * settings.train.batch_size * (2 if precision == "bf16" else 4)


def device_bytes(device: torch.device) -> int:
    """The memory of the GPU, or of the machine."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    return int(psutil.virtual_memory().total)


def recomputes(settings: Settings, precision: str, device: torch.device) -> bool:
    """Whether a run computes its activations again in the backward pass instead of keeping them."""
    wanted = settings.train.recompute
    if wanted == "auto":
        return TEMPORARY * activation_bytes(settings, precision) + FIXED_BYTES > SHARE * device_bytes(device)
    return wanted


def seeds_at_once(settings: Settings, precision: str, device: torch.device) -> int:
    """How many seeds of a net train side by side: on a GPU as many as fit, on a CPU one."""
    wanted = settings.train.seeds_at_once
    if wanted != "auto":
        return wanted
    if device.type != "cuda" or recomputes(settings, precision, device):
        return 1
    one = TEMPORARY * activation_bytes(settings, precision) + FIXED_BYTES
    return max(1, int(SHARE * device_bytes(device) / one))
