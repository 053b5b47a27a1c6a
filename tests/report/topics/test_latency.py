"""Latency by block, by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from resnet.report.topics.latency import by_block
from resnet.results import LatencyRecord


def text(plan: Any) -> str:
    return str(plan.topic(by_block(plan.results().latency, "../runs")))


def test_the_table_by_hand(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=1)
    assert text(plan) == ""
    path = plan.latency()
    # 3 ms in all, by rounds of half, one and two times that.
    row = "| resnet stage2-down | 128 | fp32, eager | 3.00 ± 2.29 (n = 3) | 6.00 | 9.00 ± 6.87 (n = 3) |"
    assert row in text(plan)
    assert "| stem | 128 |" in text(plan)
    assert "| resnet-20 | 128 | fp32, eager | 60.00 ±" in text(plan)
    assert "Example GPU (8 threads), shortcut A, from [latency/cpu.json](../runs/latency/cpu.json)" in text(plan)

    record = LatencyRecord.read(path)
    timed_in_turn = {"backward_seconds": (0.003, 0.004, 0.005)}
    rows = [row.model_copy(update=timed_in_turn if "backward" in row.passes else {}) for row in record.rows]
    record.model_copy(update={"rows": tuple(rows)}).write(path)
    assert text(plan).count("| 4.00 ± 1.00 (n = 3) |") == len(plan.rows_of(text(plan))) == 13


def test_a_pass_measured_alone_has_no_row(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=1)
    record = LatencyRecord.read(path := plan.latency())
    rows = tuple(row for row in record.rows if row.passes != "forward")
    record.model_copy(update={"rows": rows}).write(path)
    assert text(plan) == ""
