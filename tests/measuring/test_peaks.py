"""What the machine reaches, measured small."""

from __future__ import annotations

import pytest
import torch

from resnet.measuring.peaks import measure_peaks
from resnet.records import Peaks


def test_a_small_product_and_copy_are_measured(cpu: torch.device) -> None:
    found = measure_peaks(cpu, "fp32", repeats=3, size=128)
    assert (found.matrix_size, found.copied_bytes, found.precision) == (128, 2**26, "fp32")
    assert len(found.matmul_flops_per_second) == len(found.copy_bytes_per_second) == 3
    # Any processor of this century, and none of this one.
    assert 1e8 < found.flops_per_second < 1e14
    assert 1e8 < found.bytes_per_second < 1e13


def test_the_roof_is_the_lower_of_two() -> None:
    peaks = Peaks(
        precision="fp32",
        matrix_size=1,
        matmul_flops_per_second=(80.0, 100.0, 300.0),
        copied_bytes=1,
        copy_bytes_per_second=(10.0,),
    )
    assert peaks.flops_per_second == 100
    assert [peaks.roof(intensity) for intensity in (1, 5, 10, 50)] == pytest.approx([10, 50, 100, 100])
