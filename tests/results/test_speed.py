"""Speed: what is derived from timings, and the earlier name of a machine's peaks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from resnet.errors import UserError
from resnet.results import Energy, LatencyRecord, Peaks, System, Timing


def test_images_per_second_come_from_the_median_repeat() -> None:
    timing = Timing(batch_size=100, steps=2, step_seconds=(0.5, 1.0, 4.0), peak_memory_bytes=1)
    assert timing.images_per_second == 100
    assert timing.images_per_second_std == pytest.approx(87.80, abs=0.01)


def test_files_that_call_peaks_limits_are_read_and_written_with_the_new_name(tmp_path: Path) -> None:
    peaks = Peaks(
        precision="fp32",
        matrix_size=8,
        matmul_flops_per_second=(2.0, 3.0),
        copied_bytes=64,
        copy_bytes_per_second=(5.0,),
    )
    system = System(
        device="cpu",
        device_name="some processor",
        processor="some processor",
        cores=1,
        threads=1,
        memory_bytes=1,
        platform="Linux",
        python="3",
        versions={},
        commit=None,
        modified=None,
    )
    record = LatencyRecord(shortcut="A", rows=(), peaks=(peaks,), system=system)
    path = tmp_path / "cpu.json"
    record.write(path)
    tree = json.loads(path.read_text())
    assert "limits" not in tree
    earlier = tree | {"limits": tree["peaks"]}
    del earlier["peaks"]
    path.write_text(json.dumps(earlier))
    assert LatencyRecord.read(path) == record
    path.write_text(json.dumps(tree | {"limits": tree["peaks"]}))
    with pytest.raises(UserError, match="limits"):
        LatencyRecord.read(path)
    del tree["peaks"]
    path.write_text(json.dumps(tree))
    with pytest.raises(UserError, match="peaks"):
        LatencyRecord.read(path)


@pytest.mark.parametrize(
    "seconds", [(), (0.0,), (-1.0, 1.0), (float("nan"),), (float("inf"),), (1e300,), ("1",), (True,)]
)
def test_times_are_there_and_positive(seconds: tuple[float, ...]) -> None:
    with pytest.raises(ValidationError, match="step_seconds"):
        Timing(batch_size=1, steps=1, step_seconds=seconds, peak_memory_bytes=1)


def test_figures_of_one_measurement_are_as_many_as_each_other() -> None:
    with pytest.raises(ValidationError, match="2 images and 1 joules and 2 seconds"):
        Energy(images=(1, 2), joules=(1.0,), seconds=(1.0, 1.0))
