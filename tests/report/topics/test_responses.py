"""Layer responses: the lines and the table at the data's values."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from matplotlib.figure import Figure

from resnet.report.style import style
from resnet.report.topics import responses
from tests.report.conftest import Files
from tests.report.drawn import assert_readable, y_of


def figure(plan: Files) -> Figure | None:
    results = plan.results()
    with style():
        return responses.figure(results.nets, results.published)


def rows(plan: Files) -> dict[str, list[str]]:
    """The cells of the table by net."""
    results = plan.results()
    shown = responses.responses_table(results.nets, results.published)
    return {row[0].text: [cell.text for cell in row[1:]] for row in shown.rows}


def text(plan: Files) -> str:
    results = plan.results()
    section = responses.layer_responses(results.nets, results.published)
    shown = plan.topic(section)
    return shown and shown + section.blocks[-1].caption  # type: ignore[union-attr]


@pytest.fixture
def plan(files: Callable[..., Files]) -> Files:
    """Two kinds and an ablation, of two seeds; others' weights, of which one net was measured."""
    made = files("plain-20", "resnet-20", "resnet-B-20", seeds=2)
    for name, level in (("plain-20", 2.0), ("resnet-20", 1.0), ("resnet-B-20", 3.0)):
        made.responses(name, [level, 3 * level, 5 * level], [level, level, level])
        for seed in range(2):
            made.train(name, seed)
    made.published("theirs", depth=20, responses=[2.0, 4.0, 3.0])
    made.published("unmeasured", depth=20)
    return made


def test_lines_are_means_in_order_and_sorted(plan: Files) -> None:
    drawn = figure(plan)
    assert drawn is not None
    lines = {line.get_gid(): line for axes in drawn.axes for line in axes.lines}
    assert set(lines) == {
        f"{order}-{name}" for order in ("order", "sorted") for name in ("resnet-20", "plain-20", "theirs")
    }
    assert y_of(lines["order-resnet-20"]) == [1.0, 2.0, 3.0]
    assert y_of(lines["sorted-plain-20"]) == [6.0, 4.0, 2.0]
    assert y_of(lines["sorted-theirs"]) == [4.0, 3.0, 2.0]
    assert len({line.get_color() for line in lines.values()}) == 1
    assert len({line.get_linestyle() for line in lines.values()}) == 3
    assert_readable(drawn)


def test_the_table_by_hand(plan: Files) -> None:
    # Means over layers 3 and 1, medians 3 and 1; strongest 5 and 1, weakest 1 and 1.
    assert rows(plan) == {
        "resnet-20": ["2.000 ± 1.414 (n = 2)", "2.000 ± 1.414 (n = 2)", "3.000", "1.000", "3"],
        "resnet-B-20": ["6.000 ± 4.243 (n = 2)", "6.000 ± 4.243 (n = 2)", "9.000", "3.000", "3"],
        "plain-20": ["4.000 ± 2.828 (n = 2)", "4.000 ± 2.828 (n = 2)", "6.000", "2.000", "3"],
        "theirs (others' weights)": ["3.000 (n = 1)", "3.000 (n = 1)", "4.000", "2.000", "3"],
    }


@pytest.mark.parametrize(
    ("strongest", "names", "scale"),
    [
        (4.0, {"plain-20", "resnet-20", "plain-110"}, "linear"),
        (99.0, {"plain-20", "resnet-20", "plain-110"}, "log"),
        (17_000.0, {"plain-20", "resnet-20"}, "linear"),
    ],
)
def test_a_net_far_above_the_others(files: Callable[..., Files], strongest: float, names: set[str], scale: str) -> None:
    plan = files("resnet-20", "plain-20", "plain-110", seeds=1)
    for name, level in (("resnet-20", 1.0), ("plain-20", 1.0), ("plain-110", strongest)):
        plan.train(name)
        plan.responses(name, [level, 0.25, 0.5])
    drawn = figure(plan)
    assert drawn is not None
    assert {str(line.get_gid()).removeprefix("order-") for line in drawn.axes[0].lines} == names
    assert [axes.get_yscale() for axes in drawn.axes] == [scale, scale]
    assert ("plain-110 (17,000)" in text(plan)) == ("plain-110" not in names)
    assert rows(plan)["plain-110"][1] == "0.500 (n = 1)"  # the median, whatever the strongest layer is
    assert_readable(drawn)


def test_runs_without_a_measurement_are_named(files: Callable[..., Files]) -> None:
    plan = files("resnet-20", seeds=2)
    plan.train("resnet-20", 0)
    plan.train("resnet-20", 1)
    plan.responses("resnet-20", [0.5, 0.5])
    assert "Not measured, which takes a run's weights: seed 1 of resnet-20." in text(plan)


def test_depths_that_the_paper_does_not_draw_are_in_the_table_alone(files: Callable[..., Files]) -> None:
    plan = files("resnet-20", "resnet-32", seeds=1)
    assert figure(plan) is None
    assert text(plan) == ""
    plan.train("resnet-32")
    plan.responses("resnet-32", [1.0, 2.0])
    assert len(figure(plan).axes[0].lines) == 1  # type: ignore[union-attr]
    plan.train("resnet-20")
    plan.responses("resnet-20", [1.0, 2.0])
    assert [line.get_gid() for line in figure(plan).axes[0].lines] == ["order-resnet-20"]  # type: ignore[union-attr]
    assert set(rows(plan)) == {"resnet-20", "resnet-32"}
