"""Learning curves at the data's values, and ours with others'."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from matplotlib.figure import Figure
from pandas import DataFrame

from resnet.report.style import style
from resnet.report.topics import curves
from resnet.results import HistoryRow
from tests.report.conftest import Files
from tests.report.drawn import assert_readable, drawn_line, x_of, y_of


def figure(plan: Files) -> Figure | None:
    results = plan.results()
    with style():
        return curves.figure(results.nets, results.data)


def history(*errors: float, step: int = 50, test: float = 30.0) -> list[HistoryRow]:
    """Training errors of equal stretches, and the same test error after each."""
    return [HistoryRow(step * k, k / 9, 0.1, 1.0, error, None, test) for k, error in enumerate(errors, start=1)]


def names_of(axes: Any) -> list[str]:
    """The lines' names, from top to bottom."""
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_curves_are_means_over_the_done_runs(files: Callable[..., Files]) -> None:
    plan = files("plain-20", "resnet-20", seeds=3)
    plan.train("resnet-20", 0, 8.0, history=history(40.0, 4.0, step=32_000, test=20.0))
    plan.train("resnet-20", 1, 9.0, history=history(42.0, 5.0, step=32_000, test=22.0))
    plan.train("resnet-20", 2, status="interrupted", iteration=6400)
    plan.train("plain-20", 0, 10.0)
    drawn = figure(plan)
    assert drawn is not None
    plain, residual = drawn.axes
    assert (plain.get_title(), residual.get_title()) == ("plain nets", "residual nets")
    assert plain.get_ylim() == residual.get_ylim() == (0, 20)
    test, training = drawn_line(drawn, "test-resnet-20"), drawn_line(drawn, "training-resnet-20")
    assert (x_of(test), y_of(test), y_of(training)) == ([32_000, 64_000], [21.0, 8.5], [41.0, 4.5])
    assert (test.get_linestyle(), training.get_linestyle()) == ("-", "--")
    assert test.get_color() == training.get_color() == drawn_line(drawn, "test-plain-20").get_color()
    assert [x_of(line)[0] for line in residual.lines if line.get_gid() == "fall"] == [32_000, 48_000]
    assert names_of(residual) == ["20 layers, n = 2"]


def test_the_panels_their_scales_and_nets_that_are_not_drawn(files: Callable[..., Files]) -> None:
    names = ("plain-20", "plain-56", "resnet-20", "resnet-B-20", "resnet-32", "resnet-110", "resnet-1202")
    plan = files(*names, seeds=1, train={"iterations": 6400})
    ends = {"plain-20": 16.0, "plain-56": 80.0, "resnet-20": 12.0, "resnet-110": 20.0, "resnet-1202": 8.0}
    for name, error in {**ends, "resnet-B-20": 1.0}.items():
        plan.train(name, history=history(*[error] * 4, step=1600, test=error), test_error=error)
    plan.train("resnet-32", status="interrupted", iteration=3200)
    drawn = figure(plan)
    assert drawn is not None
    titles = ["plain nets", "residual nets", "residual nets, 110 layers and more"]
    assert [axes.get_title() for axes in drawn.axes] == titles
    tests = [{str(line.get_gid()) for line in axes.lines if "test" in str(line.get_gid())} for axes in drawn.axes]
    assert tests[1:] == [{"test-resnet-20", "test-resnet-110"}, {"test-resnet-110", "test-resnet-1202"}]
    assert [axes.get_ylim() for axes in drawn.axes] == [(0, 100), (0, 30), (0, 30)]
    assert names_of(drawn.axes[0]) == ["56 layers, n = 1", "20 layers, n = 1"]
    assert_readable(drawn)


def test_many_points_of_training_error_are_drawn_as_means(files: Callable[..., Files]) -> None:
    plan = files("resnet-20", seeds=1, train={"iterations": 2000})
    assert figure(plan) is None
    plan.train("resnet-20", history=history(*(20 + k / 4 for k in range(200)), step=10))
    line = drawn_line(figure(plan), "training-resnet-20")
    assert (len(x_of(line)), x_of(line)[0], y_of(line)[0]) == (100, 20.0, 20.125)


def test_the_files_have_every_point_and_the_means(files: Callable[..., Files]) -> None:
    plan = files("resnet-20", "resnet-1202", seeds=2, train={"iterations": 100})
    first, second = history(90.0, 80.0)
    plan.train("resnet-20", history=[first, second._replace(training_loss=math.inf)])
    plan.train("resnet-20", 1, 10.0, history=history(91.0, 70.0))
    nets = plan.results().nets
    found = curves.frame(nets)
    assert tuple(found) == ("name", "net", "depth", "seed", *HistoryRow._fields)
    assert found["iteration"].tolist() == [50, 100, 50, 100]
    assert found["training_loss"].isna().tolist() == [False, True, False, False]
    assert curves.means(nets).to_csv(index=False).splitlines() == [
        "name,seeds,iteration,training_error,test_error",
        "resnet-20,2,50,90.5,30.0",
        "resnet-20,2,100,75.0,9.38",
    ]


def test_training_error_of_a_stretch(files: Callable[..., Files]) -> None:
    plan = files("resnet-20", seeds=1, train={"iterations": 300})
    plan.train("resnet-20", history=history(80.0, 60.0, 40.0, step=100))
    (net,) = plan.results().nets.values()
    (run,) = net.runs
    assert curves.training_error(run, 50, 250) == pytest.approx(60.0)  # (50 x 80 + 100 x 60 + 50 x 40) / 200
    assert curves.training_error(run, 200, 301) is None
    assert curves.before_fall(net, run) == pytest.approx(70.0)  # the rate falls at 150: 50 x 80 + 50 x 60


def test_correlation_over_runs_and_within_nets(files: Callable[..., Files]) -> None:
    plan = files("resnet-20", "resnet-56", seeds=4, train={"iterations": 100})
    for seed in range(4):
        plan.train("resnet-20", seed, 10.0 + seed, history=history(20.0 + seed, 20.0 + seed, step=50))
        if seed == 3:
            assert curves.correlation(plan.results().nets) == ""  # of four runs
        plan.train("resnet-56", seed, 30.0 - seed, history=history(40.0 + seed, 40.0 + seed, step=50))
    found = curves.correlation(plan.results().nets)
    # Sums of products: 8 x 10 x 10 between the nets, and 5 - 5 within; of squares: 800 + 10 each. r = 800 / 810
    assert "over 50 iterations before" in found  # the rate falls at 50
    assert "r = 0.99 over 8 runs" in found
    assert "r = 0.00 within nets (each run minus its net's mean)" in found


# Others' curves.


def test_when_a_net_is_ahead_for_good() -> None:
    behind = {"a": [2, 1, -1, -2], "b": [2, -1, 1, -2], "c": [-1, -1, -1, -1], "never": [-1, -1, -1, 0]}
    deep, shallow = (DataFrame(x, index=[1, 2, 3, 4]) + 9.0 for x in (behind, {"only": [0, 0, 0, 0]}))
    training = {(depth, whose): deep if depth == 56 else shallow for depth in curves.PAIR for whose in curves.WHOSE}
    assert curves.overtaken(training, "others'") == [3, 4, 1]
    assert curves.overtaken(training, "ours") == [2]  # their mean: 0.5, -0.5, -0.5, -1.25


def test_ours_at_the_iterations_of_others(files: Callable[..., Files]) -> None:
    plan = files("resnet-20", "resnet-56", seeds=2, train={"iterations": 6400})
    for seed in range(2):
        for name, error in (("resnet-20", 20.0), ("resnet-56", 30.0)):
            curve = history(*[error + 2 * seed] * 16, step=400, test=error + 1)
            plan.train(name, seed, error, history=curve)
    results = plan.results()
    text = plan.written(curves.with_published_curves, 0.95)
    lines = {row.pop("net"): row for row in plan.rows_of(text)}
    assert list(lines) == ["resnet-20, ours", "resnet-20, others'", "resnet-56, ours", "resnet-56, others'"]
    assert lines["resnet-56, ours"] | {"runs": "2"} == {
        "runs": "2", "392 to 782": "31.00 ± 1.41", "1,174 to 1,564": "31.00 ± 1.41", "2,738 to 3,128": "31.00 ± 1.41",
        "5,866 to 6,256": "–", "12,122 to 12,512": "–", "test error near 3,200": "31.00 ± 0.00 (at 3,200)",
    }  # fmt: skip
    # The file: 23.375 and 24.866 of resnet-56, 18.808 and 18.387 of resnet-20; test errors of 56 layers 30.4 and 25.0.
    assert lines["resnet-56, others'"]["2,738 to 3,128"] == "24.12 ± 1.05"
    assert lines["resnet-20, others'"]["2,738 to 3,128"] == "18.60 ± 0.30"
    assert "+6.88 (" in text
    assert "8,602 and 14,467" in text
    assert "Ours is not so when our rate falls, at iteration 3,200." in text
    with style():
        drawn = curves.published_figure(curves.both(curves.like_others(results.nets, results.data))[0], 3200)
    assert y_of(drawn_line(drawn, "mean-20")) == pytest.approx([21.0] * 8)
    assert_readable(drawn)


@pytest.mark.parametrize("train", [{"warmup": True}, {"learning_rate": 0.05}, {"milestones": []}])
def test_ours_of_other_settings_are_not_set_against_others(
    files: Callable[..., Files], train: dict[str, object]
) -> None:
    plan = files("resnet-20", seeds=1, train=train)
    plan.train("resnet-20")
    assert plan.written(curves.with_published_curves, 0.95) == ""
