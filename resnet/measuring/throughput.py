"""Speed and memory of a net on this machine, and the forecast of a plan from a few measured steps."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import torch

from resnet.data import Data, Images, Source, split
from resnet.measuring.energy import EnergyMeter
from resnet.measuring.peaks import measure_peaks, together
from resnet.nets.layers import describe
from resnet.nets.model import DepthNet
from resnet.nets.traffic import BACKWARD, count
from resnet.params import Settings, ThroughputParams
from resnet.records import Energy, ForecastRow, StepWork, ThroughputRecord, Timing
from resnet.system import (
    arithmetic,
    choose_device,
    choose_precision,
    describe_system,
    peak_memory_bytes,
    synchronise,
)
from resnet.training.batches import Batches
from resnet.training.memory import recomputes, seeds_at_once
from resnet.training.trainer import EAGER_ITERATIONS, Trainer, build_net

VERSION = 1
"""Of what a figure means, and of how fast the nets are. Whoever makes them faster, or times them otherwise, raises it:
DVC then measures anew. A change of the forecast leaves it.
"""

DEEPEST_MEASURED = 110
"""A forecast scales deeper nets by multiply-adds: a step of ResNet-1202 takes seconds on a CPU."""


def noise(images: int) -> Data:
    """Random images and labels: what a step takes does not depend on them."""
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (2 * images, 3, 32, 32), dtype=np.uint8)
    labels = random.integers(0, 10, 2 * images, dtype=np.uint8)
    train, test = Images(pixels[:images], labels[:images]), Images(pixels[images:], labels[images:])
    return split(Source("noise", tuple("0123456789"), train, test), validation=0, seed=0)


def measure(step: Callable[[int], object], batch_size: int, device: torch.device, plan: ThroughputParams) -> Timing:
    """Time `step(i)`: warm-up steps first, then repeats of several steps between two synchronisations."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    # On a GPU the first iterations are not yet replayed from a graph.
    for number in range(plan.warmup_steps + (EAGER_ITERATIONS if device.type == "cuda" else 0)):
        step(number)
    seconds = []
    for _ in range(plan.repeats):
        synchronise(device)
        began = time.perf_counter()
        for number in range(plan.steps):
            step(number)
        synchronise(device)
        seconds.append((time.perf_counter() - began) / plan.steps)
    return Timing(
        batch_size=batch_size,
        steps=plan.steps,
        step_seconds=tuple(seconds),
        peak_memory_bytes=peak_memory_bytes(device),
    )


ENERGY_REPEATS = 3
ENERGY_SECONDS = 2.0
"""Length of a stretch over which energy is measured: the counter moves some ten times a second."""


def measure_energy(step: Callable[[int], object], batch_size: int, device: torch.device) -> Energy | None:
    """Measure the energy of stretches of `step(i)`; None where NVML has no counter."""
    if not EnergyMeter(device).available:
        return None
    found: list[tuple[int, float, float]] = []
    for _ in range(ENERGY_REPEATS):
        synchronise(device)
        meter, began, steps = EnergyMeter(device), time.perf_counter(), 0
        while time.perf_counter() - began < ENERGY_SECONDS:
            for _ in range(5):
                step(steps)
                steps += 1
            synchronise(device)
        joules = meter.joules()
        assert joules is not None, "the meter said that it can measure"
        found.append((steps * batch_size, joules, time.perf_counter() - began))
    images, joules_found, seconds = zip(*found, strict=True)
    return Energy(images=images, joules=joules_found, seconds=seconds)


def count_work(settings: Settings, precision: str, batch_size: int) -> tuple[StepWork, StepWork]:
    """What a training step and an inference step have to compute and to move.

    Training counts as three forward passes' multiply-adds, as is usual; the input gradient of the first
    convolution, which is not needed, is 0.4 % of ResNet-20's.
    """
    with torch.device("meta"):
        net = DepthNet(settings.net, settings.depth, settings.model.shortcut, settings.model.zero_padding)
    work = count(net, (3, 32, 32), reads_images=True)
    moved = work.bytes(BACKWARD, batch_size, precision) + work.update_bytes()
    training = StepWork(flops=3 * work.flops("inference", batch_size), bytes=moved)
    inference = StepWork(
        flops=work.flops("inference", batch_size), bytes=work.bytes("inference", batch_size, precision)
    )
    return training, inference


def time_training(settings: Settings, device: torch.device, precision: str, batch_size: int, seeds: int = 1) -> Timing:
    """Time training steps: augmentation, forward pass, backward pass and update, of all seeds together."""
    steps = [training_stepper(settings, device, precision, batch_size) for _ in range(seeds)]

    def step(number: int) -> None:
        for one in steps:
            one(number)

    return measure(step, seeds * batch_size, device, settings.throughput)


def training_stepper(
    settings: Settings, device: torch.device, precision: str, batch_size: int
) -> Callable[[int], object]:
    """Build a trainer, the very one that `resnet train` uses; a call does its next iteration."""
    # However short the plan's runs are, a measurement goes on for as many iterations as it needs.
    endless = {"batch_size": batch_size, "warmup": False, "iterations": 1_000_000}
    train = settings.train.model_copy(update=endless)
    trainer = Trainer(settings.model_copy(update={"train": train}), 0, noise(8 * batch_size), device, precision)
    return lambda number: trainer.advance()


def inference_stepper(
    settings: Settings, device: torch.device, precision: str, batch_size: int
) -> Callable[[int], object]:
    """Build a net in evaluation mode; a call runs one forward pass, the images' preparation included."""
    batches = Batches(noise(batch_size), seed=0, batch_size=batch_size, device=device)
    net = build_net(settings, classes=10, seed=0, device=device).eval()

    @torch.inference_mode()
    def step(number: int) -> None:
        with arithmetic(precision, device):
            net(batches.single_view(batches.test.images))

    return step


def throughput(settings: Settings) -> ThroughputRecord:
    """Measure training and inference of the settings' net on this machine, and the machine's peaks.

    Inference comes first: on a CPU the peak of memory is the process's, and training's is higher.

    Raises:
        UserError: the settings ask for a device or a precision that is not there.
    """
    device = choose_device(settings.train.device)
    precision = choose_precision(settings.train.precision, device)
    plan, batch_size = settings.throughput, settings.throughput.batch_size
    description = describe(settings)
    training_work, inference_work = count_work(settings, precision, batch_size)
    step = inference_stepper(settings, device, precision, batch_size)
    inference, inference_energy = measure(step, batch_size, device, plan), measure_energy(step, batch_size, device)
    # The peaks before and after training, so that a machine that others use is compared with itself.
    before = measure_peaks(device, precision, plan.repeats)
    step = training_stepper(settings, device, precision, batch_size)
    training, training_energy = measure(step, batch_size, device, plan), measure_energy(step, batch_size, device)
    peaks = together(before, measure_peaks(device, precision, plan.repeats))
    return ThroughputRecord(
        name=settings.name,
        net=settings.net,
        depth=settings.depth,
        parameters=description.parameters,
        multiply_adds=description.multiply_adds,
        precision=precision,
        training=training,
        inference=inference,
        training_work=training_work,
        inference_work=inference_work,
        training_energy=training_energy,
        inference_energy=inference_energy,
        peaks=peaks,
        settings=settings.model_dump(mode="json", include={"model", "train", "throughput"}),
        system=describe_system(device),
    )


class Forecaster:
    """Forecasts of training time from a few measured steps per net and depth.

    Args:
        images_evaluated: images that one evaluation of the curve looks at.
    """

    def __init__(self, images_evaluated: int) -> None:
        self.images_evaluated = images_evaluated
        self._measured: dict[tuple[object, ...], float] = {}

    def step_seconds(self, settings: Settings, seeds: int = 1) -> float:
        """Seconds of a training iteration of one seed, where `seeds` of them wait.

        Those that a device trains side by side are measured side by side. Nets beyond `DEEPEST_MEASURED` are
        scaled by multiply-adds, and by 4/3 where they compute their activations, one pass of three, again.
        """
        device = choose_device(settings.train.device)
        precision = choose_precision(settings.train.precision, device)
        depth, batch_size = min(settings.depth, DEEPEST_MEASURED), settings.train.batch_size
        measured = settings.model_copy(
            update={"depth": depth, "throughput": ThroughputParams(warmup_steps=2, steps=3, repeats=1)}
        )
        width = min(seeds, seeds_at_once(settings, precision, device))
        key = (settings.net, depth, settings.model.shortcut, batch_size, width)
        if key not in self._measured:
            timing = time_training(measured, device, precision, batch_size, width)
            self._measured[key] = timing.median_seconds / width
        scale = describe(settings).multiply_adds / describe(measured).multiply_adds
        if recomputes(settings, precision, device) and not recomputes(measured, precision, device):
            scale *= 4 / 3
        return self._measured[key] * scale

    def row(self, settings: Settings, iterations_left: Sequence[int]) -> ForecastRow:
        """Forecast the runs of one net that are left.

        An image costs an evaluation a third of what it costs an iteration: the forward pass of three
        passes of equal multiply-adds.

        Args:
            settings: what holds for the net.
            iterations_left: of each run, those after its last checkpoint.
        """
        recipe = settings.train
        runs = len(iterations_left)
        step = self.step_seconds(settings, runs) if runs else 0.0
        evaluations = sum(1 + left // recipe.evaluate_every for left in iterations_left)
        image = step / recipe.batch_size / 3
        seconds = sum(iterations_left) * step + evaluations * self.images_evaluated * image
        return ForecastRow(
            name=settings.name,
            seeds_left=runs,
            step_seconds=step,
            measured=settings.depth <= DEEPEST_MEASURED,
            hours=seconds / 3600,
        )
