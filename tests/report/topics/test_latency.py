"""Latency by block, as it is written and drawn, by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from resnet.report.topics.latency import blocks, by_block, cases, figure, stacks
from resnet.results import LatencyRecord
from tests.report.drawn import y_of


def rewrite(plan: Any, device: str = "cpu", **changes: Any) -> LatencyRecord:
    """Write a record, and change what was measured of forward + backward."""
    path = plan.latency(device=device)
    record = LatencyRecord.read(path)
    rows = [row.model_copy(update=changes if row.passes == "forward+backward" else {}) for row in record.rows]
    changed = record.model_copy(update={"rows": tuple(rows)})
    changed.write(path)
    return changed


def text(plan: Any) -> str:
    return str(plan.topic(by_block(plan.results().nets, plan.results().latency, "../runs")))


def drawn_of(plan: Any, device: str = "cpu") -> Any:
    return figure(plan.results().nets, plan.results().latency, device)


def test_the_table_by_hand(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=1)
    assert text(plan) == ""
    plan.latency()
    # 3 ms in all, by rounds of half, one and two times that; 2 MFLOP in 9 ms of 1e13 FLOP/s.
    assert (
        "| resnet stage2-down | 128 | fp32, eager | 3.00 ± 2.29 (n = 3) | 6.00 | 9.00 ± 6.87 (n = 3) "
        "| 0.95 MiB | 0.0 ± 0.0 % | 0.0 ± 0.0 % |" in text(plan)
    )
    assert "| stem | 128 |" in text(plan)
    assert "| resnet-20 | 128 | fp32, eager | 60.00 ±" in text(plan)
    assert "Example GPU (8 threads), shortcut A, from [latency/cpu.json](../runs/latency/cpu.json)" in text(plan)


def test_a_backward_pass_timed_in_turn_is_its_own_median(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=1)
    record = rewrite(plan, backward_seconds=(0.003, 0.004, 0.005))
    assert {case.backward for case in cases(record)} == {0.004}
    assert text(plan).count("| 4.00 ± 1.00 (n = 3) |") == len(cases(record))


def test_the_blocks_of_a_net() -> None:
    counted = list(blocks("plain", 20))
    assert counted[0] == ("stem", "both", "stem", 1)
    assert counted[1] == ("stage 1", "plain", "stage1-identity", 3)
    assert counted[2:4] == [("stage 2", "plain", "stage2-down", 1), ("stage 2", "plain", "stage2-identity", 2)]
    # Two weighted layers a block, the stem and the fully connected layer.
    for depth in (8, 20, 1202):
        assert sum((2 if "stage" in part else 1) * times for _, _, part, times in blocks("resnet", depth)) == depth


def test_the_sum_of_blocks(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=1)
    measured = cases(rewrite(plan))
    # Stem 1; stage 1: 3 x 2; stage 2: 3 + 2 x 4; stage 3: 5 + 2 x 6; head 7 ms.
    forward, backward = (stacks(measured, "resnet", [20], x).loc[20] for x in (False, True))
    assert list(forward) == pytest.approx([0.001, 0.006, 0.011, 0.017, 0.007, 0.060])
    assert list(backward) == pytest.approx([0.002, 0.012, 0.022, 0.034, 0.014, 0.120])
    assert stacks([], "resnet", [20], backward=False).empty
    (deep,) = stacks(measured, "plain", [1202], backward=False).to_dict("records")
    assert deep["stage 1"] == pytest.approx(0.4)
    assert math.isnan(deep["whole"])


def test_the_figure_has_shares_and_the_whole_nets_mark(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-1202", seeds=1)
    plan.latency()
    forward, _ = drawn_of(plan).axes
    shares = [[bar.get_height() for bar in bars] for bars in forward.containers]
    assert shares[3][0] == pytest.approx(100 * 17 / 42)
    assert sum(share for _, share in shares) == pytest.approx(100)
    assert y_of(forward.lines[0])[0] == pytest.approx(100 * 60 / 42)
    assert drawn_of(plan, "cuda") is None


def test_the_figure_shows_the_largest_batch_eager(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=1)
    record = rewrite(plan)
    small = [row.model_copy(update={"batch_size": 1}) for row in record.rows]
    graphed = [row.model_copy(update={"mode": "graphed"}) for row in record.rows]
    rows = (*graphed, *small, *record.rows)
    record.model_copy(update={"rows": rows}).write(plan.runs / "latency/cpu.json")
    assert "batch 128, fp32, eager" in drawn_of(plan).get_suptitle().replace("\n", " ")
