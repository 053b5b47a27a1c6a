"""Distance from the machine's peaks, as it is written and drawn, by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from resnet.report.sections.roofline import figure, section
from resnet.results import Energy
from tests.report.drawn import drawn_line, x_of, y_of
from tests.report.made_up import some_peaks


def test_the_table_by_hand(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=1)
    plan.throughput("resnet-20", peaks=some_peaks())
    text = plan.text(section)
    # 40.55 M multiply-adds: 2 x 128 x 40.55e6 = 10.3808 GFLOP forward; 519.04 MB.
    # Inference 4, 4, 5 ms: 2,595.2, 2,595.2, 2,076.2 GFLOP/s; of the best, 2e13: 13.0, 13.0 and 10.4 %.
    # 129.8, 129.8 and 103.8 GB/s, of 1e12.
    assert "| resnet-20 | inference | 2,595.2 ± 299.7 (n = 3) | 13 ± 1 % | 130 GB/s | 13 ± 1 % | 20 |\n" in text
    # Training 10, 12.5, 16 ms: 3 x 10.3808 GFLOP / 12.5 ms.
    assert "| resnet-20 | training | 2,491.4 ± 584.4 (n = 3) | 12 ± 3 %" in text
    assert "the best beside each net: a product of 1024 x 1024 matrices in fp32 at 20 TFLOP/s, a copy at 1 TB/s" in text
    assert "Energy: not measured" in text


def test_energy_has_a_column_where_it_was_measured(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=1)
    energy = Energy(images=(1000, 1000, 2000), joules=(10.0, 20.0, 60.0), seconds=(2.0, 2.0, 2.0))
    plan.throughput("resnet-20", peaks=some_peaks(), energy=energy)
    training, inference = plan.rows(section)
    assert (training["J an image"], inference["J an image"]) == ("0.0200 ± 0.0100 (n = 3)", "not measured")
    assert "idle power included" in plan.text(section)


def test_a_share_above_all_says_why(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=1)
    slow = some_peaks(matmul_flops_per_second=(1e12, 2e12), copy_bytes_per_second=(1e11,))
    plan.throughput("resnet-20", peaks=slow)
    _, inference = plan.rows(section)
    assert inference["of a matrix product"] == "130 ± 15 % (Winograd or drift)"
    assert inference["of a copy"] == "130 ± 15 % (caches or drift)"


def test_without_peaks_there_is_nothing(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=1)
    plan.throughput("resnet-20")
    assert plan.text(section).strip() == ""
    assert figure(plan.tables()) is None


def test_the_plot_has_a_mark_a_step_and_the_roofs(files: Callable[..., Any]) -> None:
    plan = files("plain-20", "resnet-20", "resnet-56", seeds=1)
    for name in plan.params.models:
        plan.throughput(name, peaks=some_peaks())
    drawn = figure(plan.tables())
    assert drawn is not None
    (axes,) = drawn.axes
    roof = drawn_line(drawn, "roof")
    (low, ridge, _), (start, top, end) = x_of(roof), y_of(roof)
    assert (ridge, top, end) == pytest.approx((20.0, 2e13, 2e13))
    assert start == pytest.approx(low * 1e12)
    marks = [bars.lines[0] for bars in axes.containers]  # type: ignore[attr-defined]
    assert len(marks) == 6
    assert sorted(float(mark.get_xdata()[0]) for mark in marks) == pytest.approx([15.0] * 3 + [20.0] * 3)


def test_several_devices_are_several_panels(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56", seeds=1)
    plan.throughput("resnet-20", peaks=some_peaks())
    plan.throughput("resnet-56", peaks=some_peaks(), system=plan.system(device_name="Other GPU"))
    drawn = figure(plan.tables())
    assert drawn is not None
    assert len(drawn.axes) == 2
