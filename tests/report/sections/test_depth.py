"""Test error against depth: a mark a seed, the means and the paper."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from resnet.report.sections.depth import figure
from tests.report.drawn import drawn_line, y_of


def test_a_mark_a_seed_the_means_and_the_paper(files: Callable[..., Any]) -> None:
    plan = files("plain-20", "resnet-20", "resnet-56", "resnet-110", seeds=3)
    errors = {"plain-20": [9.0, 9.5, 10.0], "resnet-20": [8.0, 8.5, 9.0], "resnet-56": [7.0, 7.2]}
    for name, values in errors.items():
        for seed, error in enumerate(values):
            plan.train(name, seed, error)
    drawn = figure(plan.tables())
    assert drawn is not None
    for name, values in errors.items():
        assert y_of(drawn_line(drawn, f"seeds-{name}")) == values
    assert y_of(drawn_line(drawn, "means-0")) == pytest.approx([9.5])
    assert y_of(drawn_line(drawn, "means-1")) == pytest.approx([8.5, 7.1])
    (axes,) = drawn.axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["20", "56"]
    papers = [y_of(bars.lines[0]) for bars in axes.containers if bars.lines[0].get_marker() == "D"]  # type: ignore[attr-defined]
    assert papers == [[8.75, 6.97]]
    (legend,) = drawn.legends
    assert "the paper (64,000 iterations)" in [entry.get_text() for entry in legend.get_texts()]


def test_the_paper_is_left_out_on_other_data(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=1, train={"iterations": 400})
    assert figure(plan.tables()) is None
    plan.train("resnet-20", data=plan.data(official=False))
    drawn = figure(plan.tables())
    assert drawn is not None
    assert not any("paper" in entry.get_text() for entry in drawn.legends[0].get_texts())
    assert drawn.get_suptitle() == "Test error against depth on digits, 400 iterations"


def test_nets_of_another_length_stay_out(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56", "resnet-1202", seeds=1)
    plan.train("resnet-20")
    plan.train("resnet-56")
    plan.train("resnet-1202", test_error=80.0, train={"iterations": 20})
    drawn = figure(plan.tables())
    assert drawn is not None
    assert [label.get_text() for label in drawn.axes[0].get_xticklabels()] == ["20", "56"]


def test_different_settings_are_not_drawn(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=2)
    plan.train("resnet-20", 0)
    plan.train("resnet-20", 1, train={"learning_rate": 0.05})
    assert figure(plan.tables()) is None
