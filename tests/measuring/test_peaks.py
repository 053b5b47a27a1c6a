"""What the machine reaches, measured small."""

from __future__ import annotations

import pytest
import torch

from resnet.measuring.peaks import measure_peaks, together
from resnet.results import Peaks
from resnet.system import Machine


def test_a_small_product_and_copy_are_measured(device: torch.device) -> None:
    peaks = measure_peaks(Machine(device, "fp32"), rounds=3, size=128)
    assert (peaks.matrix_size, peaks.precision) == (128, "fp32")
    assert len(peaks.matmul_flops_per_second) == len(peaks.copy_bytes_per_second) == 3
    # Any processor of this century, and none of this one.
    assert 1e8 < peaks.flops_per_second < 1e15
    assert 1e8 < peaks.bytes_per_second < 1e14
    assert len(together(peaks, peaks).copy_bytes_per_second) == 6


def test_the_roof_is_the_lower_of_two() -> None:
    peaks = Peaks(
        precision="fp32",
        matrix_size=1,
        matmul_flops_per_second=(80.0, 100.0, 300.0),
        copied_bytes=1,
        copy_bytes_per_second=(10.0,),
    )
    assert peaks.flops_per_second == 300  # the best
    assert [peaks.roof(intensity) for intensity in (1, 5, 30, 50)] == pytest.approx([10, 50, 300, 300])
