"""Speed: what is derived from timings, and what contradicts itself."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from resnet.results import Energy, Timing


def test_images_per_second_come_from_the_median_repeat() -> None:
    timing = Timing(batch_size=100, steps=2, step_seconds=(0.5, 1.0, 4.0), peak_memory_bytes=1)
    assert timing.images_per_second == 100
    assert timing.images_per_second_std == pytest.approx(87.80, abs=0.01)


@pytest.mark.parametrize(
    "seconds", [(), (0.0,), (-1.0, 1.0), (float("nan"),), (float("inf"),), (1e300,), ("1",), (True,)]
)
def test_times_are_there_and_positive(seconds: tuple[float, ...]) -> None:
    with pytest.raises(ValidationError, match="step_seconds"):
        Timing(batch_size=1, steps=1, step_seconds=seconds, peak_memory_bytes=1)


def test_figures_of_one_measurement_are_as_many_as_each_other() -> None:
    with pytest.raises(ValidationError, match="2 images and 1 joules and 2 seconds"):
        Energy(images=(1, 2), joules=(1.0,), seconds=(1.0, 1.0))
