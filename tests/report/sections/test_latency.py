"""Latency by block, as it is written and drawn, by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from resnet.report.sections.latency import figure, section
from resnet.results import LatencyRecord
from tests.report.drawn import y_of


def rewrite(plan: Any, **changes: Any) -> None:
    """Change what was measured of forward + backward."""
    path = plan.latency()
    record = LatencyRecord.read(path)
    cases = [row.model_copy(update=changes if row.passes == "forward+backward" else {}) for row in record.rows]
    record.model_copy(update={"rows": tuple(cases)}).write(path)


def test_the_table_by_hand(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=1)
    assert plan.text(section, runs=None).strip() == ""
    plan.latency()
    text = plan.text(section, runs="../runs")
    # 3 ms in all, by rounds of half, one and two times that; 2 MFLOP in 9 ms of 1e13 FLOP/s.
    assert (
        "| resnet stage2-down | 128 | fp32, eager | 3.00 ± 2.29 (n = 3) | 6.00 | 9.00 ± 6.87 (n = 3) "
        "| 0.95 MiB | 0.0 ± 0.0 % | 0.0 ± 0.0 % |" in text
    )
    assert "| stem | 128 |" in text
    assert "| resnet-20 | 128 | fp32, eager | 60.00 ±" in text
    assert "Example GPU (8 threads), shortcut A, from [latency/cpu.json](../runs/latency/cpu.json)" in text


def test_a_backward_pass_timed_in_turn_has_a_spread(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=1)
    rewrite(plan, backward_seconds=(0.003, 0.004, 0.005))
    assert {line["backward, ms"] for line in plan.rows(section, runs=None)} == {"4.00 ± 1.00 (n = 3)"}


def test_launches_have_columns_on_a_gpu(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=1)
    plan.latency(device="cuda")
    line = plan.rows(section, runs=None)[0]
    assert (line["launches, ms"], line["kernels, ms"]) == ("–", "–")
    path = plan.runs / "latency/cuda.json"
    record = LatencyRecord.read(path)
    cases = tuple(row.model_copy(update={"launch_seconds": 0.001}) for row in record.rows)
    record.model_copy(update={"rows": cases}).write(path)
    line = plan.rows(section, runs=None)[0]
    assert (line["launches, ms"], line["kernels, ms"]) == ("1.000", "–")


def test_the_chart_has_shares_and_the_whole_nets_mark(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-1202", seeds=1)
    plan.latency()
    drawn = figure(plan.tables(), "cpu")
    assert drawn is not None
    forward, _ = drawn.axes
    heights = {patch.get_gid(): patch.get_height() for patch in forward.patches}  # type: ignore[attr-defined]
    assert heights["resnet-20-stage 3"] == pytest.approx(100 * 17 / 42)
    assert sum(height for gid, height in heights.items() if "1202" in str(gid)) == pytest.approx(100)
    (mark,) = [line for line in forward.lines if line.get_gid() == "whole-20"]
    assert y_of(mark)[0] == pytest.approx(100 * 60 / 42)
    assert figure(plan.tables(), "cuda") is None


def test_the_chart_does_without_a_whole_net(files: Callable[..., Any]) -> None:
    """Blocks serve any depth of the plan; whole nets were measured at others."""
    plan = files("resnet-14", seeds=1)
    plan.latency()
    drawn = figure(plan.tables(), "cpu")
    assert drawn is not None
    gids = {artist.get_gid() for artist in drawn.findobj() if artist.get_gid()}
    assert "whole-14" not in gids
    assert any(gid and gid.startswith("resnet-14-") for gid in gids)
