"""Size, speed and distance from the machine's peaks, by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from resnet.report.style import style
from resnet.report.topics import speed
from tests.report.drawn import assert_readable, assert_room_for_axes, x_of, y_of
from tests.report.made_up import some_peaks


def line(plan: Any, name: str) -> dict[str, str]:
    """The texts of a net's row of the table of speed."""
    shown = speed.every_net(plan.results().nets).blocks[0]
    (row,) = [row for row in shown.rows if row[0].text == name]  # type: ignore[union-attr]
    return dict(zip(shown.columns, (cell.text for cell in row), strict=True))  # type: ignore[union-attr]


def test_size_and_speed_of_a_net(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-32", seeds=2)
    plan.throughput("resnet-20")
    for seed, seconds in enumerate((1200.0, 1260.0)):
        plan.train("resnet-20", seed, seconds=seconds)
    assert line(plan, "resnet-20") == {
        "net": "resnet-20",
        "parameters": "0.27M (269,722)",
        "multiply-adds": "40.55M",
        "training images/s": "10,240 ± 2,402",  # 128 in 10, 12.5 and 16 ms: 12,800, 10,240 and 8,000
        "inference images/s": "32,000 ± 3,695",
        "peak memory": "2.0 GiB (a training step)",
        "training time a seed": "20.5 ± 0.7 min (n = 2)",
    }
    assert line(plan, "resnet-32")["parameters"] == "not counted"
    text = plan.topic(speed.every_net(plan.results().nets))
    assert "Images/s and memory of resnet-20: batch 128, bf16, 3 repeats of 5 steps, on Example GPU" in text


def test_times_of_machines_are_not_averaged(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=3)
    first, second = plan.system(), plan.system(device_name="Other GPU")
    plan.train("resnet-20", 0, seconds=1200.0, systems=[first])
    plan.train("resnet-20", 1, seconds=600.0, systems=[second])
    plan.train("resnet-20", 2, seconds=999.0, systems=[first, second])
    one, other = (system.timed_on for system in (first, second))
    time = line(plan, "resnet-20")["training time a seed"]
    assert time == f"20.0 min (n = 1) on {one}; 10.0 min (n = 1) on {other}"


def test_speed_is_drawn_at_the_medians(files: Callable[..., Any]) -> None:
    plan = files("plain-20", "resnet-20", "resnet-56", seeds=1)
    assert speed.figure(plan.results().nets) is None
    plan.throughput("plain-20")
    plan.throughput("resnet-20")
    plan.throughput("resnet-56", training_seconds=[0.04, 0.05, 0.05])
    drawn: Any = speed.figure(plan.results().nets)
    training, inference = drawn.axes
    assert (training.get_xscale(), training.get_yscale()) == ("log", "log")
    assert [y_of(bars.lines[0]) for bars in training.containers] == [[10_240.0], [10_240.0, 2_560.0]]
    assert [y_of(bars.lines[0]) for bars in inference.containers] == [[32_000.0], [32_000.0, 32_000.0]]


@pytest.mark.filterwarnings("error")
def test_machines_are_lines_that_leave_room_for_the_axes(files: Callable[..., Any]) -> None:
    plan = files(*(f"resnet-{depth}" for depth in range(8, 68, 6)), seeds=1)
    for k, name in enumerate(plan.params.models):
        plan.throughput(name, system=plan.system(device_name=f"A processor with a long name, model {k % 2}"))
    with style():
        drawn = speed.figure(plan.results().nets)
        assert_readable(drawn)
    assert len(drawn.legends[0].get_texts()) == 2  # type: ignore[union-attr]
    assert_room_for_axes(drawn)


def test_ratios_are_those_within_the_rounds(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=1)
    assert plan.topic(speed.usual_loop([], None)) == ""
    plan.usual_loop()
    text = plan.topic(speed.usual_loop(plan.results().usual_loop, "../runs"))
    # Ratios within the rounds: 3, 2.5 and 4.
    assert "| 3.00 (2.50 to 4.00, n = 3) | [usual-loop/cpu-resnet-20.json](../runs/usual-loop/" in text
    assert "200.0 ± 100.0 (n = 3), fp32" in text


def test_shares_of_the_peaks_by_hand(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=1)
    assert plan.topic(speed.roofline(plan.results().nets)) == ""
    plan.throughput("resnet-20", peaks=some_peaks())
    text = plan.topic(speed.roofline(plan.results().nets))
    # 40.55 M multiply-adds: 2 x 128 x 40.55e6 = 10.3808 GFLOP forward; 519.04 MB.
    # Inference 4, 4, 5 ms: 2,595.2, 2,595.2, 2,076.2 GFLOP/s; of the best, 2e13: 13.0, 13.0 and 10.4 %.
    # 129.8, 129.8 and 103.8 GB/s, of 1e12.
    assert "| resnet-20 | inference | 2,595.2 ± 299.7 (n = 3) | 13 ± 1 % | 130 GB/s | 13 ± 1 % | 20 |" in text
    # Training 10, 12.5, 16 ms: 3 x 10.3808 GFLOP / 12.5 ms.
    assert "| resnet-20 | training | 2,491.4 ± 584.4 (n = 3) | 12 ± 3 %" in text
    assert "a product of 1024 x 1024 matrices in fp32 reaches 20 TFLOP/s, a copy 1 TB/s" in text
    slow = some_peaks(matmul_flops_per_second=(1e12, 2e12), copy_bytes_per_second=(1e11,))
    plan.throughput("resnet-20", peaks=slow)
    text = plan.topic(speed.roofline(plan.results().nets))
    assert "| 130 ± 15 % (Winograd or drift) | 130 GB/s | 130 ± 15 % (caches or drift) |" in text


def test_the_roofline_has_a_mark_a_step_and_a_panel_a_device(files: Callable[..., Any]) -> None:
    plan = files("plain-20", "resnet-20", "resnet-56", seeds=1)
    plan.throughput("plain-20", peaks=some_peaks())
    plan.throughput("resnet-20", peaks=some_peaks())
    plan.throughput("resnet-56", peaks=some_peaks(), system=plan.system(device_name="Other GPU"))
    axes, other = speed.peaks_figure(plan.results().nets).axes  # type: ignore[union-attr]
    (low, ridge, _), (start, top, end) = x_of(axes.lines[0]), y_of(axes.lines[0])
    assert (ridge, top, end, start) == pytest.approx((20.0, 2e13, 2e13, low * 1e12))
    marks: list[Any] = [*axes.containers]
    assert sorted(float(bars.lines[0].get_xdata()[0]) for bars in marks) == pytest.approx([15.0] * 2 + [20.0] * 2)
    assert len(other.containers) == 2
