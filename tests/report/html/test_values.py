"""What the charts are given: the right nets, values and words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from resnet.report.html import charts, values
from resnet.report.style import depth_colours
from resnet.results import HistoryRow
from tests.report.made_up import a_history


def test_the_legend_has_what_began_and_shows_one_ladder(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "plain-20", "resnet-B-20", "resnet-56", "plain-56", "resnet-110", "resnet-32")
    for name in ("resnet-20", "plain-20", "resnet-B-20", "resnet-56"):
        plan.train(name)
    plan.train("plain-56", status="interrupted", iteration=100)
    plan.train("resnet-110", train={"iterations": 200})
    nets = values.legend(plan.tables())
    assert [(net["name"], net["shown"]) for net in nets] == [
        ("plain-20", True),
        ("plain-56", True),
        ("resnet-20", True),
        ("resnet-56", True),
        ("resnet-110", False),  # of another length
        ("resnet-B-20", False),  # of another shortcut
    ]
    colours = depth_colours([20, 32, 56, 110])
    assert [net["colour"] for net in nets] == [colours[net["depth"]] for net in nets]
    assert list(charts.families(nets).values()) == [0, 1, 2]


def test_a_point_has_mean_interval_seeds_and_costs(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56")
    plan.describe("resnet-20")
    plan.throughput("resnet-20", inference_seconds=(0.128,))
    for seed, error in enumerate([8.0, 9.0, 10.0]):
        plan.train("resnet-20", seed, error, seconds=7200.0)
    plan.train("resnet-56", 1, 7.0)
    plan.train("resnet-56", 2, status="diverged", training_error=None)
    tables = plan.tables()
    nets = values.legend(tables)
    first, second = values.errors(tables, nets)
    half = 4.302652729749464 / 3**0.5
    assert (first["error"], first["low"], first["high"]) == pytest.approx((9.0, 9 - half, 9 + half))
    assert first["seeds"] == "3 (0, 1, 2)"
    assert first["test error"] == "9.00 ± 1.00 %"
    assert first["95 % interval"] == f"{9 - half:.2f} to {9 + half:.2f} %"
    assert [first[axis] for axis in values.AXES[:5]] == pytest.approx([20, 0.269722, 40.55, 1.0, 2.0])
    assert first["devices"]["training time, h"] == "Example GPU"
    assert (second["low"], second["95 % interval"], second["seeds"]) == (None, "none: one seed", "1 (1)")
    assert values.AXES[3] not in second
    assert values.axes([first, second]) == list(values.AXES[:5])  # no energy was measured
    seeds = values.seeds(tables, [first, second])
    assert [(seed["name"], seed["seed"], seed["error"]) for seed in seeds] == [
        *(("resnet-20", 0, 8.0), ("resnet-20", 1, 9.0), ("resnet-20", 2, 10.0), ("resnet-56", 1, 7.0))
    ]


def test_an_interval_ends_where_an_error_can(files: Callable[..., Any]) -> None:
    plan = files("plain-56", seeds=2)
    for seed, error in enumerate([40.0, 90.0]):
        plan.train("plain-56", seed, error)
    tables = plan.tables()
    (point,) = values.errors(tables, values.legend(tables))
    assert (point["low"], point["high"], point["95 % interval"]) == (0.0, 100.0, "0.00 to 100.00 %")


def test_seeds_that_are_not_alike_have_no_point_and_no_curve(files: Callable[..., Any]) -> None:
    plan = files("resnet-20")
    plan.train("resnet-20", 0)
    plan.train("resnet-20", 1, train={"momentum": 0.8})
    tables = plan.tables()
    nets = values.legend(tables)
    assert values.errors(tables, nets) == values.curves(tables, nets) == []


def test_published_figures_stand_on_their_data_alone(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=1)
    plan.train("resnet-20")
    tables = plan.tables()
    figures = values.others(tables)
    (paper,) = [figure for figure in figures if figure["paper"]]
    assert (paper["error"], paper[values.DEPTH]) == (8.75, 20)
    assert {"nabla0001", "akamaster"} <= {figure["source"] for figure in figures}
    assert not any("training time, h" in figure for figure in figures)
    assert values.at_full_length(tables, values.legend(tables))
    plan.train("resnet-20", data=plan.data(official=False))
    tables = plan.tables()
    assert values.others(tables) == []


def test_published_figures_stand_at_every_depth_of_the_plan(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-B-20", "resnet-1202", "plain-56", seeds=1)
    plan.describe("resnet-20")
    plan.train("resnet-20")
    figures = values.others(plan.tables())
    papers = {(x["name"], x[values.DEPTH], x["begun"]) for x in figures if x["paper"]}
    assert papers == {("resnet-20", 20, True), ("resnet-1202", 1202, False)}
    assert {x["name"] for x in figures} == {"resnet-20", "resnet-1202", "plain-56"}
    assert {x["shortcut"] for x in figures if values.AXES[1] in x} == {"A"}  # another net has other parameters
    assert "B" in {x["shortcut"] for x in figures}


def test_a_long_curve_is_thinned_and_keeps_every_test_error(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=1)
    history = a_history(64_000, 8.75, rows=1000)
    plan.train("resnet-20", history=history)
    tables = plan.tables()
    (curve,) = values.curves(tables, values.legend(tables))
    measured = {row.iteration: row.test_error for row in history if row.test_error is not None}
    kept = dict(zip(curve["iteration"], curve["test error"], strict=True))
    assert {k: v for k, v in kept.items() if v is not None} == pytest.approx(measured, abs=0.005)
    assert len(measured) == 250
    assert len(curve["iteration"]) < 250 + values.POINTS
    for quantity, every in curve["every"].items():
        assert 0 < sum(value is not None for value in curve[quantity]) / every <= values.HOVERED, quantity


def test_a_short_curve_is_whole(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=1)
    rows = [HistoryRow(k, k / 10, 0.1, 2.0, 50.0, None, None) for k in (1, 2, 3)]
    plan.train("resnet-20", status="interrupted", iteration=3, history=rows)
    tables = plan.tables()
    (curve,) = values.curves(tables, values.legend(tables))
    assert curve["iteration"] == [1, 2, 3]
    assert curve["test error"] == [None, None, None]
    assert curve["every"] == {"test error": 1, "training error": 1}


@pytest.mark.parametrize(("error", "top"), [(1.9, 5), (2.6, 10), (9.9, 20), (13.0, 40), (60.0, 100)])
def test_the_axis_of_curves_leaves_the_last_errors_below_half(
    files: Callable[..., Any], error: float, top: int
) -> None:
    plan = files("resnet-20", seeds=1)
    plan.train("resnet-20", test_error=error)
    tables = plan.tables()
    assert values.top(tables, values.legend(tables), charts.TOPS) == top


def test_responses_in_both_orders(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=2)
    for seed in range(2):
        plan.train("resnet-20", seed)
    plan.responses("resnet-20", [1.0, 3.0, 2.0], [2.0, 3.0, 4.0])
    tables = plan.tables()
    first, second = values.responses(tables, values.legend(tables))
    assert (first["order"], second["order"]) == values.ORDERS
    assert (first["mean"], first["low"], first["high"]) == ([1.5, 3.0, 3.0], [1.0, 3.0, 2.0], [2.0, 3.0, 4.0])
    assert second["mean"] == [3.5, 2.5, 1.5]
    assert first["layer"] == [1, 2, 3]
    assert first["seeds"] == 2


@pytest.mark.parametrize(("strongest", "scale"), [(99.0, None), (17_000.0, "log")])
def test_a_net_far_above_the_others_has_a_logarithmic_scale(
    files: Callable[..., Any], strongest: float, scale: str | None
) -> None:
    plan = files("resnet-20", "plain-20", "plain-110", seeds=1)
    for name, level in (("resnet-20", 1.0), ("plain-20", 1.0), ("plain-110", strongest)):
        plan.train(name)
        plan.responses(name, [level, 0.5])
    tables = plan.tables()
    nets = values.legend(tables)
    layers = charts.responses(values.responses(tables, nets), nets)["layer"]
    lines = next(mark for mark in layers if mark.get("name") == "lines")
    assert lines["encoding"]["y"]["scale"].get("type") == scale
