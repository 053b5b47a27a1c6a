"""Speed and memory of a net on this machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from pydantic import ValidationError

from resnet.data import Data, Images, Source, split
from resnet.measuring.stopwatch import Step, graphed, steps_that_fill, time_in_turn, wall_clock
from resnet.nets import kernels
from resnet.nets.layers import work
from resnet.params import Settings
from resnet.results import DamagedFile, ThroughputRecord, Timing
from resnet.system import Machine
from resnet.training.batches import Batches
from resnet.training.trainer import EAGER_ITERATIONS, Trainer, build_net

VERSION = 1
"""Of what a figure means: raised, it lets DVC measure anew. Faster code leaves it: a result names its commit."""

Stepper = Callable[[Settings, Machine, int, int], Step]
"""Builds a net's step for a batch size and a number of classes."""

GPU_ROUND_SECONDS = 0.1
"""A round lasts at least so long on a GPU, where a few steps are over before its clock and its speed have settled."""


def noise(images: int, classes: int = 10) -> Data:
    """Random images and labels, of the first ten classes: what a step takes does not depend on them."""
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (2 * images, 3, 32, 32), dtype=np.uint8)
    labels = random.integers(0, min(classes, 10), 2 * images, dtype=np.uint8)
    train, test = Images(pixels[:images], labels[:images]), Images(pixels[images:], labels[images:])
    return split(Source("noise", tuple(map(str, range(classes))), train, test), validation=0, seed=0)


def warm_up(step: Step, machine: Machine, steps: int) -> None:
    """Do a step until it is as fast as it will be; on a GPU the first iterations are not yet replayed from a graph."""
    for _ in range(steps + (EAGER_ITERATIONS if machine.cuda else 0)):
        step()
    machine.synchronise()


def training_stepper(settings: Settings, machine: Machine, batch_size: int, classes: int = 10) -> Step:
    """Build the trainer that `resnet train` uses; a call does its next iteration, augmentation and update included."""
    # However short the plan's runs are, a measurement goes on for as many iterations as it needs.
    endless = settings.with_train(batch_size=batch_size, warmup=False, iterations=1_000_000)
    return Trainer(endless, 0, noise(8 * batch_size, classes), machine).advance


def inference_stepper(settings: Settings, machine: Machine, batch_size: int, classes: int = 10) -> Step:
    """Build a net in evaluation mode; a call runs one forward pass, the images' preparation included."""
    batches = Batches(noise(batch_size, classes), seed=0, batch_size=batch_size, device=machine.device)
    net = build_net(settings, classes, seed=0, device=machine.device).eval()

    @torch.inference_mode()
    def step() -> None:
        with machine.arithmetic():
            net(batches.single_view(batches.test.images))

    return (graphed(step) if machine.cuda else None) or step


def _ready(stepper: Stepper, settings: Settings, machine: Machine, classes: int) -> tuple[Step, int, int]:
    """A step that is warm, how many make a round, and the memory that it takes (bytes)."""
    plan = settings.throughput
    machine.forget_peak_memory()
    before = machine.held_memory_bytes()
    step = stepper(settings, machine, plan.batch_size, classes)
    warm_up(step, machine, plan.warmup_steps)
    filling = steps_that_fill(step, wall_clock(machine), GPU_ROUND_SECONDS)[0] if machine.gpu else 1
    return step, max(plan.steps, filling), machine.peak_memory_bytes() - before


def measure_throughput(settings: Settings, machine: Machine, classes: int = 10) -> ThroughputRecord:
    """Measure training and inference of a net, a round of each in turn."""
    plan, net = settings.throughput, work(settings, classes)
    ready = [_ready(stepper, settings, machine, classes) for stepper in (inference_stepper, training_stepper)]
    steps, counts, _ = zip(*ready, strict=True)
    times = time_in_turn(steps, wall_clock(machine), counts, plan.repeats)

    inference, training = (
        Timing(batch_size=plan.batch_size, steps=count, step_seconds=seconds, peak_memory_bytes=peak)
        for (_, count, peak), seconds in zip(ready, times, strict=True)
    )
    return ThroughputRecord(
        name=settings.name,
        net=settings.net,
        depth=settings.depth,
        parameters=net.parameters,
        multiply_adds=net.multiply_adds,
        precision=machine.precision,
        training=training,
        inference=inference,
        settings=settings.model_dump(mode="json", include={"model", "train", "throughput"}),
        system=machine.describe(kernels.available),
        version=VERSION,
    )


BEARING = ("batch_norm_images", "compile", "device", "recompute")
"""Keys of `train` that bear on speed, besides the precision. The batch size is `throughput`'s own."""


def has_measured(file: Path, settings: Settings, classes: int = 10) -> bool:
    """Whether a file holds what would be measured of a net, on whatever machine it was."""
    try:
        record = ThroughputRecord.read(file)
        theirs = Settings.model_validate(settings.model_dump() | record.settings)
    except (DamagedFile, ValidationError):
        return False
    return (
        (record.name, record.net, record.depth) == (settings.name, settings.net, settings.depth)
        and (record.version, record.parameters) == (VERSION, work(settings, classes).parameters)
        and record.precision == settings.train.precision_beside(record.precision)
        and (theirs.model, theirs.throughput) == (settings.model, settings.throughput)
        and all(getattr(theirs.train, key) == getattr(settings.train, key) for key in BEARING)
    )
