"""Speed beside the peaks and latency by block, by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from resnet.report.analysis.timing import GROUPS, achieved, blocks, figure_choice, passes, stacks
from resnet.report.tables import rows, select
from resnet.results import LatencyRecord, ThroughputRecord
from tests.report.made_up import some_peaks


def test_achieved_rates_by_hand(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=1)
    plan.throughput("resnet-20", peaks=some_peaks())
    training, inference = rows(achieved(plan.tables()))
    # 40.55 M multiply-adds: 2 x 128 x 40.55e6 = 10.3808 GFLOP forward, in 4, 4 and 5 ms; 519.04 MB.
    assert inference.repeats == pytest.approx([2.5952e12, 2.5952e12, 2.07616e12])
    assert inference.flops_per_second == pytest.approx(2.5952e12)
    assert inference.bytes_per_second == pytest.approx(129.76e9)
    assert (inference.intensity, training.intensity) == (20.0, 15.0)


def test_files_of_before_there_were_peaks_are_left_out(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=1)
    path = plan.throughput("resnet-20", peaks=some_peaks())
    tree = json.loads(path.read_text())
    for key in ("training_work", "inference_work", "training_energy", "inference_energy", "peaks"):
        del tree[key]
    path.write_text(json.dumps(tree))
    assert ThroughputRecord.read(path).peaks is None
    assert len(plan.tables().speed) == 2
    assert achieved(plan.tables()).empty


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
    plan.latency()
    cases = passes(plan.tables())
    # Stem 1; stage 1: 3 x 2; stage 2: 3 + 2 x 4; stage 3: 5 + 2 x 6; head 7 ms.
    (forward,) = stacks(cases, "resnet", [20], backward=False).to_dict("records")
    assert [forward[group] for group in GROUPS] == pytest.approx([0.001, 0.006, 0.011, 0.017, 0.007])
    assert forward["total"] == pytest.approx(0.042)
    assert forward["whole"] == pytest.approx(0.060)
    (backward,) = stacks(cases, "resnet", [20], backward=True).to_dict("records")
    assert (backward["total"], backward["whole"]) == (pytest.approx(0.084), pytest.approx(0.120))
    assert stacks(select(cases, batch_size=1), "resnet", [20], backward=False).empty
    (deep,) = stacks(cases, "plain", [1202], backward=False).to_dict("records")
    assert deep["stage 1"] == pytest.approx(0.4)
    assert deep["whole"] is None


def test_a_backward_pass_timed_in_turn_is_its_own_median(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=1)
    path = plan.latency()
    record = LatencyRecord.read(path)
    changes = {"backward_seconds": (0.003, 0.004, 0.009)}
    cases = [row.model_copy(update=changes if row.passes == "forward+backward" else {}) for row in record.rows]
    record.model_copy(update={"rows": tuple(cases)}).write(path)
    assert set(passes(plan.tables())["backward"]) == {0.004}


def test_a_figure_shows_the_largest_batch(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=1)
    path = plan.latency()
    record = LatencyRecord.read(path)
    small = [row.model_copy(update={"batch_size": 1}) for row in record.rows]
    graphed = [row.model_copy(update={"mode": "graphed"}) for row in record.rows]
    record.model_copy(update={"rows": (*graphed, *small, *record.rows)}).write(path)
    chosen = figure_choice(passes(plan.tables()))
    assert (set(chosen["batch_size"]), set(chosen["mode"])) == ({128}, {"eager"})
