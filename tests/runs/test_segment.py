"""A segment that trains: its seconds, and in what its arithmetic is another than an earlier one's."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from resnet.results import Segment
from resnet.runs import segment
from resnet.runs.segment import PresentSegment
from tests.conftest import CPU


def present() -> PresentSegment:
    return PresentSegment(7, CPU, 1)


def earlier(now: PresentSegment, **changes: Any) -> Segment:
    """A segment like this one, but for some fields of its machine, or of itself."""
    record = now.record(9)
    own = {key: value for key, value in changes.items() if key in Segment.model_fields}
    system = record.system.model_copy(update={key: value for key, value in changes.items() if key not in own})
    return record.model_copy(update=own | {"system": system})


def test_evaluations_and_checkpoints_are_no_time_of_training(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(segment, "time", SimpleNamespace(perf_counter=lambda: now))
    training = present()
    now += 8
    for seconds in (1.0, 2.0):
        with training.outside_training():
            now += seconds
    record = training.record(12)
    assert (record.seconds, record.training_seconds) == (11.0, 8.0)
    assert (record.first_iteration, record.last_iteration) == (7, 12)


def test_the_same_arithmetic_is_no_change() -> None:
    now = present()
    assert now.changes(earlier(now)) == ""
    assert now.changes(earlier(now, fused=None)) == "", "of a record from before it was stored"
    assert now.changes(earlier(now, device_name="another processor", cores=99)) == ""


def test_what_changes_a_runs_bits_is_named() -> None:
    now = present()
    threads = now.system.threads
    named = f"with {threads} {'thread' if threads == 1 else 'threads'} (before: {threads + 1})"
    assert now.changes(earlier(now, device="cuda")) == "on cpu (before: cuda)"
    assert now.changes(earlier(now, threads=threads + 1)) == named


@pytest.mark.parametrize(
    ("compiled", "words"),
    [(True, "with compiled operations (before: none)"), (False, "without compiled operations")],
)
def test_compiled_operations_are_other_arithmetic(compiled: bool, words: str) -> None:
    now = present()
    now.system = now.system.model_copy(update={"fused": compiled})
    assert now.changes(earlier(now, fused=not compiled)) == words


def test_a_gpus_bits_depend_on_no_threads() -> None:
    now = present()
    now.system = now.system.model_copy(update={"device": "cuda", "fused": None})
    assert now.changes(earlier(now, threads=99, fused=True)) == ""
