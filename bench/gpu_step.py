"""One training step on this machine, seen three ways; each net's file is written when it is known.

    python bench/gpu_step.py rate resnet-20 resnet-56 --seeds 5 --out DIR    # all seeds side by side
    python bench/gpu_step.py profile resnet-20 resnet-110 --out DIR          # the kernels of one step
    python bench/gpu_step.py convolutions --out DIR                          # by layout and cuDNN's settings

A rate holds what a forecast of `resnet train` needs: the seconds until the trainers are up to speed, of an
iteration of all seeds, and of the evaluation of an image. A profile counts the kernels of one step and their time;
on a GPU the step is replayed from its graph. `RESNET_FUSED=0` shows the plain operations, `--set
train.compile=true` compiled blocks. The images are noise: the speed does not depend on them.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from resnet import threads

threads.settle()

import torch
import torch.nn.functional as F
from torch.profiler import ProfilerActivity, profile

from resnet.files import write_text
from resnet.measuring.evaluate import evaluate, evaluation_batch_size
from resnet.measuring.stopwatch import Step, steps_that_fill, time_step, wall_clock
from resnet.measuring.throughput import noise
from resnet.params import Settings, load
from resnet.system import Machine, choose_machine
from resnet.training.placement import place
from resnet.training.trainer import EAGER_ITERATIONS, Trainer

ROUNDS = 3


def seconds_each(step: Step, machine: Machine, seconds: float, rounds: int = ROUNDS) -> float:
    """Seconds of a step: the median of rounds of about `seconds` each."""
    clock = wall_clock(machine)
    length, _ = steps_that_fill(step, clock, seconds)
    return statistics.median(time_step(step, clock, length, rounds))


def trainers(settings: Settings, machine: Machine, seeds: int) -> list[Trainer]:
    """Trainers up to speed, for as many iterations as a measurement needs; on a GPU their graphs are captured."""
    train = settings.train.model_copy(update={"iterations": 1_000_000, "warmup": False})
    endless = settings.model_copy(update={"train": train})
    data = noise(max(1000, evaluation_batch_size(machine)))
    ready = [Trainer(endless, seed, data, machine) for seed in range(seeds)]
    for _ in range(EAGER_ITERATIONS + 2):
        for trainer in ready:
            trainer.advance()
    machine.synchronise()
    return ready


def rate(settings: Settings, seeds: int, seconds: float) -> dict[str, Any]:
    """How fast `seeds` seeds train, as many side by side as `resnet train` takes."""
    machine = choose_machine(settings.train)
    width = min(seeds, place(settings, machine).seeds)
    began = time.perf_counter()
    side_by_side = trainers(settings, machine, width)
    ready = time.perf_counter() - began

    def step() -> None:
        for trainer in side_by_side:
            trainer.advance()

    iteration = seconds_each(step, machine, seconds)
    trainer = side_by_side[0]
    images = trainer.batches.test

    def evaluation() -> None:
        with trainer.on_stream():
            evaluate(trainer.net, images, trainer.batches.single_view, machine)

    return {
        "name": settings.name,
        "precision": machine.precision,
        "compiled": settings.train.compile,
        "seeds": seeds,
        "side_by_side": width,
        "seconds_until_ready": ready,
        "iteration_seconds": iteration,
        "images_per_second": width * settings.train.batch_size / iteration,
        "evaluation_seconds_per_image": seconds_each(evaluation, machine, seconds, 1) / len(images.labels),
    }


def kernels(settings: Settings, seconds: float) -> dict[str, Any]:
    """The kernels of one step, by the time that they take together; on a CPU its operations."""
    machine = choose_machine(settings.train)
    (trainer,) = trainers(settings, machine, 1)
    step_seconds = seconds_each(trainer.advance, machine, seconds)
    on_gpu = machine.abilities.clock  # elsewhere the profiler sees the host alone
    activity = ProfilerActivity.CUDA if on_gpu else ProfilerActivity.CPU
    with profile(activities=[activity]) as profiler:
        trainer.advance()
        machine.synchronise()
    events = profiler.key_averages()
    spent = "self_device_time_total" if on_gpu else "self_cpu_time_total"
    rows = [{"kernel": e.key, "calls": e.count, "microseconds": getattr(e, spent)} for e in events]
    rows = sorted((row for row in rows if row["microseconds"]), key=lambda row: -row["microseconds"])
    return {
        "name": settings.name,
        "precision": machine.precision,
        "compiled": settings.train.compile,
        "step_seconds": step_seconds,
        "kernels": sum(row["calls"] for row in rows),
        "kernel_seconds": sum(row["microseconds"] for row in rows) / 1e6,
        "by_kernel": rows,
    }


SHAPES = ((16, 32), (32, 16), (64, 8))
"""Channels and size of the convolutions that make up the three stages."""


def convolutions(batch_size: int, machine: Machine, seconds: float) -> Iterator[dict[str, Any]]:
    """Seconds of the stages' convolutions, forward and backward, by layout and cuDNN's settings."""
    formats = {"channels-last": torch.channels_last, "channels-first": torch.contiguous_format}
    for (channels, size), layout, dtype, (deterministic, benchmark) in itertools.product(
        SHAPES, formats, (torch.bfloat16, torch.float32), ((True, False), (True, True), (False, False), (False, True))
    ):
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = deterministic, benchmark
        x, dy = (
            torch.randn(batch_size, channels, size, size, device=machine.device, dtype=dtype)
            .contiguous(memory_format=formats[layout])
            .requires_grad_(k == 0)
            for k in range(2)
        )
        weight = torch.randn(channels, channels, 3, 3, device=machine.device, dtype=dtype)
        weight = weight.contiguous(memory_format=formats[layout]).requires_grad_()

        def step(x: torch.Tensor = x, weight: torch.Tensor = weight, dy: torch.Tensor = dy) -> None:
            torch.autograd.grad(F.conv2d(x, weight, None, 1, 1), (x, weight), dy)

        row = {"channels": channels, "size": size, "layout": layout, "dtype": str(dtype).removeprefix("torch.")}
        row |= {"deterministic": deterministic, "benchmark": benchmark, "seconds": seconds_each(step, machine, seconds)}
        yield row


def write(path: Path, result: object) -> None:
    write_text(path, json.dumps(result, indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="what", required=True)
    for what in ("rate", "profile", "convolutions"):
        command = commands.add_parser(what)
        if what == "rate":
            command.add_argument("names", nargs="+", help="entries of the parameters' models, or NET-DEPTH")
            command.add_argument("--seeds", type=int, help="that train [the plan's]")
        elif what == "profile":
            command.add_argument("names", nargs="+", help="entries of the parameters' models, or NET-DEPTH")
        else:
            command.add_argument("--batch-size", type=int, default=128)
        command.add_argument("--seconds", type=float, default=1.0, help="of a round that is timed")
        command.add_argument("--params", type=Path, help="parameters [the paper's]")
        command.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
        command.add_argument("--out", type=Path, required=True, help="folder for NAME.json")
    arguments = parser.parse_args()
    plan, seconds = load(arguments.params, arguments.set), arguments.seconds
    if arguments.what == "convolutions":
        rows: list[dict[str, Any]] = []
        for row in convolutions(arguments.batch_size, choose_machine(plan.train), seconds):
            rows.append(row)
            write(arguments.out / "convolutions.json", rows)
        return
    for name in arguments.names:
        settings = plan.settings(name) if name in plan.models else plan.settings_for(*net_and_depth(name))
        if arguments.what == "rate":
            result = rate(settings, arguments.seeds or len(settings.train.seed_list), seconds)
        else:
            result = kernels(settings, seconds)
        write(arguments.out / f"{name}.json", result)
        print({key: value for key, value in result.items() if key != "by_kernel"}, flush=True)


def net_and_depth(name: str) -> tuple[str, int]:
    """Take `resnet-20` apart."""
    net, _, depth = name.partition("-")
    return net, int(depth)


if __name__ == "__main__":
    main()
