"""The CPU kernels of resnet/nets/kernels.py beside PyTorch's own, float32, measured in turn in one process.

    python bench/cpu_kernels.py --threads 2

Prints Markdown: a training step (batch 128, one fixed batch, no augmentation), the three parts of each
stride-1 convolution with their rounding errors (root mean square, relative to float64), and images/s of
several processes of one thread beside one process of several threads. Rounds alternate between the two
sides; times are medians, a ratio is the median of the rounds' ratios. Last, where the time of a training
iteration goes, augmentation and update included, by PyTorch's profiler.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

from resnet import threads  # isort: split

threads.settle()  # before PyTorch is imported

import torch
import torch.nn.functional as F
from torch import Tensor

from resnet.measuring.stopwatch import steps_that_fill, time_in_turn, time_round
from resnet.measuring.throughput import training_stepper
from resnet.nets import kernels
from resnet.nets.model import he_initialisation, resnet
from resnet.params import TrainParams, load
from resnet.training.devices import choose_machine

BATCH_SIZE = 128
SHAPES = ((16, 32), (32, 16), (64, 8))
"""Channels and size of the three stages."""


@contextmanager
def plain() -> Iterator[None]:
    """Within this context the nets run PyTorch's own operations."""
    real = kernels.available
    kernels.available = lambda: False  # type: ignore[assignment]
    try:
        yield
    finally:
        kernels.available = real


def noise(*shape: int, seed: int = 0) -> Tensor:
    values = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return values.contiguous(memory_format=torch.channels_last)


def training_step(depth: int) -> Callable[[], None]:
    """Build a residual net and its optimiser; a call trains one step."""
    net = resnet(depth)
    he_initialisation(net, torch.Generator().manual_seed(0))
    net.to(memory_format=torch.channels_last)
    sgd = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4, fused=True)
    x, labels = noise(BATCH_SIZE, 3, 32, 32), torch.arange(BATCH_SIZE) % 10

    def step() -> None:
        sgd.zero_grad()
        F.cross_entropy(net(x), labels).backward()  # type: ignore[no-untyped-call]
        sgd.step()

    return step


def compare(theirs: Callable[[], object], ours: Callable[[], object], rounds: int) -> tuple[float, float, float]:
    """Median seconds of theirs and of ours, and the median ratio, after a round to warm up."""
    theirs(), ours()
    a, b = time_in_turn([theirs, ours], time.perf_counter, [1, 1], rounds)
    ratios = (one / other for one, other in zip(a, b, strict=True))
    return statistics.median(a), statistics.median(b), statistics.median(ratios)


def relative_error(got: Tensor, exact: Tensor) -> float:
    return float((got.double() - exact).square().mean().sqrt() / exact.square().mean().sqrt())


def convolutions(rounds: int) -> None:
    print("\n| convolution | part | oneDNN, ms | ours, ms | ratio | error, oneDNN | error, ours |")
    print("|---|---|---|---|---|---|---|")
    kernels = torch.ops.resnet_fused
    for channels, size in SHAPES:
        x, dy = noise(BATCH_SIZE, channels, size, size).relu(), noise(BATCH_SIZE, channels, size, size, seed=1)
        weight = noise(channels, channels, 3, 3, seed=2) * (2 / (9 * channels)) ** 0.5

        def gradient(
            mask: list[bool], x: Tensor = x, dy: Tensor = dy, weight: Tensor = weight
        ) -> tuple[Tensor, Tensor, Tensor]:
            ones = [1, 1]
            return torch.ops.aten.convolution_backward(  # type: ignore[no-any-return]
                dy, x, weight, None, ones, ones, ones, False, [0, 0], 1, mask
            )

        exact = [
            F.conv2d(x.double(), weight.double(), padding=1),
            *gradient([True, True, False], x.double(), dy.double(), weight.double())[:2],
        ]
        parts: dict[str, tuple[Callable[[], Tensor], Callable[[], Tensor]]] = {
            "forward": (
                lambda x=x, w=weight: F.conv2d(x, w, padding=1),  # type: ignore[misc]
                lambda x=x, w=weight: kernels.winograd(x, w, False),  # type: ignore[misc]
            ),
            "data gradient": (
                lambda g=gradient: g([True, False, False])[0],  # type: ignore[misc]
                lambda dy=dy, w=weight: kernels.winograd(dy, w, True),  # type: ignore[misc]
            ),
            "weight gradient": (
                lambda g=gradient: g([False, True, False])[1],  # type: ignore[misc]
                lambda dy=dy, x=x: kernels.winograd_weight_gradient(dy, x),  # type: ignore[misc]
            ),
        }
        for (part, (theirs, ours)), reference in zip(parts.items(), exact, strict=True):
            a, b, ratio = compare(theirs, ours, rounds)
            errors = relative_error(theirs(), reference), relative_error(ours(), reference)
            print(
                f"| {channels} to {channels}, {size} x {size} | {part} | {1e3 * a:.2f} | {1e3 * b:.2f} | {ratio:.2f} "
                f"| {errors[0]:.1e} | {errors[1]:.1e} |"
            )


def net(depth: int, rounds: int) -> None:
    step, other = training_step(depth), training_step(depth)

    def theirs() -> None:
        with plain():
            other()

    a, b, ratio = compare(theirs, step, rounds)
    print(f"\n| ResNet-{depth}, a step | eager fp32, ms | ours, ms | ratio | ours, images/s |\n|---|---|---|---|---|")
    print(f"| batch {BATCH_SIZE} | {1e3 * a:.0f} | {1e3 * b:.0f} | {ratio:.2f} | {BATCH_SIZE / b:.0f} |")


def images_per_second(depth: int, threads: int, duration: float) -> float:
    """Train for `duration` seconds with `threads` threads."""
    torch.set_num_threads(threads)
    step = training_step(depth)
    for _ in range(3):
        step()
    steps, _ = steps_that_fill(step, time.perf_counter, duration)
    return BATCH_SIZE / time_round(step, time.perf_counter, steps)


def processes(depth: int, threads: int, rounds: int, duration: float) -> None:
    """One process of `threads` threads, then as many processes of one thread at once, in turn."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(threads, mp_context=spawn) as pool:
        together, apart = [], []
        for _ in range(rounds):
            together.append(pool.submit(images_per_second, depth, threads, duration).result())
            jobs = [pool.submit(images_per_second, depth, 1, duration) for _ in range(threads)]
            apart.append(sum(job.result() for job in jobs))
    print(f"\n| one process of {threads} threads, images/s | as many of one thread, in all | ratio |")
    print("|---|---|---|")
    ratio = statistics.median(b / a for a, b in zip(together, apart, strict=True))
    print(f"| {statistics.median(together):.0f} | {statistics.median(apart):.0f} | {ratio:.2f} |")


OPERATIONS = {
    "stride-1 3x3 convolutions, forward and data gradient": ("resnet_fused::winograd",),
    "stride-1 3x3 convolutions, weight gradient": ("resnet_fused::winograd_weight_gradient",),
    "3x3 convolutions in bf16, weight gradient": ("resnet_fused::conv3x3_weight_gradient",),
    "convolutions by oneDNN": ("aten::mkldnn_convolution", "aten::convolution_backward"),
    "batch norm, ReLU and shortcut, forward": ("resnet_fused::batch_norm_forward",),
    "batch norm, ReLU and shortcut, backward": ("resnet_fused::batch_norm_backward",),
    "addition of two gradients": ("aten::add", "aten::add_"),
    "update": ("aten::_fused_sgd_",),
}
"""What an iteration does, by the names that the profiler gives to operations."""


def profile_training(depth: int, iterations: int = 5) -> None:
    """Print the shares of an iteration's time: each operation's own, without those that it calls."""
    settings = load(None, []).settings_for("resnet", depth)
    machine = choose_machine(TrainParams(device="cpu"))
    step = training_stepper(settings, machine, BATCH_SIZE)
    for _ in range(3):
        step()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profiler:
        for _ in range(iterations):
            step()
    own = {event.key: event.self_cpu_time_total for event in profiler.key_averages()}
    total = sum(own.values())
    shares = {what: sum(own.get(name, 0) for name in names) for what, names in OPERATIONS.items()}
    rest = "all else: augmentation, copies, loss, pooling, fully connected layer, Python"
    shares[rest] = total - sum(shares.values())
    print(f"\n| ResNet-{depth}, {machine.precision}, an iteration | ms | share |\n|---|---|---|")
    for what, microseconds in shares.items():
        if microseconds:
            print(f"| {what} | {microseconds / 1e3 / iterations:.1f} | {microseconds / total:.0%} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--depth", type=int, default=20)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--process-rounds", type=int, default=3, help="0: leave the processes out")
    parser.add_argument("--process-seconds", type=float, default=8.0)
    arguments = parser.parse_args()
    if not kernels.available():
        parser.exit(1, "the compiled operations are not there\n")
    torch.set_num_threads(arguments.threads)
    # Threads that wait for one another suffer most from other work: judge the times by the load.
    print(f"{arguments.threads} threads, {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}")
    net(arguments.depth, arguments.rounds)
    convolutions(arguments.rounds)
    if arguments.process_rounds:
        processes(arguments.depth, arguments.threads, arguments.process_rounds, arguments.process_seconds)
    profile_training(arguments.depth)


if __name__ == "__main__":
    main()
