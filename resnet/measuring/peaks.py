"""What this machine reaches in practice: FLOP/s of a large matrix product, bytes/s of a large copy.

Measured in the same process as what is held against them, so that a throttled or shared machine is
compared with itself. A matrix product is what the device's vendor has tuned most; convolutions of 16
to 64 channels cannot be expected to reach it, and the distance is the point.
"""

from __future__ import annotations

import torch

from resnet.measuring.stopwatch import Step, steps_that_fill, time_round, wall_clock
from resnet.results import Peaks
from resnet.system import Machine

CPU_MATRIX, GPU_MATRIX = 1024, 8192
"""Rows and columns of the square matrices: large enough that the FLOP/s no longer grow."""

CPU_COPIED, GPU_COPIED = 2**26, 2**30
"""Bytes copied: source and target are several times the usual cache, and small beside a net's memory."""

ROUND_SECONDS = 0.05
"""About how long a round lasts at least."""


def _rates(step: Step, amount: int, machine: Machine, rounds: int) -> tuple[float, ...]:
    """What a step does a second, of which it does `amount`."""
    clock = wall_clock(machine)
    length, _ = steps_that_fill(step, clock, ROUND_SECONDS)
    return tuple(amount / time_round(step, clock, length) for _ in range(rounds))


def _product_rates(machine: Machine, rounds: int, size: int) -> tuple[float, ...]:
    dtype = torch.bfloat16 if machine.precision == "bf16" else torch.float32
    a, b = (torch.randn(size, size, device=machine.device).to(dtype) for _ in range(2))
    product = torch.empty_like(a)
    with machine.arithmetic():
        return _rates(lambda: torch.mm(a, b, out=product), 2 * size**3, machine, rounds)


def _copy_rates(machine: Machine, rounds: int, size: int) -> tuple[float, ...]:
    source = torch.ones(size, dtype=torch.uint8, device=machine.device)
    target = torch.zeros_like(source)  # written once before: untouched pages would be made during the first copy
    return _rates(lambda: target.copy_(source), 2 * size, machine, rounds)


def measure_peaks(machine: Machine, rounds: int = 5, size: int | None = None) -> Peaks:
    """Measure a matrix product in the machine's precision, whose sums are fp32 in any, and a copy.

    Args:
        machine: where, and in which precision.
        rounds: how often each is timed.
        size: rows and columns of the matrices, in place of the device's.
    """
    size, copied = size or (GPU_MATRIX if machine.gpu else CPU_MATRIX), GPU_COPIED if machine.gpu else CPU_COPIED
    flops, copies = _product_rates(machine, rounds, size), _copy_rates(machine, rounds, copied)
    machine.release_memory()
    return Peaks(
        precision=machine.precision,
        matrix_size=size,
        matmul_flops_per_second=flops,
        copied_bytes=copied,
        copy_bytes_per_second=copies,
    )


def together(first: Peaks, second: Peaks) -> Peaks:
    """Two measurements of the same peaks as one, with the rounds of both."""
    return first.model_copy(
        update={
            "matmul_flops_per_second": first.matmul_flops_per_second + second.matmul_flops_per_second,
            "copy_bytes_per_second": first.copy_bytes_per_second + second.copy_bytes_per_second,
        }
    )
