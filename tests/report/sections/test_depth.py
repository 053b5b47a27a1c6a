"""Test error against depth: ours filled, what others published hollow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from resnet.report.sections.depth import figure, section

from tests.report.drawn import assert_room_for_axes


def points(drawn: Figure | None) -> dict[str, list[float]]:
    """The errors of every series of markers, by its identifier."""
    assert drawn is not None
    bars = [series for series in drawn.axes[0].containers if isinstance(series, ErrorbarContainer)]
    return {str(line.get_gid()): [float(y) for y in line.get_ydata()] for line in (series[0] for series in bars)}


def test_ours_filled_and_every_published_depth_hollow(files: Callable[..., Any]) -> None:
    plan = files("plain-20", "resnet-20", "resnet-56", seeds=3)
    errors = {"plain-20": [9.0, 9.5, 10.0], "resnet-20": [8.0, 8.5, 9.0], "resnet-56": [7.0, 7.2]}
    for name, values in errors.items():
        for seed, error in enumerate(values):
            plan.train(name, seed, error)
    drawn = figure(plan.tables())
    shown = points(drawn)
    assert shown["ours-plain"] == pytest.approx([9.5])
    assert shown["ours-resnet"] == pytest.approx([8.5, 7.1])
    assert shown["paper-resnet"] == [8.75, 7.51, 7.17, 6.97, 6.61, 7.93]
    assert shown["nabla0001-plain"] == [9.78, 12.95]
    assert len(shown["raphaelreme-resnet"]) == len(shown["akamaster-resnet"]) == 6
    assert drawn is not None
    (axes,) = drawn.axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["20", "32", "44", "56", "110", "1202"]
    hollow = {str(bars[0].get_gid()): bars[0].get_markerfacecolor() for bars in axes.containers}
    assert hollow["paper-resnet"] == "white" != hollow["ours-resnet"]
    (legend,) = drawn.legends
    assert "raphaelreme (50k images, option B)" in [entry.get_text() for entry in legend.get_texts()]
    assert drawn.get_suptitle() == "Test error against depth on CIFAR-10"
    assert_room_for_axes(drawn)
    assert "over seeds (one seed has no bar); hollow: published" in section(plan.tables()).pictures[0].caption


@pytest.mark.parametrize("official", [True, False])
def test_nothing_published_stands_beside_another_protocol(files: Callable[..., Any], official: bool) -> None:
    plan = files("resnet-20", "resnet-56", seeds=1, train={} if not official else {"iterations": 400})
    assert figure(plan.tables()) is None
    plan.train("resnet-20", data=plan.data(official=official))
    drawn = figure(plan.tables())
    assert points(drawn).keys() == {"ours-resnet"}
    assert drawn is not None
    where = "CIFAR-10, 400 of the paper's 64,000 iterations" if official else "digits"
    assert drawn.get_suptitle() == f"Test error against depth on {where}"
    assert [label.get_text() for label in drawn.axes[0].get_xticklabels()] == ["20"]
    assert "hollow" not in section(plan.tables()).pictures[0].caption


def test_an_error_that_would_flatten_the_others_is_written_at_the_edge(files: Callable[..., Any]) -> None:
    plan = files("plain-20", "plain-56", "plain-110", seeds=1)
    for name, error in (("plain-20", 9.8), ("plain-56", 12.9), ("plain-110", 61.25)):
        plan.train(name, test_error=error)
    drawn = figure(plan.tables())
    assert points(drawn)["ours-plain"] == [9.8, 12.9]
    assert drawn is not None
    assert [text.get_text() for text in drawn.axes[0].texts] == ["61.2"]
    assert drawn.axes[0].get_ylim()[1] < 20


def test_nets_of_another_length_and_ablations_stay_out(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-B-20", "resnet-56", "resnet-1202", seeds=1)
    plan.train("resnet-20", test_error=8.0)
    plan.train("resnet-B-20", test_error=8.2)
    plan.train("resnet-56", test_error=7.0)
    plan.train("resnet-1202", test_error=80.0, train={"iterations": 20})
    assert points(figure(plan.tables()))["ours-resnet"] == [8.0, 7.0]


def test_different_settings_are_not_drawn(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=2)
    plan.train("resnet-20", 0)
    plan.train("resnet-20", 1, train={"learning_rate": 0.05})
    assert figure(plan.tables()) is None
