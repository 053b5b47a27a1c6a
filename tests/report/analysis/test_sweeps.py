"""Sweeps: the order of depths is told only where the sweeps tell it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from resnet.report.analysis.sweeps import orders, standard_error
from tests.report.made_up import a_sweep


def order(plan: Any, *sweeps: Any) -> Any:
    for sweep in sweeps:
        sweep.write(plan.runs / f"sweep/{sweep.name}.json")
    (one,) = orders(plan.tables())
    return one


def test_the_order_survives_or_does_not(files: Callable[..., Any]) -> None:
    told = order(files(), a_sweep(20, 12.0, 11.0), a_sweep(56, 9.0, 8.0))
    assert told.own == told.tuned == ("resnet-56", "resnet-20")
    assert told.ties == ()
    told = order(files(), a_sweep(20, 12.0, 7.0), a_sweep(56, 11.0, 10.0))
    assert (told.own, told.tuned) == (("resnet-56", "resnet-20"), ("resnet-20", "resnet-56"))


def test_errors_within_two_standard_errors_are_ties(files: Callable[..., Any]) -> None:
    assert standard_error((10.0, 10.0), 5000) == pytest.approx(0.6)
    told = order(files(), a_sweep(20, 12.0, 10.5), a_sweep(56, 11.0, 10.0))
    assert told.ties == (("resnet-56", "resnet-20"),)
    assert told.images == 5000


@pytest.mark.parametrize(
    ("other", "unfinished"),
    [
        (a_sweep(56, 9.0, 8.0, status="interrupted"), ("resnet-56",)),
        (a_sweep(56, None, 8.0), ("resnet-56",)),
        (a_sweep(56, 9.0, 8.0, precision="fp32"), ()),
        (a_sweep(56, 9.0, 8.0, settings={"sweep": {"trials": 5}}), ()),
    ],
)
def test_what_is_not_told(files: Callable[..., Any], other: Any, unfinished: tuple[str, ...]) -> None:
    told = order(files(), a_sweep(20, 12.0, 11.0), other)
    assert (told.own, told.tuned, told.unfinished) == ((), (), unfinished)


def test_one_sweep_has_no_order(files: Callable[..., Any]) -> None:
    plan = files()
    a_sweep(20, 12.0, 11.0).write(plan.runs / "sweep/resnet-20.json")
    assert orders(plan.tables()) == []
