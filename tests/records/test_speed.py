"""Speed: what is derived from timings."""

from __future__ import annotations

import pytest

from resnet.records import Timing


def test_images_per_second_come_from_the_median_repeat() -> None:
    timing = Timing(batch_size=100, steps=2, step_seconds=(0.5, 1.0, 4.0), peak_memory_bytes=1)
    assert timing.images_per_second == 100
    assert timing.images_per_second_std == pytest.approx(87.80, abs=0.01)
