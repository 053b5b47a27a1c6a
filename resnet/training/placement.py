"""How a net trains on a machine, by its memory: how many seeds side by side, and whether activations are kept."""

from __future__ import annotations

import math
from typing import NamedTuple

from resnet.nets.layers import ACTIVATION_BYTES, work
from resnet.params import Settings
from resnet.system import Machine
from resnet.threads import memory_limit

SHARE = 0.8
"""Of the device's memory, what a plan may fill: libraries and other programs need some too."""

TEMPORARY = 1.3
"""Gradients and the convolutions' workspaces beside the activations that are kept."""

MOST_AT_ONCE = 8
"""Seeds side by side that fill any GPU: more would only wait for one another, and a kill would cost more runs."""

FIXED_BYTES = 700 * 2**20
"""The data set as bytes, and the libraries' own."""


def run_bytes(settings: Settings, precision: str) -> float:
    """About what a run fills that keeps its activations: the outputs of convolutions and of batch norm."""
    kept = sum(layer.outputs for layer in work(settings).layers if layer.kind in ("conv", "bn"))
    return TEMPORARY * kept * settings.train.batch_size * ACTIVATION_BYTES[precision] + FIXED_BYTES


class Placement(NamedTuple):
    """Where and how a net trains."""

    machine: Machine
    """The device, and the precision of the iterations."""
    seeds: int
    """Seeds that train side by side on it."""
    recompute: bool
    """Whether the backward pass computes activations again instead of keeping them."""


def place(settings: Settings, machine: Machine) -> Placement:
    """Decide how a net trains on the machine that the command has chosen."""
    recipe, limit = settings.train, None if machine.gpu else memory_limit()
    room = SHARE * min(machine.memory_bytes(), math.inf if limit is None else limit)
    needed = run_bytes(settings, machine.precision)
    recompute = needed > room if recipe.recompute == "auto" else recipe.recompute
    fitting = min(MOST_AT_ONCE, max(1, int(room / needed))) if machine.cuda and not recompute else 1
    return Placement(machine, fitting if recipe.seeds_at_once == "auto" else recipe.seeds_at_once, recompute)
