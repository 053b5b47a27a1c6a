"""The learning curve: a row every few iterations and at every evaluation, each the mean since the row before."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from resnet.params import Settings
from resnet.runs.history import history
from resnet.training.checkpoint import Progress


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
