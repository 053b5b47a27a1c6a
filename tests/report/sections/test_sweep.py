"""Sweeps: what is said of the order of depths, and the figure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from resnet.report.analysis.sweeps import Order
from resnet.report.sections.sweep import conclusion, figure, section
from tests.report.made_up import a_sweep


def test_the_order_survives_or_does_not() -> None:
    line = conclusion(Order("resnet", ("a", "b"), ("a", "b"), (), 5000))
    assert (
        line
        == "Residual nets, by validation error after tuning: the order is the same as with the own values, a \\< b."
    )
    line = conclusion(Order("plain", ("a", "b"), ("b", "a"), (), 5000))
    assert line == "Plain nets, by validation error after tuning: the order is b \\< a; own values: a \\< b."
    line = conclusion(Order("resnet", ("a", "b"), ("a", "b"), (("a", "b"),), 5000))
    assert "the order of these single runs is" in line
    assert line.endswith("Within two standard errors for 5,000 images, and so not told apart: a and b.")


def test_what_is_not_shown() -> None:
    line = conclusion(Order("resnet", unfinished=("resnet-56",)))
    assert line.endswith("is **not shown**: resnet-56 without a finished sweep and own values that train.")
    assert "budget, search, data, version or precision differ" in conclusion(Order("resnet"))


def test_the_section_and_the_figure_come_and_go_with_the_sweeps(files: Callable[..., Any]) -> None:
    plan = files()
    assert plan.text(section).strip() == ""
    assert figure(plan.tables()) is None
    a_sweep(20, 12.0, 11.0).write(plan.runs / "sweep/resnet-20.json")
    a_sweep(56, None, 8.0, status="interrupted").write(plan.runs / "sweep/resnet-56.json")
    text = plan.text(section)
    assert "| resnet-20 | 2 of 8,000 iterations (2 complete) | 12.00 | 11.00 | 0.3 | 0.0001 | off |" in text
    assert "| resnet-56 | 2 of 8,000 iterations (1 complete, 1 diverged) | – | 8.00 |" in text
    drawn = figure(plan.tables())
    assert drawn is not None
    assert len(drawn.axes) == 10
    first = [tuple(map(float, line.get_xydata()[0])) for line in drawn.axes[0].lines if len(line.get_xydata()) == 1]  # type: ignore[arg-type, index]
    assert first == [(0.0, 12.0), (1.0, 11.0)]
