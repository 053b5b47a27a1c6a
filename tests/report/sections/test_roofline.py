"""Distance from the machine's limits and the usual loop, as the report shows them, by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from resnet.records import Energy, ThroughputRecord
from resnet.report.sections.roofline import rate, roofline, share
from tests.report.conftest import some_limits


def line(written: str, start: str) -> str:
    (found,) = [line for line in written.splitlines() if line.startswith(start)]
    return found


def test_the_table_by_hand(files: Callable[..., Any]) -> None:
    of = files("resnet-20", seeds=1)
    of.throughput("resnet-20", limits=some_limits())
    written = of.build()
    # 40.55 M multiply-adds: 2 x 128 x 40.55e6 = 10.3808 GFLOP forward; 519.04 MB.
    # Inference 4, 4, 5 ms: 2,595.2, 2,595.2, 2,076.2 GFLOP/s; of 1e13: 26 %; 129.8 GB/s: 13 %;
    # 20 FLOP a byte x 1e12 bytes/s is above 1e13, which is the roof.
    expected = "| resnet-20 | inference | 2,595.2 ± 299.7 (n = 3) | 26 % | 130 GB/s | 13 % | 20 | 26 % |"
    assert line(written, "| resnet-20 | inference") == expected
    # Training 10, 12.5, 16 ms: 3 x 10.3808 GFLOP / 12.5 ms.
    assert line(written, "| resnet-20 | training").startswith("| resnet-20 | training | 2,491.4 ± 584.4 (n = 3) | 25 %")
    assert "a fp32 product of 1024 x 1024 matrices 10 TFLOP/s, a copy 1 TB/s" in written
    assert "Energy: not measured" in written
    assert "roofline.png" in written


def test_energy_has_a_column_where_it_was_measured(files: Callable[..., Any]) -> None:
    of = files("resnet-20", seeds=1)
    energy = Energy(images=(1000, 1000, 2000), joules=(10.0, 20.0, 60.0), seconds=(2.0, 2.0, 2.0))
    of.throughput("resnet-20", limits=some_limits(), energy=energy)
    written = of.build()
    assert line(written, "| resnet-20 | training").endswith("| 0.0200 ± 0.0100 (n = 3) |")
    assert line(written, "| resnet-20 | inference").endswith("| not measured |")


def test_files_of_before_there_were_limits_are_read_and_shown_without(files: Callable[..., Any]) -> None:
    of = files("resnet-20", seeds=1)
    path = of.throughput("resnet-20")
    tree = json.loads(path.read_text())
    for key in ("training_work", "inference_work", "training_energy", "inference_energy", "limits"):
        del tree[key]
    path.write_text(json.dumps(tree))
    assert ThroughputRecord.read(path).limits is None
    written = of.build()
    assert "## Distance" not in written
    assert "roofline (not measured)" in written


def test_the_plot_has_a_mark_a_net_and_the_roofs(files: Callable[..., Any]) -> None:
    of = files("plain-20", "resnet-20", "resnet-56", seeds=1)
    for name in of.params.models:
        of.throughput(name, limits=some_limits())
    figure = roofline(of.collect())
    assert figure is not None
    (axes,) = figure.axes
    lines = {drawn.get_gid(): drawn for drawn in axes.lines if drawn.get_gid()}
    roof = lines["roof"]
    (low, ridge, _), (start, top, end) = roof.get_xdata(), roof.get_ydata()  # type: ignore[misc, union-attr]
    assert (float(ridge), float(top), float(end)) == pytest.approx((10.0, 1e13, 1e13))  # type: ignore[has-type]
    assert float(start) == pytest.approx(float(low) * 1e12)  # type: ignore[has-type]
    marks = [bars.lines[0] for bars in axes.containers]  # type: ignore[attr-defined]
    assert len(marks) == 6
    assert sorted(float(mark.get_xdata()[0]) for mark in marks) == pytest.approx([15.0] * 3 + [20.0] * 3)


def test_several_devices_are_several_panels(files: Callable[..., Any]) -> None:
    of = files("resnet-20", "resnet-56", seeds=1)
    of.throughput("resnet-20", limits=some_limits())
    of.throughput("resnet-56", limits=some_limits(), system=of.system(device_name="Other GPU"))
    figure = roofline(of.collect())
    assert figure is not None
    assert len(figure.axes) == 2


def test_the_usual_loop_beside_ours(files: Callable[..., Any]) -> None:
    of = files("resnet-20", seeds=1)
    of.usual_loop()
    written = of.build()
    # Ratios within the rounds: 3, 2.5 and 4.
    assert "| 3.00 (2.50 to 4.00, n = 3) | [usual-loop/cpu-resnet-20.json](../runs/usual-loop/" in written
    assert "200.0 ± 100.0 (n = 3), fp32" in written


@pytest.mark.parametrize(
    ("value", "written"), [(96.5e9, "96.5 GB/s"), (1.234e12, "1.23 TB/s"), (5e6, "5 MB/s"), (12.0, "12 B/s")]
)
def test_rates_have_three_figures(value: float, written: str) -> None:
    assert rate(value, "B/s") == written


def test_small_shares_keep_a_decimal() -> None:
    assert (share(1, 3), share(1, 30)) == ("33 %", "3.3 %")
