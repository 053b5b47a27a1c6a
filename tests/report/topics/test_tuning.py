"""Sweeps: the table."""

from __future__ import annotations

from collections.abc import Callable

from resnet.report.topics import tuning
from tests.report.conftest import Files
from tests.report.made_up import a_sweep, some_data


def test_the_table_comes_and_goes_with_the_sweeps(files: Callable[..., Files]) -> None:
    plan = files()
    assert plan.topic(tuning.tuned([])) == ""
    second = a_sweep(56, None, 8.0, status="interrupted", data=some_data(official=False))
    (trial, *_) = second.trials
    nothing = a_sweep(110, None, 8.0, trials=(trial,))
    first, diverged, empty = plan.rows_of(plan.topic(tuning.tuned([a_sweep(20, 12.0, 11.0), second, nothing])))
    # Of 12 and 11 % over 5,000 images: sqrt(12 * 88 / 5000) = 0.46, sqrt(11 * 89 / 5000) = 0.44.
    values = ["resnet-20", "CIFAR-10, bf16", "2 of 8,000 iterations (2 complete), done", "12.00 ± 0.46", "11.00 ± 0.44"]
    assert [*first.values()] == [*values, "0.3", "0.0001", "no", "0.5, 0.75", "2.0 min"]
    assert [*diverged.values()][1:5] == [
        "digits, bf16",
        "2 of 8,000 iterations (1 complete, 1 diverged), interrupted",
        "–",
        "8.00 ± 0.38",
    ]
    assert [*empty.values()][3:] == ["–"] * 6 + ["60.0 s"]
