"""Figure 6 holds the lines that the data ask for, at the data's values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from resnet.report.sections.curves import figure, section
from tests.report.drawn import assert_room_for_axes, drawn_line, x_of, y_of


def test_curves_are_means_over_the_done_seeds(files: Callable[..., Any]) -> None:
    plan = files("plain-20", "resnet-20", seeds=3)
    plan.train("resnet-20", 0, 8.0)
    plan.train("resnet-20", 1, 9.0)
    plan.train("resnet-20", 2, status="interrupted", iteration=6400)
    plan.train("plain-20", 0, 10.0)
    drawn = figure(plan.tables())
    assert drawn is not None
    plain, residual = drawn.axes
    assert (plain.get_title(), residual.get_title()) == ("plain nets", "residual nets")
    assert plain.get_ylim() == residual.get_ylim() == (0, 20)
    assert residual.get_xlabel() == "iterations, 1e4"

    histories = [plan.history(64_000, 8.0, 0), plan.history(64_000, 9.0, 1)]
    measured = [
        (first.iteration / 10_000, (first.test_error + second.test_error) / 2)
        for first, second in zip(*histories, strict=True)
        if first.test_error is not None
    ]
    test = drawn_line(drawn, "test-resnet-20")
    assert x_of(test) == pytest.approx([place for place, _ in measured])
    assert y_of(test) == pytest.approx([error for _, error in measured])
    training = drawn_line(drawn, "training-resnet-20")
    assert len(x_of(training)) == 64
    assert test.get_linewidth() > training.get_linewidth()
    assert test.get_linestyle() == "-"
    assert training.get_linestyle() == "--"
    # One colour a depth, in both panels.
    assert test.get_color() == training.get_color() == drawn_line(drawn, "test-plain-20").get_color()
    assert test.get_label() == "20-layer, n = 2"
    assert [text.get_text() for text in residual.texts] == ["20-layer, n = 2"]


def test_short_runs_are_drawn_in_iterations_and_fitted(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-32", seeds=1, train={"iterations": 400})
    for name in plan.params.models:
        plan.train(name, history=plan.history(400, 10.0, rows=8))
    drawn = figure(plan.tables())
    assert drawn is not None
    (axes,) = drawn.axes
    assert axes.get_xlabel() == "iterations"
    errors = [value for line in axes.lines for value in y_of(line)]
    low, high = axes.get_ylim()
    assert low < min(errors) < max(errors) < high
    assert max(x_of(drawn_line(drawn, "test-resnet-20"))) == 400


def test_unfinished_nets_and_nets_off_the_scale_say_so(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-32", seeds=2)
    plan.train("resnet-20", 0, 70.0)
    plan.train("resnet-32", 0, 8.0, status="interrupted", iteration=36_000)
    drawn = figure(plan.tables())
    assert drawn is not None
    assert drawn.axes[0].get_title() == "residual nets\n(resnet-20: above 20 %)"
    assert [text.get_text() for text in drawn.axes[0].texts] == ["32-layer, n = 1, unfinished"]


def test_the_papers_three_panels(files: Callable[..., Any]) -> None:
    plan = files("plain-20", "plain-56", "resnet-20", "resnet-110", "resnet-1202", seeds=1)
    for name in plan.params.models:
        plan.train(name)
    drawn = figure(plan.tables())
    assert drawn is not None
    titles = [axes.get_title() for axes in drawn.axes]
    assert titles == ["plain nets", "residual nets", "residual nets, 110 and 1202 layers"]
    lines = [{str(line.get_gid()) for line in axes.lines if "test" in str(line.get_gid())} for axes in drawn.axes]
    assert lines[1] == {"test-resnet-20", "test-resnet-110"}
    assert lines[2] == {"test-resnet-110", "test-resnet-1202"}
    labels = [text.get_position()[1] for text in drawn.axes[0].texts]
    assert abs(labels[0] - labels[1]) >= 1.0  # apart, where the curves end at one place


def test_a_panel_without_runs_is_left_out(files: Callable[..., Any]) -> None:
    plan = files("plain-20", "resnet-110", "resnet-1202", seeds=1)
    plan.train("resnet-1202")
    drawn = figure(plan.tables())
    assert drawn is not None
    assert [axes.get_title() for axes in drawn.axes] == ["residual nets, 1202 layers"]


def test_ablations_are_not_drawn(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-B-20", seeds=1)
    for name in plan.params.models:
        plan.train(name)
    drawn = figure(plan.tables())
    assert drawn is not None
    assert {str(line.get_gid()) for line in drawn.axes[0].lines} == {"training-resnet-20", "test-resnet-20"}


def test_nets_of_another_length_stay_out_and_are_named(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56", "resnet-1202", seeds=1)
    plan.train("resnet-20")
    plan.train("resnet-56")
    plan.train("resnet-1202", test_error=80.0, train={"iterations": 20})
    drawn = figure(plan.tables())
    assert drawn is not None
    assert {str(line.get_gid()) for line in drawn.axes[0].lines} == {
        *("test-resnet-20", "training-resnet-20", "test-resnet-56", "training-resnet-56")
    }
    assert drawn.axes[0].get_ylim() == (0, 20)
    assert "not in the figures of errors: resnet-1202 (20 iterations)." in plan.text(section)


def test_different_settings_are_not_drawn(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=2)
    plan.train("resnet-20", 0)
    plan.train("resnet-20", 1, train={"learning_rate": 0.05})
    assert figure(plan.tables()) is None


def test_curves_without_a_finite_value_are_not_drawn(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=1)
    nan = float("nan")
    history = [point._replace(training_error=nan, test_error=None) for point in plan.history(100, 10.0, rows=2)]
    plan.train("resnet-20", status="diverged", iteration=100, history=history)
    assert figure(plan.tables()) is None


@pytest.mark.filterwarnings("error")
def test_many_nets_leave_room_for_the_axes(files: Callable[..., Any]) -> None:
    plan = files(*(f"resnet-{depth}" for depth in range(8, 68, 6)), seeds=1)
    for name in plan.params.models:
        plan.train(name, status="interrupted", iteration=6400)
    assert_room_for_axes(figure(plan.tables()))
