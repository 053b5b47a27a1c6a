"""What the tests of compiled operations compute with, and how close is close."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor

from resnet.nets import kernels

# Relative to the largest value of the reference: float32 rounding, and bfloat16's 8 bits of significand.
TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 1e-2}
needs_build = pytest.mark.skipif(not kernels.available(), reason="no compiler for the fused CPU operations")
needs_bfloat16 = pytest.mark.skipif(
    not torch.ops.mkldnn._is_mkldnn_bf16_supported(), reason="convolutions in bfloat16 are emulated on this processor"
)


def close(got: Tensor, want: Tensor, tolerance: float) -> None:
    error = (got.double() - want.double()).abs().max().item()
    assert error <= tolerance * max(1.0, want.abs().max().item()), error


def images(*shape: int, dtype: torch.dtype, seed: int = 0) -> Tensor:
    values = torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * 2 + 1
    return values.to(dtype).contiguous(memory_format=torch.channels_last)


def has_the_same_bits(compute: Callable[[], Sequence[Tensor]], *threads: int) -> None:
    """Check that as many threads as each of these numbers give the same."""
    before, results = torch.get_num_threads(), []
    try:
        for number in threads:
            torch.set_num_threads(number)
            results.append(compute())
    finally:
        torch.set_num_threads(before)
    for first, *others in zip(*results, strict=True):
        assert all(torch.equal(first, other) for other in others)
