"""A segment's seconds and arithmetic; the learning curve: a row now and then, each the mean since the row before."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from resnet.params import Settings
from resnet.runs import segment
from resnet.runs.segment import PresentSegment, history
from resnet.training.checkpoint import Progress
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


@pytest.mark.parametrize("warmup", [False, True])
def test_rows_are_means_since_the_row_before(warmup: bool, tiny: Callable[..., Settings]) -> None:
    recipe = tiny(iterations=40, log_every=4, warmup=str(warmup).lower()).train
    progress = Progress.start(40, torch.device("cpu"))
    progress.losses.copy_(torch.rand(40, generator=torch.Generator().manual_seed(0)))
    progress.wrong.copy_(torch.arange(40) % 16)
    progress.iteration, progress.evaluations = 20, {10: (None, 60.0), 20: (None, 70.0)}
    progress.warmup_iterations = 18 if warmup else None
    rows = history(progress, recipe, 1237)
    assert [row.iteration for row in rows] == [4, 8, 10, 12, 16, 20]
    assert [row.test_error for row in rows] == [None, None, 60.0, None, None, 70.0]
    assert rows[2].training_loss == pytest.approx(float(progress.losses[8:10].mean()))
    assert rows[2].training_error == pytest.approx(100 * 8.5 / 16)
    assert rows[2].epoch == pytest.approx(10 * 16 / 1237)
    assert [row.learning_rate for row in rows] == pytest.approx([0.01 if warmup else 0.1] * 5 + [0.1])
    progress.iteration = 40
    assert history(progress, recipe, 1237)[:6] == rows
