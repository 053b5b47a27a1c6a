"""Every seed and its interval."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from resnet.report.sections.seeds import section


def test_every_seed_and_the_interval_of_the_mean(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56")
    for seed, error in enumerate([8.0, 9.0, 10.0]):
        plan.train("resnet-20", seed, error)
    plan.train("resnet-56", 1, 8.75)
    text = plan.text(section)
    # 9 ± 4.302653 / sqrt(3)
    line = "| resnet-20 | 8.00 (seed 0), 9.00 (seed 1), 10.00 (seed 2) | 9.00 ± 1.00 (n = 3) | 6.52 to 11.48 |"
    assert line in text
    assert "| resnet-56 | 8.75 (seed 1) | 8.75 (n = 1) | – |" in text


def test_interval_stays_among_possible_errors(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=2)
    plan.train("resnet-20", 0, 20.0)
    plan.train("resnet-20", 1, 40.0)
    assert "| 30.00 ± 14.14 (n = 2) | 0.00 to 100.00 |" in plan.text(section)


def test_mixed_seeds_are_shown_and_not_averaged(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=2)
    plan.train("resnet-20", 0, 8.0)
    plan.train("resnet-20", 1, 9.0, train={"learning_rate": 0.05})
    assert "| 8.00 (seed 0), 9.00 (seed 1) | mixed settings, not averaged | – |" in plan.text(section)


def test_nothing_done_is_no_section(files: Callable[..., Any]) -> None:
    assert files("resnet-20").text(section).strip() == ""
