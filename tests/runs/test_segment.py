"""A segment that trains: its seconds, and in what its arithmetic is another than an earlier one's."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from resnet.runs import segment
from resnet.runs.segment import PresentSegment
from tests.conftest import CPU


def test_evaluations_and_checkpoints_are_no_time_of_training(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(segment, "time", SimpleNamespace(perf_counter=lambda: now))
    training = PresentSegment(7, CPU, 1)
    now += 8
    for seconds in (1.0, 2.0):
        with training.outside_training():
            now += seconds
    record = training.record(12)
    assert (record.seconds, record.training_seconds) == (11.0, 8.0)
    assert (record.first_iteration, record.last_iteration) == (7, 12)


@pytest.mark.parametrize(
    ("present", "before", "named"),
    [
        ({}, {}, ""),
        ({}, {"fused": None}, ""),  # of a record from before it was stored
        ({}, {"device_name": "another processor", "cores": 99}, ""),
        ({}, {"device": "cuda"}, "device cpu (before: cuda)"),
        ({"threads": 1}, {"threads": 2}, "threads 1 (before: 2)"),
        ({"fused": True}, {"fused": False}, "compiled operations True (before: False)"),
        ({"device": "cuda", "fused": None}, {"threads": 99, "fused": True}, ""),  # a GPU's bits depend on neither
    ],
)
def test_what_changes_a_runs_bits_is_named(present: dict[str, Any], before: dict[str, Any], named: str) -> None:
    now = PresentSegment(7, CPU, 1)
    now.system = now.system.model_copy(update=present)
    earlier = now.record(9).model_copy(update={"system": now.system.model_copy(update=before)})
    assert now.changes(earlier) == named
