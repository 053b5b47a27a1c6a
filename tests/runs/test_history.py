"""The learning curve: a row is computed once, and is what it would be if all were computed at the end."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from resnet.params import Settings
from resnet.runs.history import History
from resnet.training.checkpoint import Progress


@pytest.mark.parametrize("warmup", [False, True])
def test_rows_that_were_computed_on_the_way_are_those_of_the_end(
    warmup: bool, tiny: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tiny(iterations=40, log_every=4, warmup=str(warmup).lower())
    progress = Progress.start(40, torch.device("cpu"))
    progress.losses.copy_(torch.rand(40, generator=torch.Generator().manual_seed(0)))
    progress.wrong.copy_(torch.arange(40) % 16)
    growing = History(settings, 1237)
    for iteration in (3, 10, 20, 21, 40):
        progress.iteration = iteration
        progress.warmup_iterations = 18 if warmup and iteration > 18 else None
        if iteration % 10 == 0:
            growing.rows(progress)  # a save right before the evaluation
            progress.evaluations[iteration] = (None, 50.0 + iteration)
        assert growing.rows(progress) == History(settings, 1237).rows(progress)
    rows = growing.rows(progress)
    assert [row.iteration for row in rows] == [4, 8, 10, 12, 16, 20, 24, 28, 32, 36, 40]
    assert [row.test_error for row in rows if row.test_error is not None] == [60.0, 70.0, 90.0]
    assert rows[2].training_loss == pytest.approx(float(progress.losses[8:10].mean()))
    assert [row.learning_rate for row in rows[:6]] == pytest.approx([0.01 if warmup else 0.1] * 5 + [0.1])


def test_what_stands_is_not_read_again(tiny: Callable[..., Settings]) -> None:
    settings, progress = tiny(iterations=40, log_every=4), Progress.start(40, torch.device("cpu"))
    history = History(settings, 1237)
    progress.iteration = 20
    first = history.rows(progress)
    progress.losses[:16] = float("nan")
    progress.iteration = 40
    assert history.rows(progress)[:4] == first[:4]
