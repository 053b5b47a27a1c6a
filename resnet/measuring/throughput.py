"""Speed, memory and energy of a net on this machine, beside what the machine reaches at its best."""

from __future__ import annotations

import numpy as np
import torch

from resnet.data import Data, Images, Source, split
from resnet.measuring.energy import measure_energy
from resnet.measuring.graphs import graphed
from resnet.measuring.peaks import measure_peaks, together
from resnet.measuring.stopwatch import Step, time_step, wall_clock
from resnet.nets import fused
from resnet.nets.layers import work
from resnet.params import Settings, ThroughputParams
from resnet.records import ThroughputRecord, Timing
from resnet.system import Machine
from resnet.training.batches import Batches
from resnet.training.trainer import EAGER_ITERATIONS, Trainer, build_net

VERSION = 1
"""Of what a figure means. Whoever times something else, or otherwise, raises it, and DVC measures anew. Faster code
leaves it: a result names the commit that it was made with.
"""


def noise(images: int) -> Data:
    """Random images and labels: what a step takes does not depend on them."""
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (2 * images, 3, 32, 32), dtype=np.uint8)
    labels = random.integers(0, 10, 2 * images, dtype=np.uint8)
    train, test = Images(pixels[:images], labels[:images]), Images(pixels[images:], labels[images:])
    return split(Source("noise", tuple("0123456789"), train, test), validation=0, seed=0)


def time_steps(step: Step, batch_size: int, machine: Machine, plan: ThroughputParams) -> Timing:
    """Warm a step up, then time it as the plan says."""
    machine.forget_peak_memory()
    # On a GPU the first iterations are not yet replayed from a graph.
    for _ in range(plan.warmup_steps + (EAGER_ITERATIONS if machine.abilities.graphs else 0)):
        step()
    seconds = time_step(step, wall_clock(machine), plan.steps, plan.repeats)
    return Timing(
        batch_size=batch_size,
        steps=plan.steps,
        step_seconds=seconds,
        peak_memory_bytes=machine.peak_memory_bytes(),
    )


def training_stepper(settings: Settings, machine: Machine, batch_size: int) -> Step:
    """Build a trainer, the very one that `resnet train` uses; a call does its next iteration.

    That is augmentation, forward pass, backward pass and update.
    """
    # However short the plan's runs are, a measurement goes on for as many iterations as it needs.
    endless = {"batch_size": batch_size, "warmup": False, "iterations": 1_000_000}
    train = settings.train.model_copy(update=endless)
    trainer = Trainer(settings.model_copy(update={"train": train}), 0, noise(8 * batch_size), machine)
    return trainer.advance


def inference_stepper(settings: Settings, machine: Machine, batch_size: int) -> Step:
    """Build a net in evaluation mode; a call runs one forward pass, the images' preparation included.

    Where the device has graphs it is replayed from one, as a training step is.
    """
    batches = Batches(noise(batch_size), seed=0, batch_size=batch_size, device=machine.device)
    net = build_net(settings, classes=10, seed=0, device=machine.device).eval()

    @torch.inference_mode()
    def step() -> None:
        with machine.arithmetic():
            net(batches.single_view(batches.test.images))

    return graphed(step) if machine.abilities.graphs else step


def measure_throughput(settings: Settings, machine: Machine) -> ThroughputRecord:
    """Measure training and inference of the settings' net on this machine, and the machine's peaks.

    Inference comes first: on a CPU the peak of memory is the process's, and training's is higher.
    """
    plan, batch_size, precision = settings.throughput, settings.throughput.batch_size, machine.precision
    net = work(settings)
    step = inference_stepper(settings, machine, batch_size)
    inference, inference_energy = time_steps(step, batch_size, machine, plan), measure_energy(step, batch_size, machine)
    # The peaks before and after training, so that a machine that others use is compared with itself.
    before = measure_peaks(machine, plan.repeats)
    step = training_stepper(settings, machine, batch_size)
    training, training_energy = time_steps(step, batch_size, machine, plan), measure_energy(step, batch_size, machine)
    peaks = together(before, measure_peaks(machine, plan.repeats))
    return ThroughputRecord(
        name=settings.name,
        net=settings.net,
        depth=settings.depth,
        parameters=net.parameters,
        multiply_adds=net.multiply_adds,
        precision=precision,
        training=training,
        inference=inference,
        training_work=net.training_step(batch_size, precision),
        inference_work=net.step("inference", batch_size, precision),
        training_energy=training_energy,
        inference_energy=inference_energy,
        peaks=peaks,
        settings=settings.model_dump(mode="json", include={"model", "train", "throughput"}),
        system=machine.describe(fused.available),
    )
