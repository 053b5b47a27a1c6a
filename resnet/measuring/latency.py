"""Latency by block: the model's own modules, timed alone, forward and backward.

The benchmarks in `bench/` and `resnet latency` time the same steps with the same clock. A step is one
pass of one part at one batch size, in one precision, run in one mode:

    inference          evaluation mode, nothing kept
    forward            training mode: batch statistics, and what a backward pass needs is kept
    forward+backward   that, and the gradients of the weights and, but for the images, of the input;
                       a whole net with its loss; no update

On a GPU the clock is the GPU's: events before and after repeated steps, which says what a step takes in
a stream of steps. Two more figures tell launches from kernels: the host's time to hand over a step, and
the time of a step whose launches were all waiting when it began.
"""

from __future__ import annotations

import functools
import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import psutil
import torch
import torch.nn.functional as F
from pydantic import ValidationError
from torch import Tensor, nn

from resnet.errors import UserError
from resnet.measuring.peaks import measure_peaks
from resnet.nets.fused import batch_norm_relu
from resnet.nets.fused import conv3x3 as convolve
from resnet.nets.model import FILTERS, DepthNet, he_initialisation
from resnet.nets.traffic import ACTIVATION_BYTES, BACKWARD, Work, count
from resnet.params import Params
from resnet.records import LatencyRecord, LatencyRow, Passes, StepWork
from resnet.system import arithmetic, choose_device, choose_precision, describe_system, synchronise
from resnet.training.draws import generator

VERSION = 1
"""Of what a figure means, and of how fast the parts are. Whoever makes them faster, or times them otherwise, raises it:
DVC then measures anew.
"""

PARTS = ("stem", "stage1-identity", "stage2-down", "stage2-identity", "stage3-down", "stage3-identity", "head")
"""Stage 1 has no down-sampling block: its first block keeps the shape, as all of its blocks do."""

SHARED = ("stem", "head")
"""Parts that plain and residual nets have in common."""

SHAPES = {
    "stem": (3, 32, 32),
    "stage1-identity": (FILTERS[0], 32, 32),
    "stage2-down": (FILTERS[0], 32, 32),
    "stage2-identity": (FILTERS[1], 16, 16),
    "stage3-down": (FILTERS[1], 16, 16),
    "stage3-identity": (FILTERS[2], 8, 8),
    "head": (FILTERS[2], 8, 8),
    "net": (3, 32, 32),
}
"""Of each part's input."""

MODES = ("eager", "compiled", "graphed")
PASSES: tuple[Passes, ...] = ("inference", "forward", "forward+backward")

ROUND_SECONDS = 0.02
"""A round repeats a step until it lasts about this long, so that neither clock nor loop bears on it."""


@dataclass(frozen=True)
class Case:
    """What is timed."""

    net: str
    part: str
    passes: Passes
    batch_size: int
    precision: str
    mode: str = "eager"
    depth: int | None = None

    @property
    def name(self) -> str:
        what = f"{self.net}-{self.depth}" if self.part == "net" else f"{self.net}-{self.part}"
        return f"{what.removeprefix('both-')}-{self.passes}-b{self.batch_size}-{self.precision}-{self.mode}"


def part_cases(passes: Passes, batch_size: int, precision: str, mode: str) -> Iterator[Case]:
    """Every part: stem, the blocks of residual and plain nets, head."""
    for net in ("both", "resnet", "plain"):
        for part in PARTS:
            if (part in SHARED) == (net == "both"):
                yield Case(net, part, passes, batch_size, precision, mode)


def net_cases(
    depths: Iterable[int], passes: Passes, batch_size: int, precision: str, mode: str, nets: Sequence[str]
) -> Iterator[Case]:
    for net, depth in product(nets, depths):
        yield Case(net, "net", passes, batch_size, precision, mode, depth)


class Stem(nn.Module):
    """The first convolution with its batch norm and ReLU, as `DepthNet.forward` runs them."""

    def __init__(self, net: DepthNet) -> None:
        super().__init__()
        self.conv1, self.bn1 = net.conv1, net.bn1

    def forward(self, x: Tensor) -> Tensor:
        """Map images (N, 3, 32, 32) to (N, 16, 32, 32)."""
        return batch_norm_relu(convolve(x, self.conv1), self.bn1)


class Head(nn.Module):
    """Global average pooling and the fully connected layer."""

    def __init__(self, net: DepthNet) -> None:
        super().__init__()
        self.avgpool, self.fc = net.avgpool, net.fc

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 64, 8, 8) to logits (N, classes)."""
        logits: Tensor = self.fc(torch.flatten(self.avgpool(x), 1))
        return logits


def take(net: DepthNet, part: str) -> nn.Module:
    """Take a part out of a net of depth 14 or more."""
    parts: dict[str, Callable[[], nn.Module]] = {
        "stem": lambda: Stem(net),
        "stage1-identity": lambda: net.layer1[1],
        "stage2-down": lambda: net.layer2[0],
        "stage2-identity": lambda: net.layer2[1],
        "stage3-down": lambda: net.layer3[0],
        "stage3-identity": lambda: net.layer3[1],
        "head": lambda: Head(net),
        "net": lambda: net,
    }
    return parts[part]()


def build(case: Case, shortcut: str) -> nn.Module:
    """Build the case's module on the current device."""
    net = "resnet" if case.net == "both" else case.net
    return take(DepthNet(net, case.depth or 14, shortcut), case.part)


@functools.cache
def work(net: str, part: str, depth: int | None, shortcut: str) -> Work:
    """Count a part's layers."""
    with torch.device("meta"):
        module = build(Case(net, part, "inference", 1, "fp32", depth=depth), shortcut)
    return count(module, SHAPES[part], reads_images=part in ("stem", "net"))


def memory_needed(case: Case, shortcut: str) -> int:
    """About how many bytes a step's activations take: each layer's output, kept in several forms."""
    layers = work(case.net, case.part, case.depth, shortcut).layers
    volumes = [layer.inputs + layer.outputs for layer in layers]
    kept = sum(volumes) if case.passes != "inference" else max(volumes)
    return 3 * kept * case.batch_size * ACTIVATION_BYTES[case.precision]


def memory_free(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


def modes(device: torch.device) -> tuple[str, ...]:
    """The modes that a device has."""
    return MODES if device.type == "cuda" else MODES[:2]


Step = Callable[[], object]


def build_step(case: Case, device: torch.device, shortcut: str = "A") -> Step:
    """Build a step; a call runs it and does not wait for its end."""
    module = build(case, shortcut)
    he_initialisation(module, generator(0, "initialisation"))
    module = module.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    module.train(case.passes != "inference")
    images = case.part in ("stem", "net")
    x = torch.randn(case.batch_size, *SHAPES[case.part], device=device).contiguous(memory_format=torch.channels_last)
    if case.precision == "bf16" and not images:
        x = x.bfloat16()  # as the layer before leaves it
    labels = torch.randint(0, 10, (case.batch_size,), device=device)
    run: Callable[[Tensor], Tensor] = torch.compile(module) if case.mode == "compiled" else module
    wanted = list(module.parameters())
    if case.passes == BACKWARD and not images:
        wanted.append(x.requires_grad_())
    gradient: Tensor | None = None

    def forward() -> Tensor:
        with arithmetic(case.precision, device):
            return run(x)

    @torch.inference_mode()
    def inference() -> Tensor:
        return forward()

    def forward_backward() -> object:
        nonlocal gradient
        if case.part == "net":
            with arithmetic(case.precision, device):
                loss = F.cross_entropy(run(x).float(), labels)
            return torch.autograd.grad(loss, wanted)
        y = forward()
        if gradient is None:
            gradient = torch.randn_like(y)
        return torch.autograd.grad(y, wanted, gradient)

    steps: dict[Passes, Step] = {"inference": inference, "forward": forward, "forward+backward": forward_backward}
    step = steps[case.passes]
    return _graphed(step) if case.mode == "graphed" else step


def _graphed(step: Step) -> Step:
    """Capture a step into a CUDA graph; a call replays it."""
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        kept = step()

    def replay() -> object:
        graph.replay()
        return kept  # the graph writes into what it returned: it must outlive it

    return replay


Clock = Callable[[], float]


def clock(device: torch.device) -> Clock:
    """A clock in seconds that waits for the device: on a GPU its own, by events.

    A reading is the sum of the intervals between events, each of which CUDA gives in ms as a float: over
    a single long interval its seven digits would not do.
    """
    if device.type != "cuda":
        return time.perf_counter
    last: torch.cuda.Event | None = None
    seconds = 0.0

    def gpu_clock() -> float:
        nonlocal last, seconds
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record()
        event.synchronize()
        if last is not None:
            seconds += last.elapsed_time(event) / 1e3
        last = event
        return seconds

    return gpu_clock


def time_steps(step: Step, read: Clock, steps: int) -> float:
    """Seconds of one step, from `steps` steps between two readings of the clock."""
    began = read()
    for _ in range(steps):
        step()
    return (read() - began) / steps


def plan_rounds(step: Step, read: Clock, seconds: float) -> tuple[int, int]:
    """Warm a step up and plan its timing: steps a round, and rounds, for about `seconds` in all.

    At least three rounds, so that there is a spread, and at most thirty.
    """
    time_steps(step, read, 1)
    once = max(time_steps(step, read, 1), 1e-7)
    steps = max(1, math.ceil(ROUND_SECONDS / once))
    return steps, min(30, max(3, round(seconds / (steps * once))))


def launch_seconds(step: Step, device: torch.device) -> float | None:
    """On a GPU: host time to hand over one step, the least of several; None on a CPU."""
    if device.type != "cuda":
        return None
    found = []
    for _ in range(10):
        synchronise(device)
        began = time.perf_counter()
        step()
        found.append(time.perf_counter() - began)
    synchronise(device)
    return min(found)


def kernel_seconds(step: Step, device: torch.device) -> float | None:
    """On a GPU: seconds of one step with no launch in it; None where that cannot be had, and on a CPU.

    The GPU is first kept busy, so that the host has handed over the whole step before it begins. If the
    GPU was done waiting before the host was done (a step of more launches than the queue holds), the
    figure would hold launches, and there is none.
    """
    if device.type != "cuda":
        return None
    launch = launch_seconds(step, device)
    assert launch is not None, "there is a GPU"
    found: list[float] = []
    for _ in range(5):
        waited, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
        synchronise(device)
        # Cycles of a clock of 2 GHz at most: twice the host's time, and 1 ms for what may delay it.
        torch.cuda._sleep(int(2e9 * (2 * launch + 1e-3)))  # type: ignore[no-untyped-call]
        waited.record()
        step()
        if waited.query():  # type: ignore[no-untyped-call]
            return None
        end.record()
        end.synchronize()
        found.append(waited.elapsed_time(end) / 1e3)
    return sorted(found)[len(found) // 2]


def step_work(case: Case, shortcut: str) -> StepWork:
    counted = work(case.net, case.part, case.depth, shortcut)
    return StepWork(
        flops=counted.flops(case.passes, case.batch_size),
        bytes=counted.bytes(case.passes, case.batch_size, case.precision),
    )


def row(case: Case, shortcut: str, steps: int, seconds: Sequence[float], **gpu: float | None) -> LatencyRow:
    """Make a row of the result from timed rounds; `gpu` has `launch_seconds` and `kernel_seconds`."""
    counted = work(case.net, case.part, case.depth, shortcut)
    return LatencyRow(
        net=case.net,
        part=case.part,
        depth=case.depth,
        passes=case.passes,
        batch_size=case.batch_size,
        precision=case.precision,
        mode=case.mode,
        parameters=counted.parameters,
        multiply_adds=counted.multiply_adds,
        work=step_work(case, shortcut),
        steps=steps,
        seconds=tuple(seconds),
        **gpu,
    )


def measure(cases: Sequence[Case], device: torch.device, seconds: float, shortcut: str = "A") -> list[LatencyRow]:
    """Time cases in turn, each for about `seconds`, so that a busy machine meets all alike.

    Of `forward` and `forward+backward` of one part, the difference within each round is the backward pass.
    """
    steps, read = [build_step(case, device, shortcut) for case in cases], clock(device)
    plans = [plan_rounds(step, read, seconds) for step in steps]
    repeats, rounds = [of_round for of_round, _ in plans], max(rounds for _, rounds in plans)
    timed = [
        [time_steps(step, read, of_round) for step, of_round in zip(steps, repeats, strict=True)] for _ in range(rounds)
    ]
    rows = []
    for k, (case, step) in enumerate(zip(cases, steps, strict=True)):
        gpu = {"launch_seconds": launch_seconds(step, device), "kernel_seconds": kernel_seconds(step, device)}
        made = row(case, shortcut, repeats[k], [of_round[k] for of_round in timed], **gpu)
        forward = replace(case, passes="forward")
        if case.passes == BACKWARD and forward in cases:
            longer = tuple(of_round[k] - of_round[cases.index(forward)] for of_round in timed)
            made = made.model_copy(update={"backward_seconds": longer})
        rows.append(made)
    return rows


def measure_latency(params: Params, report: Callable[[str], object] = lambda said: None) -> LatencyRecord:
    """Time the parts and nets that `params.latency` names, in the training's precision, on its device.

    Args:
        params: the `latency` section says what; modes that the device does not have are left out.
        report: told the name of every case before it is timed.

    Raises:
        UserError: the parameters ask for a device or a precision that is not there.
    """
    plan, shortcut = params.latency, params.model.shortcut
    device = choose_device(params.train.device)
    precision = choose_precision(params.train.precision, device)
    cases: list[Case] = []
    for mode, batch_size in product([mode for mode in plan.modes if mode in modes(device)], plan.batch_sizes):
        cases += part_cases(BACKWARD, batch_size, precision, mode)
        cases += net_cases(plan.depths, BACKWARD, batch_size, precision, mode, plan.nets)
    rows: list[LatencyRow] = []
    for case in cases:
        if memory_needed(case, shortcut) < memory_free(device):
            report(case.name)
            rows += measure([replace(case, passes="forward"), case], device, plan.seconds, shortcut)
        else:
            report(f"{case.name}: left out, its activations do not fit in memory")
    return LatencyRecord(
        shortcut=shortcut,
        rows=tuple(rows),
        peaks=(measure_peaks(device, precision),),
        system=describe_system(device),
    )


def from_benchmarks(path: Path) -> LatencyRecord:
    """Read the latencies of `pytest --benchmark-only --benchmark-json=FILE`.

    Raises:
        UserError: the file cannot be read, or holds no benchmarks of this project.
    """
    try:
        tree: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise UserError(f"{path}: not JSON: {error}") from error
    try:
        rows = [
            {**bench["extra_info"]["row"], "seconds": bench["stats"]["data"], "steps": bench["stats"]["iterations"]}
            for bench in tree["benchmarks"]
            if "row" in bench["extra_info"]
        ]
        record = LatencyRecord.model_validate({**tree["resnet"], "rows": rows})
    except (KeyError, TypeError, ValidationError) as error:
        raise UserError(f"{path}: not what `pytest --benchmark-only --benchmark-json` writes here") from error
    if not record.rows:
        raise UserError(f"{path}: holds no benchmarks")
    return record
