"""What a newcomer reads first after the quickstart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from resnet.report.sections.first_look import figure, section
from tests.report.drawn import drawn_line, x_of, y_of


def a_quickstart(files: Callable[..., Any], error: float = 20.0) -> Any:
    plan = files("resnet-20", "plain-20", "resnet-56", seeds=1, train={"iterations": 400})
    for name in ("resnet-20", "plain-20"):
        plan.train(name, 0, error, data=plan.data(official=False), history=plan.history(400, error, rows=8))
    plan.train("resnet-56", 0, 88.0, data=plan.data(official=False), train={"iterations": 2}, iteration=2, history=[])
    return plan


def test_it_says_what_ran_and_that_it_learned(files: Callable[..., Any]) -> None:
    text = a_quickstart(files).text(section)
    beside = "resnet-20 ends at a test error of 20.00 %, guessing at 90 %."
    assert f"**It works.** 2 of 3 nets clearly do better than guessing: {beside}" in text
    assert "3 nets of 20 to 56 layers, 3 training runs on" in text
    assert "400 iterations each, fewer of resnet-56 (2), which shows that they run and no more." in text
    assert "nothing here can be set beside its errors" in text


def test_nets_that_learned_nothing_are_not_praised(files: Callable[..., Any]) -> None:
    text = a_quickstart(files, error=80.0).text(section)
    assert "It works" not in text
    assert "**It runs, and no net has learned much yet.** resnet-20 ends at a test error of 80.00 %" in text


def test_its_figure_shows_learning_beside_guessing(files: Callable[..., Any]) -> None:
    plan = a_quickstart(files)
    drawn = figure(plan.tables())
    assert drawn is not None
    history = plan.history(400, 20.0, rows=8)
    line = drawn_line(drawn, "training-resnet-20")
    assert x_of(line) == pytest.approx([point.iteration for point in history])
    assert y_of(line) == pytest.approx([point.training_error for point in history])
    last = drawn_line(drawn, "test-resnet-20")
    assert (x_of(last), y_of(last)) == ([400], [20.0])
    assert set(y_of(drawn_line(drawn, "chance"))) == {90.0}
    assert [text.get_text() for text in drawn.legends[0].get_texts()] == [
        "resnet-20", "plain-20", "test error at the end", "guessing",
    ]  # fmt: skip


def test_cifar_10_itself_and_an_empty_plan_have_none(files: Callable[..., Any]) -> None:
    plan = files("resnet-20")
    assert plan.text(section).strip() == ""
    plan.train("resnet-20", 0)
    assert plan.text(section).strip() == ""
    assert figure(plan.tables()) is None
