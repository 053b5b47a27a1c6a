"""What this machine reaches in practice: FLOP/s of a large matrix product, bytes/s of a large copy.

Measured in the same process as what is held against them, so that a throttled or shared machine is
compared with itself. A matrix product is what the device's vendor has tuned most; convolutions of 16
to 64 channels cannot be expected to reach it, and the distance is the point.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from resnet.records import Peaks
from resnet.system import arithmetic, synchronise

MATRIX = {"cpu": 1024, "cuda": 8192}
"""Rows and columns of the square matrices: large enough that the rate no longer grows."""

COPIED = {"cpu": 2**26, "cuda": 2**30}
"""Bytes copied: source and target are several times the usual cache, and small beside a net's memory."""

REPEAT_SECONDS = 0.05
"""About how long a repeat lasts at least."""


def _seconds(work: Callable[[], object], device: torch.device, repeats: int) -> tuple[float, ...]:
    """Seconds of one call, one figure a repeat; as many calls a repeat as fill REPEAT_SECONDS."""

    def timed(calls: int) -> float:
        synchronise(device)
        began = time.perf_counter()
        for _ in range(calls):
            work()
        synchronise(device)
        return (time.perf_counter() - began) / calls

    timed(2)  # warm up
    calls = max(1, round(REPEAT_SECONDS / timed(1)))
    return tuple(timed(calls) for _ in range(repeats))


def _product_seconds(device: torch.device, precision: str, repeats: int, size: int) -> tuple[float, ...]:
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    product = torch.empty_like(a)
    with arithmetic(precision, device):
        return _seconds(lambda: torch.mm(a, b, out=product), device, repeats)


def _copy_seconds(device: torch.device, repeats: int, size: int) -> tuple[float, ...]:
    source = torch.ones(size, dtype=torch.uint8, device=device)
    target = torch.zeros_like(source)  # written once before: untouched pages would be made during the first copy
    return _seconds(lambda: target.copy_(source), device, repeats)


def measure_peaks(device: torch.device, precision: str, repeats: int = 5, size: int | None = None) -> Peaks:
    """Measure a matrix product in `precision` and a copy.

    Args:
        device: where.
        precision: `fp32`, `tf32` or `bf16`; sums are fp32 in all of them.
        repeats: how often each is timed.
        size: rows and columns of the matrices, to override MATRIX.
    """
    size, copied = size or MATRIX[device.type], COPIED[device.type]
    product_seconds = _product_seconds(device, precision, repeats, size)
    copy_seconds = _copy_seconds(device, repeats, copied)
    if device.type == "cuda":
        torch.cuda.empty_cache()  # what is kept would count in the peak of what is measured next
    return Peaks(
        precision=precision,
        matrix_size=size,
        matmul_flops_per_second=tuple(2 * size**3 / seconds for seconds in product_seconds),
        copied_bytes=copied,
        copy_bytes_per_second=tuple(2 * copied / seconds for seconds in copy_seconds),
    )


def together(first: Peaks, second: Peaks) -> Peaks:
    """Two measurements of the same peaks as one, with the repeats of both."""
    return first.model_copy(
        update={
            "matmul_flops_per_second": first.matmul_flops_per_second + second.matmul_flops_per_second,
            "copy_bytes_per_second": first.copy_bytes_per_second + second.copy_bytes_per_second,
        }
    )
