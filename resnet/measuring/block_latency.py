"""Latency by block: the model's own modules, timed alone, forward and backward.

A step is one pass of one part at one batch size, in one precision, run in one mode:

    inference          evaluation mode, nothing kept
    forward            training mode: batch statistics, and what a backward pass needs is kept
    forward+backward   that, and the gradients of the weights and, but for the images, of the input;
                       a whole net with its loss; no update

On a GPU a round is what repeated steps take in a stream of steps; `graphed` is a step without its launches.
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet.errors import UserError
from resnet.measuring.stopwatch import Clock, Step, graphed, steps_that_fill, time_in_turn, wall_clock
from resnet.nets import kernels
from resnet.nets.layers import ACTIVATION_BYTES, Work, walk
from resnet.nets.model import FILTERS, DepthNet, he_initialisation
from resnet.params import Params
from resnet.results import DamagedFile, LatencyRecord, LatencyRow, Passes
from resnet.system import Machine
from resnet.training.draws import generator

VERSION = 1
"""Of what a figure means: raised, it lets DVC measure anew. Faster code leaves it: a result names its commit."""

BACKWARD: Passes = "forward+backward"
PASSES: tuple[Passes, ...] = ("inference", "forward", BACKWARD)

PARTS = {
    "stem": (3, 32, 32),
    "stage1-identity": (FILTERS[0], 32, 32),
    "stage2-down": (FILTERS[0], 32, 32),
    "stage2-identity": (FILTERS[1], 16, 16),
    "stage3-down": (FILTERS[1], 16, 16),
    "stage3-identity": (FILTERS[2], 8, 8),
    "head": (FILTERS[2], 8, 8),
}
"""With the shape of each part's input. Stage 1 has no down-sampling block: all of its blocks keep the shape."""

SHAPES = PARTS | {"net": (3, 32, 32)}

SHARED = ("stem", "head")
"""Parts that plain and residual nets have in common."""

SHALLOWEST = 14
"""The least depth of a net that has every part."""

ROUND_SECONDS = 0.02
"""A round repeats a step until it lasts about this long, so that neither clock nor loop bears on it."""


class Stem(nn.Module):
    """The first convolution with its batch norm and ReLU, as `DepthNet.forward` runs them."""

    def __init__(self, net: DepthNet) -> None:
        super().__init__()
        self.conv1, self.bn1 = net.conv1, net.bn1

    def forward(self, x: Tensor) -> Tensor:
        """Map images (N, 3, 32, 32) to (N, 16, 32, 32)."""
        return kernels.batch_norm_relu(kernels.conv3x3(x, self.conv1), self.bn1)


def take(net: DepthNet, part: str) -> nn.Module:
    """Take a part out of a net of depth `SHALLOWEST` or more."""
    if part == "net":
        return net
    if part in SHARED:
        return Stem(net) if part == "stem" else nn.Sequential(net.avgpool, nn.Flatten(), net.fc)
    stage, kind = part.removeprefix("stage").split("-")
    return net.get_submodule(f"layer{stage}.{0 if kind == 'down' else 1}")


def build(net: str, part: str, depth: int | None, shortcut: str) -> nn.Module:
    """Build one of `PARTS`, or `net` of a depth; `net` is `resnet`, `plain`, or `both` for parts that these share."""
    return take(DepthNet("resnet" if net == "both" else net, depth or SHALLOWEST, shortcut), part)


@functools.cache
def part_work(net: str, part: str, depth: int | None, shortcut: str) -> Work:
    """Count a part's layers; arguments as `build` takes them."""
    return walk(build(net, part, depth, shortcut), SHAPES[part])


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


def all_cases(
    passes: Passes, batch_size: int, precision: str, mode: str, nets: Iterable[str], depths: Iterable[int]
) -> Iterator[Case]:
    """Stem and head, the blocks of residual and plain nets, and whole nets."""
    for net, part in product(("both", "resnet", "plain"), PARTS):
        if (part in SHARED) == (net == "both"):
            yield Case(net, part, passes, batch_size, precision, mode)
    for net, depth in product(nets, depths):
        yield Case(net, "net", passes, batch_size, precision, mode, depth)


def memory_needed(case: Case, shortcut: str) -> int:
    """About how many bytes a step's activations take: each layer's output, kept in several forms."""
    outputs = [layer.outputs for layer in part_work(case.net, case.part, case.depth, shortcut).layers]
    kept = sum(outputs) if case.passes != "inference" else 2 * max(outputs)
    return 3 * kept * case.batch_size * ACTIVATION_BYTES[case.precision]


def modes(machine: Machine) -> tuple[str, ...]:
    """The modes that a device has."""
    return ("eager", "compiled", "graphed") if machine.cuda else ("eager", "compiled")


def build_step(case: Case, machine: Machine, shortcut: str = "A") -> Step:
    """Build a step; a call runs it and does not wait for its end."""
    machine = machine.at(case.precision)
    device, images = machine.device, case.part in ("stem", "net")  # which need no gradient
    module = build(case.net, case.part, case.depth, shortcut)
    he_initialisation(module, generator(0, "initialisation"))
    module = module.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    module.train(case.passes != "inference")
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
        with machine.arithmetic():
            return run(x)

    def forward_backward() -> object:
        nonlocal gradient
        y = forward()
        if case.part == "net":
            y = F.cross_entropy(y.float(), labels)
        elif gradient is None:
            gradient = torch.randn_like(y)
        with machine.switches():
            return torch.autograd.grad(y, wanted, gradient)

    inference = torch.inference_mode()(forward)
    steps: dict[Passes, Step] = {"inference": inference, "forward": forward, BACKWARD: forward_backward}
    step = steps[case.passes]
    if case.mode != "graphed":
        return step
    if (replayed := graphed(step)) is None:
        raise UserError("no CUDA graph can be captured here: leave `graphed` out of latency.modes")
    return replayed


def plan_rounds(step: Step, clock: Clock, seconds: float, least: int = 3) -> tuple[int, int]:
    """Warm a step up and plan its timing: steps a round, and rounds, for about `seconds` in all.

    At least `least` rounds, so that there is a spread; no more than thirty for the seconds' sake.
    """
    length, once = steps_that_fill(step, clock, ROUND_SECONDS)
    return length, max(least, min(30, round(seconds / (length * once))))


def latency_row(case: Case, shortcut: str, steps: int, seconds: Sequence[float], **measured: Any) -> LatencyRow:
    """Make a row of the result from timed rounds."""
    work = part_work(case.net, case.part, case.depth, shortcut)
    sizes = {"parameters": work.parameters, "multiply_adds": work.multiply_adds}
    return LatencyRow(**vars(case), **sizes, steps=steps, seconds=tuple(seconds), **measured)


def measure(case: Case, machine: Machine, seconds: float, shortcut: str = "A") -> list[LatencyRow]:
    """Time a case's forward pass and both its passes in turn, each for about `seconds`.

    The difference within each round is the backward pass.
    """
    if case.mode == "compiled":
        torch.compiler.reset()  # an earlier case's graphs count against the next one's
    cases, clock = [replace(case, passes="forward"), case], wall_clock(machine)
    steps = [build_step(each, machine, shortcut) for each in cases]
    lengths, rounds = zip(*(plan_rounds(step, clock, seconds) for step in steps), strict=True)
    forward, both = time_in_turn(steps, clock, lengths, max(rounds))
    backward = tuple(longer - shorter for shorter, longer in zip(forward, both, strict=True))
    return [
        latency_row(cases[0], shortcut, lengths[0], forward),
        latency_row(cases[1], shortcut, lengths[1], both, backward_seconds=backward),
    ]


def measure_latency(params: Params, machine: Machine) -> LatencyRecord:
    """Time the parts and nets that `params.latency` names, and print each name before.

    Modes that the device does not have are left out. Nets are the paper's, of width 1 with 10 classes.
    """
    plan, shortcut, rows = params.latency, params.model.shortcut, list[LatencyRow]()
    tell = functools.partial(print, file=sys.stderr)
    if params.model.width != 1:
        tell(f"of the paper's nets, of width 1: the plan's, of width {params.model.width}, are not timed")
    for mode, batch_size in product([mode for mode in plan.modes if mode in modes(machine)], plan.batch_sizes):
        for case in all_cases(BACKWARD, batch_size, machine.precision, mode, plan.nets, plan.depths):
            if memory_needed(case, shortcut) < machine.free_memory_bytes():
                tell(case.name)
                rows += measure(case, machine, plan.seconds, shortcut)
            else:
                tell(f"{case.name}: left out, its activations do not fit in memory")
    return LatencyRecord(
        shortcut=shortcut,
        rows=tuple(rows),
        system=machine.describe(kernels.available),
        settings=_settings(params),
        version=VERSION,
    )


def _settings(params: Params) -> dict[str, Any]:
    return params.model_dump(mode="json", include={"latency", "model"})


def has_measured(file: Path, params: Params, machine: Machine) -> bool:
    """Whether a file holds what would be measured on this kind of device in this precision."""
    with suppress(DamagedFile):  # or absent
        record = LatencyRecord.read(file)
        precisions = {row.precision for row in record.rows}
        return (record.settings, record.version, precisions) == (_settings(params), VERSION, {machine.precision})
    return False


def from_benchmarks(path: Path) -> LatencyRecord:
    """Read the latencies of `pytest --benchmark-only --benchmark-json=FILE`.

    Raises:
        UserError: the file is something else.
        OSError: it cannot be read.
    """
    try:
        tree: Any = json.loads(path.read_text(encoding="utf-8"))
        rows = [
            {**bench["extra_info"]["row"], "seconds": bench["stats"]["data"], "steps": bench["stats"]["iterations"]}
            for bench in tree["benchmarks"]
            if "row" in bench["extra_info"]
        ]
        if not rows:
            raise UserError(f"{path}: holds no benchmarks")
        return LatencyRecord.model_validate({**tree["resnet"], "rows": rows})
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise UserError(f"{path}: not what `pytest --benchmark-only --benchmark-json` writes here") from error
