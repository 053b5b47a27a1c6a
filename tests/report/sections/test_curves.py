"""The figures hold the marks that the data ask for, at the data's values."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from resnet.report.sections.curves import aside, curve, depth_errors, throughput, training_curves


def line(figure: Figure, gid: str) -> Line2D:
    found = [drawn for axes in figure.axes for drawn in axes.lines if drawn.get_gid() == gid]
    assert len(found) == 1, f"{gid}: {len(found)} lines"
    return found[0]


def y(drawn: Line2D) -> list[float]:
    return [float(value) for value in drawn.get_ydata()]  # type: ignore[union-attr]


def x(drawn: Line2D) -> list[float]:
    return [float(value) for value in drawn.get_xdata()]  # type: ignore[union-attr]


def test_curves_are_means_over_the_done_seeds(files: Callable[..., Any]) -> None:
    of = files("plain-20", "resnet-20", seeds=3)
    of.train("resnet-20", 0, 8.0)
    of.train("resnet-20", 1, 9.0)
    of.train("resnet-20", 2, status="interrupted", iteration=6400)
    of.train("plain-20", 0, 10.0)
    figure = training_curves(of.collect())
    assert figure is not None
    plain, residual = figure.axes
    assert (plain.get_title(), residual.get_title()) == ("plain nets", "residual nets")
    assert plain.get_ylim() == residual.get_ylim() == (0, 20)
    assert residual.get_xlabel() == "iterations, 1e4"

    histories = [of.history(64_000, 8.0, 0), of.history(64_000, 9.0, 1)]
    measured = [
        (first.iteration / 10_000, (first.test_error + second.test_error) / 2)
        for first, second in zip(*histories, strict=True)
        if first.test_error is not None
    ]
    test = line(figure, "test-resnet-20")
    assert x(test) == pytest.approx([place for place, _ in measured])
    assert y(test) == pytest.approx([error for _, error in measured])
    training = line(figure, "training-resnet-20")
    assert len(x(training)) == 64
    assert test.get_linewidth() > training.get_linewidth()
    assert test.get_linestyle() == "-"
    assert training.get_linestyle() == "--"
    # One colour a depth, in both panels.
    assert test.get_color() == training.get_color() == line(figure, "test-plain-20").get_color()
    assert test.get_label() == "resnet-20 (2 seeds)"


def test_short_runs_are_drawn_in_iterations_and_fitted(files: Callable[..., Any]) -> None:
    of = files("resnet-20", "resnet-32", seeds=1, train={"iterations": 400})
    for name in of.params.models:
        of.train(name, history=of.history(400, 10.0, rows=8))
    figure = training_curves(of.collect())
    assert figure is not None
    (axes,) = figure.axes
    assert axes.get_xlabel() == "iterations"
    errors = [value for drawn in axes.lines for value in y(drawn)]
    low, high = axes.get_ylim()
    assert low < min(errors) < max(errors) < high
    assert max(x(line(figure, "test-resnet-20"))) == 400


def test_unfinished_rows_and_rows_off_the_scale_say_so(files: Callable[..., Any]) -> None:
    of = files("resnet-20", "resnet-32", seeds=2)
    of.train("resnet-20", 0, 70.0)
    of.train("resnet-32", 0, status="interrupted", iteration=64_00)
    figure = training_curves(of.collect())
    assert figure is not None
    assert line(figure, "test-resnet-20").get_label() == "resnet-20 (1 seed, off the scale)"
    assert "unfinished" in str(line(figure, "test-resnet-32").get_label())


def test_second_net_of_a_depth_has_markers(files: Callable[..., Any]) -> None:
    of = files("resnet-20", "resnet-B-20", seeds=1)
    for name in of.params.models:
        of.train(name)
    figure = training_curves(of.collect())
    assert figure is not None
    assert line(figure, "test-resnet-20").get_marker() == ""
    assert line(figure, "test-resnet-B-20").get_marker() == "o"


def test_curve_keeps_to_iterations_that_every_seed_has(files: Callable[..., Any]) -> None:
    of = files("resnet-20")
    long, short = of.history(1000, 10.0, rows=10), of.history(500, 10.0, rows=5)
    assert curve([long, short], lambda point: point.training_error).iterations == [100, 200, 300, 400, 500]
    assert curve([], lambda point: point.training_error).iterations == []


def test_depth_figure_has_a_mark_a_seed_the_means_and_the_paper(files: Callable[..., Any]) -> None:
    of = files("plain-20", "resnet-20", "resnet-56", "resnet-110", seeds=3)
    errors = {"plain-20": [9.0, 9.5, 10.0], "resnet-20": [8.0, 8.5, 9.0], "resnet-56": [7.0, 7.2]}
    for name, values in errors.items():
        for seed, error in enumerate(values):
            of.train(name, seed, error)
    figure = depth_errors(of.collect())
    assert figure is not None
    for name, values in errors.items():
        assert y(line(figure, f"seeds-{name}")) == values
    assert y(line(figure, "means-0")) == pytest.approx([9.5])
    assert y(line(figure, "means-1")) == pytest.approx([8.5, 7.1])
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["20", "56"]
    papers = [y(bars.lines[0]) for bars in axes.containers if bars.lines[0].get_marker() == "D"]  # type: ignore[attr-defined]
    assert papers == [[8.75, 6.97]]
    (legend,) = figure.legends
    assert "the paper (64,000 iterations)" in [entry.get_text() for entry in legend.get_texts()]


def test_depth_figure_leaves_the_paper_out_on_other_data(files: Callable[..., Any]) -> None:
    of = files("resnet-20", seeds=1, train={"iterations": 400})
    of.train("resnet-20", data=of.data(official=False))
    figure = depth_errors(of.collect())
    assert figure is not None
    assert not any("paper" in entry.get_text() for entry in figure.legends[0].get_texts())
    assert figure.get_suptitle() == "Test error against depth on digits, 400 iterations"


def test_rows_of_another_length_stay_out_of_the_figures_of_errors(files: Callable[..., Any]) -> None:
    of = files("resnet-20", "resnet-56", "resnet-1202", seeds=1)
    of.train("resnet-20")
    of.train("resnet-56")
    of.train("resnet-1202", test_error=80.0, train={"iterations": 20})
    results = of.collect()
    assert [row.name for row in aside(results)] == ["resnet-1202"]
    depth, curves = depth_errors(results), training_curves(results)
    assert depth is not None
    assert curves is not None
    assert [label.get_text() for label in depth.axes[0].get_xticklabels()] == ["20", "56"]
    assert {str(drawn.get_gid()) for drawn in curves.axes[0].lines} == {
        *("test-resnet-20", "training-resnet-20", "test-resnet-56", "training-resnet-56")
    }
    assert curves.axes[0].get_ylim() == (0, 20)
    assert "not in the figures of errors: resnet-1202 (20 iterations)." in of.build()


def test_throughput_is_drawn_at_the_medians(files: Callable[..., Any]) -> None:
    of = files("plain-20", "resnet-20", "resnet-56", seeds=1)
    of.throughput("plain-20")
    of.throughput("resnet-20")
    of.throughput("resnet-56", training_seconds=[0.04, 0.05, 0.05], system=of.system())
    figure = throughput(of.collect())
    assert figure is not None
    training, inference = figure.axes
    assert (training.get_xscale(), training.get_yscale()) == ("log", "log")
    drawn = [y(bars.lines[0]) for bars in training.containers]  # type: ignore[attr-defined]
    assert drawn == [[10_240.0], [10_240.0, 2_560.0]]
    assert [y(bars.lines[0]) for bars in inference.containers] == [[32_000.0], [32_000.0, 32_000.0]]  # type: ignore[attr-defined]
    low, high = training.get_ylim()
    assert (low, high) == (2_000, 20_000)


def test_several_machines_are_several_lines(files: Callable[..., Any]) -> None:
    of = files("resnet-20", "resnet-56", seeds=1)
    of.throughput("resnet-20")
    of.throughput("resnet-56", system=of.system(device_name="Other GPU"))
    figure = throughput(of.collect())
    assert figure is not None
    labels = [entry.get_text() for entry in figure.legends[0].get_texts()]
    assert labels == ["residual nets, Example GPU", "residual nets, Other GPU"]


def test_different_settings_are_not_drawn(files: Callable[..., Any]) -> None:
    of = files("resnet-20", seeds=2)
    of.train("resnet-20", 0)
    of.train("resnet-20", 1, train={"learning_rate": 0.05})
    results = of.collect()
    assert training_curves(results) is None
    assert depth_errors(results) is None


def test_svg_files_contain_the_lines(files: Callable[..., Any]) -> None:
    of = files("plain-20", "resnet-20", seeds=1)
    for name in of.params.models:
        of.train(name)
    of.build()
    groups = {
        element.get("id"): element
        for element in ElementTree.parse(of.reports / "figures/error-vs-iteration.svg").iter()
        if element.tag.endswith("}g")
    }
    for gid in ("test-plain-20", "training-plain-20", "test-resnet-20", "training-resnet-20"):
        (path, *_) = [element for element in groups[gid].iter() if element.tag.endswith("}path")]
        assert str(path.get("d")).count("L") > 3


def test_figures_without_data_are_removed(files: Callable[..., Any]) -> None:
    of = files("resnet-20", seeds=1)
    path: Path = of.train("resnet-20")
    of.build()
    assert (of.reports / "figures/error-vs-depth.png").exists()
    path.unlink()
    path.with_name("history.csv").unlink()
    written = of.build()
    assert list((of.reports / "figures").iterdir()) == []
    assert "figures/" not in written


@pytest.mark.filterwarnings("error")
def test_many_nets_and_long_names_leave_room_for_the_axes(files: Callable[..., Any]) -> None:
    depths = (8, 14, 20, 26, 32, 38, 44, 50, 56, 62)
    of = files(*(f"resnet-{depth}" for depth in depths), seeds=1)
    for k, name in enumerate(of.params.models):
        of.train(name, status="interrupted", iteration=6400)
        of.throughput(name, system=of.system(device_name=f"A processor with a long name, model {k % 2}"))
    of.build()
    results = of.collect()
    for draw in (training_curves, throughput):
        figure = draw(results)
        assert figure is not None
        figure.canvas.draw()
        for axes in figure.axes:
            box = axes.get_position()
            assert box.width > 0.25
            assert box.height > 0.3


def test_curves_without_a_finite_value_are_not_drawn(files: Callable[..., Any]) -> None:
    of = files("resnet-20", seeds=1)
    nan = float("nan")
    history = [point._replace(training_error=nan, test_error=None) for point in of.history(100, 10.0, rows=2)]
    of.train("resnet-20", status="diverged", iteration=100, history=history)
    assert training_curves(of.collect()) is None
