"""Speed and memory of a net on this machine, beside what the machine reaches at its best."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from resnet.data import Data, Images, Source, split
from resnet.errors import UserError
from resnet.measuring.peaks import measure_peaks, together
from resnet.measuring.stopwatch import Step, graphed, steps_that_fill, time_in_turn, wall_clock
from resnet.nets import kernels
from resnet.nets.layers import work
from resnet.params import Settings, ThroughputParams
from resnet.results import ThroughputRecord, Timing
from resnet.system import Machine
from resnet.training.batches import Batches
from resnet.training.placement import SHARE, run_bytes
from resnet.training.trainer import EAGER_ITERATIONS, Trainer, build_net

VERSION = 1
"""Of what a figure means. Whoever times something else, or otherwise, raises it, and DVC measures anew. Faster code
leaves it: a result names the commit that it was made with.
"""

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
    """Build a trainer, the very one that `resnet train` uses; a call does its next iteration.

    That is augmentation, forward pass, backward pass and update.
    """
    # However short the plan's runs are, a measurement goes on for as many iterations as it needs.
    endless = settings.with_train(batch_size=batch_size, warmup=False, iterations=1_000_000)
    return Trainer(endless, 0, noise(8 * batch_size, classes), machine).advance


def inference_stepper(settings: Settings, machine: Machine, batch_size: int, classes: int = 10) -> Step:
    """Build a net in evaluation mode; a call runs one forward pass, the images' preparation included.

    If the device can capture it as a graph it is replayed from one, as a training step is.
    """
    batches = Batches(noise(batch_size, classes), seed=0, batch_size=batch_size, device=machine.device)
    net = build_net(settings, classes, seed=0, device=machine.device).eval()

    @torch.inference_mode()
    def step() -> None:
        with machine.arithmetic():
            net(batches.single_view(batches.test.images))

    return (graphed(step) if machine.cuda else None) or step


@dataclass(frozen=True)
class _Ready:
    """A step of a net that is warm, and the memory that it takes."""

    plan: ThroughputParams
    step: Step
    steps: int
    """Of a round."""
    peak_memory_bytes: int

    def timing(self, seconds: tuple[float, ...]) -> Timing:
        batch_size, peak = self.plan.batch_size, self.peak_memory_bytes
        return Timing(batch_size=batch_size, steps=self.steps, step_seconds=seconds, peak_memory_bytes=peak)


def _ready(stepper: Stepper, settings: Settings, machine: Machine, classes: int) -> _Ready:
    plan = settings.throughput
    machine.forget_peak_memory()
    before = machine.held_memory_bytes()
    step = stepper(settings, machine, plan.batch_size, classes)
    warm_up(step, machine, plan.warmup_steps)
    filling = steps_that_fill(step, wall_clock(machine), GPU_ROUND_SECONDS)[0] if machine.gpu else 1
    return _Ready(plan, step, max(plan.steps, filling), machine.peak_memory_bytes() - before)


def _bytes(settings: Settings, machine: Machine) -> float:
    """About what a net's training fills, at the batch size that is measured."""
    return run_bytes(settings.with_train(batch_size=settings.throughput.batch_size), machine.precision)


def _check_room(nets: Sequence[Settings], machines: Sequence[Machine]) -> None:
    needed = sum(_bytes(net, machine) for net, machine in zip(nets, machines, strict=True))
    if machines[0].gpu and len(nets) > 1 and needed > SHARE * machines[0].memory_bytes():
        raise UserError(f"the nets take about {needed / 2**30:.0f} GiB beside one another: name fewer with --nets")


def measure_throughput(
    nets: Sequence[Settings], machines: Sequence[Machine], classes: int = 10
) -> list[ThroughputRecord]:
    """Measure training and inference of nets, a round of each in turn, and the machine's peaks.

    So what else the machine does meets all alike. The nets are built from the smallest to the largest, inference before
    training: a CPU's peak of memory is the process's, which is then that of the net just built.

    Args:
        nets: the most of their `throughput.repeats` holds for all.
        machines: where each is measured, and in which precision; of one device.
        classes: of all nets.

    Raises:
        UserError: they do not fit a GPU's memory beside one another.
    """
    _check_room(nets, machines)
    clock, rounds = wall_clock(machines[0]), max(net.throughput.repeats for net in nets)
    ascending = sorted(range(len(nets)), key=lambda k: _bytes(nets[k], machines[k]))
    kinds = (inference_stepper, training_stepper)
    ready = [_ready(stepper, nets[k], machines[k], classes) for stepper in kinds for k in ascending]
    # The peaks before and after, so that a machine that others use is compared with itself.
    precisions = {machine.precision: machine for machine in machines}
    before = {precision: measure_peaks(machine, rounds) for precision, machine in precisions.items()}
    seconds = time_in_turn([each.step for each in ready], clock, [each.steps for each in ready], rounds)
    timings = [each.timing(times) for each, times in zip(ready, seconds, strict=True)]
    after = {precision: measure_peaks(machine, rounds) for precision, machine in precisions.items()}
    inference = dict(zip(ascending, timings[: len(nets)], strict=True))
    training = dict(zip(ascending, timings[len(nets) :], strict=True))
    records = []
    for k, (settings, machine) in enumerate(zip(nets, machines, strict=True)):
        net, precision, batch_size = work(settings, classes), machine.precision, settings.throughput.batch_size
        records.append(
            ThroughputRecord(
                name=settings.name,
                net=settings.net,
                depth=settings.depth,
                parameters=net.parameters,
                multiply_adds=net.multiply_adds,
                precision=precision,
                training=training[k],
                inference=inference[k],
                training_work=net.training_step(batch_size, precision),
                inference_work=net.step("inference", batch_size, precision),
                peaks=together(before[precision], after[precision]),
                settings=settings.model_dump(mode="json", include={"model", "train", "throughput"}),
                system=machine.describe(kernels.available),
            )
        )
    return records
