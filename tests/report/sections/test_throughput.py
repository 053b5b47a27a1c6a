"""Images/s against depth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from resnet.report.sections.throughput import figure
from tests.report.drawn import assert_room_for_axes, y_of


def test_speed_is_drawn_at_the_medians(files: Callable[..., Any]) -> None:
    plan = files("plain-20", "resnet-20", "resnet-56", seeds=1)
    plan.throughput("plain-20")
    plan.throughput("resnet-20")
    plan.throughput("resnet-56", training_seconds=[0.04, 0.05, 0.05], system=plan.system())
    drawn = figure(plan.tables())
    assert drawn is not None
    training, inference = drawn.axes
    assert (training.get_xscale(), training.get_yscale()) == ("log", "log")
    assert [y_of(bars.lines[0]) for bars in training.containers] == [[10_240.0], [10_240.0, 2_560.0]]  # type: ignore[attr-defined]
    assert [y_of(bars.lines[0]) for bars in inference.containers] == [[32_000.0], [32_000.0, 32_000.0]]  # type: ignore[attr-defined]
    low, high = training.get_ylim()
    assert (low, high) == (2_000, 20_000)
    assert [entry.get_text() for entry in drawn.legends[0].get_texts()] == ["plain nets", "residual nets"]


def test_several_machines_are_several_lines(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56", seeds=1)
    assert figure(plan.tables()) is None
    plan.throughput("resnet-20")
    plan.throughput("resnet-56", system=plan.system(device_name="Other GPU"))
    drawn = figure(plan.tables())
    assert drawn is not None
    labels = [entry.get_text() for entry in drawn.legends[0].get_texts()]
    assert labels == ["residual nets, Example GPU", "residual nets, Other GPU"]


@pytest.mark.filterwarnings("error")
def test_many_nets_and_long_names_leave_room_for_the_axes(files: Callable[..., Any]) -> None:
    plan = files(*(f"resnet-{depth}" for depth in range(8, 68, 6)), seeds=1)
    for k, name in enumerate(plan.params.models):
        plan.throughput(name, system=plan.system(device_name=f"A processor with a long name, model {k % 2}"))
    assert_room_for_axes(figure(plan.tables()))
