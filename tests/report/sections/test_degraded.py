"""A deeper net that is worse without overfitting, in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from resnet.report.sections.degraded import section
from tests.report.analysis.test_degradation import history


def test_both_kinds_by_hand(files: Callable[..., Any]) -> None:
    plan = files("plain-20", "plain-56", "resnet-20", "resnet-56", seeds=2, train={"iterations": 300})
    for seed, wobble in enumerate((0.0, 0.2)):
        plan.train("plain-20", seed, 10 + wobble, training_error=9 + wobble, history=history(90, 70, 60, 50, 20, 10))
        plan.train("plain-56", seed, 15 + wobble, training_error=16 + wobble, history=history(90, 70, 70, 64, 20, 10))
        plan.train("resnet-20", seed, 8 + wobble, training_error=5 + wobble, history=history(90, 70, 60, 50, 20, 10))
        plan.train("resnet-56", seed, 9 + wobble, training_error=7 + wobble, history=history(90, 70, 60, 51, 20, 10))
    assert plan.text(section).strip() == (
        "The deeper net that is worse does not overfit: its training error is higher as well. plain-56 minus "
        "plain-20: +7.00 points at the end, +12.00 in the last 100 iterations at the highest learning rate; "
        "resnet-56 minus resnet-20: +2.00 points at the end, +0.50 before."
    )


def test_nothing_where_no_deeper_net_is_worse(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56", seeds=2)
    assert plan.text(section).strip() == ""
    for seed, wobble in enumerate((0.0, 0.2)):
        plan.train("resnet-20", seed, 8 + wobble, training_error=5 + wobble)
        plan.train("resnet-56", seed, 7 + wobble, training_error=3 + wobble)
    assert plan.text(section).strip() == ""
