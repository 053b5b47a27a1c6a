"""Latency by block, as it is written and drawn, by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from resnet.report.markdown_page import render
from resnet.report.results import read_results
from resnet.report.topics.latency import GROUPS, blocks, by_block, cases, figure, stacks
from resnet.results import LatencyRecord
from tests.report.drawn import y_of
from tests.report.made_up import unpadded


def rewrite(plan: Any, device: str = "cpu", **changes: Any) -> LatencyRecord:
    """Write a record, and change what was measured of forward + backward."""
    path = plan.latency(device=device)
    record = LatencyRecord.read(path)
    rows = [row.model_copy(update=changes if row.passes == "forward+backward" else {}) for row in record.rows]
    changed = record.model_copy(update={"rows": tuple(rows)})
    changed.write(path)
    return changed


def text(plan: Any) -> str:
    results = read_results(plan.params, plan.runs)
    return unpadded(render([by_block(results.nets, results.latency, "../runs")]).text)


def drawn_of(plan: Any, device: str = "cpu") -> Any:
    results = read_results(plan.params, plan.runs)
    return figure(results.nets, results.latency, device)


def test_the_table_by_hand(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=1)
    assert text(plan).strip() == ""
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
    assert {case.backward_seconds for case in cases(record)} == {0.004}
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
    (forward,) = stacks(measured, "resnet", [20], backward=False)
    assert [forward.seconds[group] for group in GROUPS] == pytest.approx([0.001, 0.006, 0.011, 0.017, 0.007])
    assert (forward.total, forward.whole) == pytest.approx((0.042, 0.060))
    (backward,) = stacks(measured, "resnet", [20], backward=True)
    assert (backward.total, backward.whole) == pytest.approx((0.084, 0.120))
    assert stacks([], "resnet", [20], backward=False) == []
    (deep,) = stacks(measured, "plain", [1202], backward=False)
    assert deep.seconds["stage 1"] == pytest.approx(0.4)
    assert deep.whole is None


def test_the_figure_has_shares_and_the_whole_nets_mark(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-1202", seeds=1)
    plan.latency()
    forward, _ = drawn_of(plan).axes
    heights = {patch.get_gid(): patch.get_height() for patch in forward.patches}
    assert heights["resnet-20-stage 3"] == pytest.approx(100 * 17 / 42)
    assert sum(height for gid, height in heights.items() if "1202" in str(gid)) == pytest.approx(100)
    (mark,) = [line for line in forward.lines if line.get_gid() == "whole-20"]
    assert y_of(mark)[0] == pytest.approx(100 * 60 / 42)
    assert drawn_of(plan, "cuda") is None


def test_the_figure_shows_the_largest_batch_eager(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=1)
    record = rewrite(plan)
    small = [row.model_copy(update={"batch_size": 1}) for row in record.rows]
    graphed = [row.model_copy(update={"mode": "graphed"}) for row in record.rows]
    rows = (*graphed, *small, *record.rows)
    record.model_copy(update={"rows": rows}).write(plan.runs / "latency/cpu.json")
    assert "batch 128, fp32, eager" in drawn_of(plan).get_suptitle().replace("\n", " ")
