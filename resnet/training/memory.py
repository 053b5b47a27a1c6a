"""What a training run keeps in memory, and what follows: activations kept or not, seeds side by side or not."""

from __future__ import annotations

from resnet.nets.layers import ACTIVATION_BYTES, work
from resnet.params import Settings
from resnet.system import Machine

SHARE = 0.8
"""Of the device's memory, what a plan may fill: libraries and other programs need some too."""

TEMPORARY = 1.3
"""Gradients and the convolutions' workspaces beside the activations that are kept."""

MOST_AT_ONCE = 8
"""Seeds side by side that fill any GPU: more would only wait for one another, and a kill would cost more runs."""

FIXED_BYTES = 700 * 2**20
"""The data set as bytes, and the libraries' own."""


def activation_bytes(settings: Settings, precision: str) -> int:
    """Bytes that the forward pass of one mini-batch keeps for the backward pass.

    That is each convolution's output, which batch norm needs, and each batch norm's after ReLU, which
    the next convolution needs.
    """
    kept = sum(layer.outputs for layer in work(settings).layers if layer.kind in ("conv", "bn"))
    return kept * settings.train.batch_size * ACTIVATION_BYTES[precision]


def run_bytes(settings: Settings, precision: str) -> float:
    """About what a run that keeps its activations fills."""
    return TEMPORARY * activation_bytes(settings, precision) + FIXED_BYTES


def recomputes(settings: Settings, machine: Machine) -> bool:
    """Whether a run computes its activations again in the backward pass instead of keeping them."""
    wanted = settings.train.recompute
    if wanted == "auto":
        return run_bytes(settings, machine.precision) > SHARE * machine.memory_bytes()
    return wanted


def seeds_at_once(settings: Settings, machine: Machine) -> int:
    """How many seeds of a net train side by side: on a GPU with streams as many as fit, `MOST_AT_ONCE` at most."""
    wanted = settings.train.seeds_at_once
    if wanted != "auto":
        return wanted
    if not machine.cuda or recomputes(settings, machine):
        return 1
    fitting = int(SHARE * machine.memory_bytes() / run_bytes(settings, machine.precision))
    return min(MOST_AT_ONCE, max(1, fitting))
