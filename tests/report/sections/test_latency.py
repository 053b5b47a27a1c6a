"""Latency by block, as the report shows it, by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from resnet.records import LatencyRecord
from resnet.report.sections.latency import blocks, latency_by_depth, stacks


def test_the_blocks_of_a_net() -> None:
    counted = list(blocks("plain", 20))
    assert counted[0] == ("stem", "both", "stem", 1)
    assert counted[1] == ("stage 1", "plain", "stage1-identity", 3)
    assert counted[2:4] == [("stage 2", "plain", "stage2-down", 1), ("stage 2", "plain", "stage2-identity", 2)]
    # Two weighted layers a block, the stem and the fully connected layer.
    for depth in (8, 20, 1202):
        assert sum((2 if "stage" in part else 1) * times for _, _, part, times in blocks("resnet", depth)) == depth


def test_the_sum_of_blocks(files: Callable[..., Any]) -> None:
    of = files("resnet-20", seeds=1)
    of.latency()
    ((_, record),) = of.collect().latency
    # Stem 1; stage 1: 3 x 2; stage 2: 3 + 2 x 4; stage 3: 5 + 2 x 6; head 7 ms.
    (forward,) = stacks(record, "resnet", [20], False, 128, "fp32", "eager")
    assert forward.groups == pytest.approx(
        {"stem": 0.001, "stage 1": 0.006, "stage 2": 0.011, "stage 3": 0.017, "head": 0.007}
    )
    assert forward.total == pytest.approx(0.042)
    assert forward.whole == pytest.approx(0.060)
    (backward,) = stacks(record, "resnet", [20], True, 128, "fp32", "eager")
    assert (backward.total, backward.whole) == (pytest.approx(0.084), pytest.approx(0.120))
    assert stacks(record, "resnet", [20], False, 1, "fp32", "eager") == []
    (deep,) = stacks(record, "plain", [1202], False, 128, "fp32", "eager")
    assert deep.groups["stage 1"] == pytest.approx(0.4)
    assert deep.whole is None


def test_the_table_by_hand(files: Callable[..., Any]) -> None:
    of = files("resnet-20", seeds=1)
    of.latency()
    written = of.build()
    # 3 ms in all, by rounds of half, one and two times that; 2 MFLOP in 9 ms of 1e13 FLOP/s.
    assert (
        "| resnet stage2-down | 128 | fp32, eager | 3.00 ± 2.29 (n = 3) | 6.00 | 9.00 ± 6.87 (n = 3) "
        "| 0.95 MiB | 0.0 % | 0.0 % |" in written
    )
    assert "| stem | 128 |" in written
    assert "| resnet-20 | 128 | fp32, eager | 60.00 ±" in written
    assert "from [latency/cpu.json](../runs/latency/cpu.json)" in written
    assert "latency-by-depth-cpu.png" in written
    assert "latency by depth on a GPU (not measured)" in written


def test_the_chart_has_shares_and_the_whole_nets_mark(files: Callable[..., Any]) -> None:
    of = files("resnet-20", "resnet-1202", seeds=1)
    of.latency()
    figure = latency_by_depth(of.collect(), "cpu")
    assert figure is not None
    forward, _ = figure.axes
    heights = {patch.get_gid(): patch.get_height() for patch in forward.patches}  # type: ignore[attr-defined]
    assert heights["resnet-20-stage 3"] == pytest.approx(100 * 17 / 42)
    assert sum(height for gid, height in heights.items() if "1202" in str(gid)) == pytest.approx(100)
    (mark,) = [drawn for drawn in forward.lines if drawn.get_gid() == "whole-20"]
    assert float(mark.get_ydata()[0]) == pytest.approx(100 * 60 / 42)  # type: ignore[index]
    assert latency_by_depth(of.collect(), "cuda") is None


def test_a_backward_pass_timed_in_turn_has_a_spread(files: Callable[..., Any]) -> None:
    of = files("resnet-20", seeds=1)
    path = of.latency()
    record = LatencyRecord.read(path)
    rows = [
        row.model_copy(update={"backward_seconds": (0.003, 0.004, 0.005)}) if row.passes == "forward+backward" else row
        for row in record.rows
    ]
    record.model_copy(update={"rows": tuple(rows)}).write(path)
    assert "| 4.00 ± 1.00 (n = 3) |" in of.build()
