"""Learning curves averaged over seeds, and the choice of an iterate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from resnet.report.analysis.curves import averaged, choices, curves_of
from tests.report.made_up import some_data


def test_curves_keep_to_iterations_that_every_seed_has(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=2)
    long, short = plan.history(1000, 10.0, rows=10), plan.history(500, 10.0, rows=5)
    long[1] = long[1]._replace(training_loss=float("inf"))
    plan.train("resnet-20", 0, history=long, status="interrupted", iteration=1000)
    plan.train("resnet-20", 1, history=short, status="interrupted", iteration=500)
    curves = curves_of(plan.tables(), "resnet-20")
    curve = averaged(curves, "training_loss")
    assert list(curve.index) == [100, 300, 400, 500]
    assert curve.loc[100, "mean"] == (long[0].training_loss + short[0].training_loss) / 2
    assert curve.loc[100, "low"] == min(long[0].training_loss, short[0].training_loss)
    assert list(averaged(curves, "test_error").index) == [400]
    assert averaged(curves.iloc[:0], "test_error").empty


def test_unfinished_seeds_are_drawn_where_none_is_finished(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=2)
    plan.train("resnet-20", 0, status="interrupted", iteration=6400)
    assert set(curves_of(plan.tables(), "resnet-20")["seed"]) == {0}
    plan.train("resnet-20", 1)
    assert set(curves_of(plan.tables(), "resnet-20")["seed"]) == {1}
    plan.train("resnet-20", 0, train={"momentum": 0.8})
    assert curves_of(plan.tables(), "resnet-20").empty  # mixed settings


def test_choices(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=1)
    points = plan.history(64_000, 10.0, rows=4)
    cells = [(9.0, 9.5), (8.0, 9.0), (8.5, 8.8), (8.6, 9.1)]
    plan.train("resnet-20", 0, 9.1, history=[])
    assert choices(plan.tables(), "resnet-20") is None
    history = [p._replace(validation_error=v, test_error=t) for p, (v, t) in zip(points, cells, strict=True)]
    plan.train("resnet-20", 0, 9.1, history=history)
    choice = choices(plan.tables(), "resnet-20")
    assert choice is not None
    assert choice.by_validation is not None
    assert [x.values for x in (choice.last, choice.by_validation, choice.best)] == [(9.1,), (9.0,), (8.8,)]
    assert choice.gained.values == (pytest.approx(0.3),)
    without = some_data(validation_images=0)
    plan.train("resnet-20", 0, 9.1, history=[p._replace(validation_error=None) for p in history], data=without)
    assert choices(plan.tables(), "resnet-20").by_validation is None  # type: ignore[union-attr]
