"""When nets begin to learn, in a sentence and a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from resnet.report.sections.starts import section
from tests.report.analysis.test_starts import history


def test_the_first_the_last_and_those_that_never_begin(files: Callable[..., Any]) -> None:
    plan = files("plain-20", "plain-32", "plain-56", "plain-B-56", seeds=2, train={"iterations": 800})
    for seed in range(2):
        plan.train("plain-20", seed, history=history([90, 60, *[50] * 14]))
        plan.train("plain-32", seed, history=history([90, 90, 70, *[50] * 13]))
    plan.train("plain-56", 0, history=history([*[90] * 6, *[50] * 10]))
    plan.train("plain-56", 1, history=history([90] * 16))
    text = plan.text(section)
    assert text.startswith(
        "At first a net guesses. Its training error, mean of 100 iterations, falls below 80 % after 100 iterations of "
        "plain-20 (12 % of the schedule) and after 350 iterations of plain-56 (44 %), the others between; never in "
        "1 of 2 seeds of plain-56. Deeper nets of a kind begin later. Of the paper's 64,000 iterations the longest of "
        "these times would be 0.5 %.\n"
    )
    assert "| plain-56 | 350 (seed 0), never (seed 1) | 44 % |" in text
    assert "<summary>When each seed begins to learn</summary>" in text


def test_nets_that_begin_alike(files: Callable[..., Any]) -> None:
    plan = files("plain-20", "resnet-20", seeds=1, train={"iterations": 800})
    for name in plan.params.models:
        plan.train(name, history=history([90, 60, *[50] * 14]))
    sentence = plan.text(section).splitlines()[0]
    assert "falls below 80 % after 100 iterations of every net (12 % of the schedule). Of the paper's" in sentence


def test_nets_that_never_begin(files: Callable[..., Any]) -> None:
    plan = files("plain-20", "plain-56", seeds=1, train={"iterations": 800})
    for name in plan.params.models:
        plan.train(name, history=history([90] * 16))
    sentence = plan.text(section).splitlines()[0]
    assert sentence.endswith(" mean of 100 iterations, falls below 80 % never in plain-20 and plain-56.")


def test_one_net_and_none(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=1, train={"iterations": 300})
    assert plan.text(section).strip() == ""
    plan.train("resnet-20", history=history([90, 10, 10], every=100))
    sentence = plan.text(section).splitlines()[0]
    assert "falls below 80 % after 200 iterations of resnet-20 (67 % of the schedule). Of the paper's" in sentence
