"""Figure 7: the lines at the data's values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from resnet.report.sections.responses import figure, section
from tests.report.drawn import y_of


def some_responses(files: Callable[..., Any]) -> Any:
    plan = files("plain-20", "resnet-20", "resnet-B-20", seeds=2)
    for name, level in (("plain-20", 2.0), ("resnet-20", 1.0), ("resnet-B-20", 3.0)):
        plan.responses(name, [level, 3 * level, 2 * level], [level, level, level])
        for seed in range(2):
            plan.train(name, seed)
    return plan


def test_lines_are_means_in_order_and_sorted(files: Callable[..., Any]) -> None:
    drawn = figure(some_responses(files).tables())
    assert drawn is not None
    lines = {line.get_gid(): line for axes in drawn.axes for line in axes.lines}
    assert set(lines) == {"order-resnet-20", "sorted-resnet-20", "order-plain-20", "sorted-plain-20"}  # no ablation
    assert y_of(lines["order-resnet-20"]) == [1.0, 2.0, 1.5]
    assert y_of(lines["sorted-plain-20"]) == [4.0, 3.0, 2.0]
    assert (lines["order-plain-20"].get_linestyle(), lines["order-resnet-20"].get_linestyle()) == ("--", "-")
    assert [text.get_text() for text in drawn.legends[0].get_texts()] == ["resnet-20 (2 seeds)", "plain-20 (2 seeds)"]


@pytest.mark.parametrize(("strongest", "scale"), [(99.0, "linear"), (17_000.0, "log")])
def test_a_net_far_above_the_others_does_not_flatten_them(
    files: Callable[..., Any], strongest: float, scale: str
) -> None:
    plan = files("resnet-20", "plain-20", "plain-110", seeds=1)
    for name, level in (("resnet-20", 1.0), ("plain-20", 1.0), ("plain-110", strongest)):
        plan.train(name)
        plan.responses(name, [level, 0.5])
    drawn = figure(plan.tables())
    assert drawn is not None
    assert [axes.get_yscale() for axes in drawn.axes] == [scale, scale]
    assert ("log scale" in drawn.axes[0].get_ylabel()) == (scale == "log")
    low, high = drawn.axes[0].get_ylim()
    assert low <= 0.5
    assert high >= strongest


def test_the_table_by_hand(files: Callable[..., Any]) -> None:
    plan = some_responses(files)
    # Means over layers 2 and 1; sorted, the means over seeds are 2, 1.5 and 1.
    line = next(line for line in plan.rows(section) if line["net"] == "resnet-20")
    assert list(line.values()) == ["resnet-20", "1.500 ± 0.707 (n = 2)", "2.000", "1.000", "3"]
    assert "of 5,000 training images of CIFAR-10, not augmented" in plan.text(section)


def test_nets_of_a_few_iterations_are_left_out_and_named(files: Callable[..., Any]) -> None:
    plan = files("resnet-8", "resnet-20", "plain-20", seeds=1, train={"iterations": 400})
    for name, level in (("resnet-8", 6.7e10), ("resnet-20", 0.5), ("plain-20", 0.9)):
        plan.train(name, train={"iterations": 2} if name == "resnet-8" else {})
        plan.responses(name, [level] * (plan.params.models[name].depth - 1))
    assert [line["net"] for line in plan.rows(section)] == ["resnet-20", "plain-20"]
    assert "leave no trained weights: resnet-8 (2 iterations)." in plan.text(section)
    drawn = figure(plan.tables())
    assert drawn is not None
    assert [entry.get_text() for entry in drawn.legends[0].get_texts()] == ["resnet-20 (1 seed)", "plain-20 (1 seed)"]


def test_nothing_measured_is_nothing_drawn(files: Callable[..., Any]) -> None:
    plan = files("resnet-20")
    assert figure(plan.tables()) is None
    assert plan.text(section).strip() == ""
    with pytest.raises(StopIteration):
        plan.rows(section)


def test_others_weights_are_thin_dotted_lines_and_rows(files: Callable[..., Any]) -> None:
    plan = some_responses(files)
    plan.published("theirs", depth=20, responses=[2.0, 4.0, 3.0])
    plan.published("unmeasured", depth=20)
    drawn = figure(plan.tables())
    assert drawn is not None
    lines = {line.get_gid(): line for axes in drawn.axes for line in axes.lines}
    assert y_of(lines["order-theirs"]) == [2.0, 4.0, 3.0]
    assert y_of(lines["sorted-theirs"]) == [4.0, 3.0, 2.0]
    assert lines["order-theirs"].get_color() == lines["order-resnet-20"].get_color()
    assert "order-unmeasured" not in lines
    line = next(line for line in plan.rows(section) if line["net"].startswith("theirs"))
    assert list(line.values()) == ["theirs: others' weights, 50k images", "3.000", "4.000", "2.000", "3"]


def test_others_weights_alone_are_a_figure(files: Callable[..., Any]) -> None:
    plan = files("resnet-20")
    plan.published("theirs", depth=56, responses=[2.0, 4.0])
    drawn = figure(plan.tables())
    assert drawn is not None
    assert [text.get_text() for text in drawn.legends[0].get_texts()] == ["theirs (others' weights)"]
