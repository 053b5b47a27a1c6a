"""Error against cost: what is divided by what, and what is not drawn beside what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import matplotlib as mpl
import pytest
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure

from resnet.report.sections.cost import frontiers_figure, frontiers_table
from resnet.report.style.drawing import COLOURS


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split(" | ")]


def drawn(figure: Figure) -> dict[str, dict[str, list[tuple[float, float]]]]:
    """For each panel's name, the points of each colour."""
    found: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for axes in figure.axes:
        points = found.setdefault(" ".join(axes.get_xlabel().split()), {})
        for bars in axes.containers:
            assert isinstance(bars, ErrorbarContainer)
            line = bars.lines[0]
            colour = mpl.colors.to_hex(line.get_color()).upper()
            points[colour] = [(float(x), float(y)) for x, y in line.get_xydata()]  # type: ignore[union-attr]
    return found


def test_points_are_divided_by_what_the_next_depth_costs_more(files: Callable[..., Any]) -> None:
    of = files("resnet-20", "resnet-56", seeds=2)
    for seed, wobble in enumerate((-0.1, 0.1)):
        of.train("resnet-20", seed, 9.0 + wobble, seconds=3600)
        of.train("resnet-56", seed, 7.0 + wobble, seconds=3 * 3600)
    heading, _, line, *_ = frontiers_table(of.collect()).splitlines()
    row = dict(zip(cells(heading), cells(line), strict=True))
    assert row["step"] == "resnet-20 to resnet-56"
    assert row["points (95 % interval)"].startswith("-2.00 (")
    assert float(row["a M, parameters"]) == pytest.approx(-2 / 0.583_296, rel=1e-2)
    assert float(row["a h, training time"]) == pytest.approx(-1)
    assert row["a ms, inference an image"] == row["a kWh, training energy"] == "not measured"


def test_times_of_two_machines_are_not_subtracted(files: Callable[..., Any]) -> None:
    of = files("resnet-20", "resnet-56", seeds=2)
    for seed, wobble in enumerate((-0.1, 0.1)):
        of.train("resnet-20", seed, 9.0 + wobble)
        of.train("resnet-56", seed, 7.0 + wobble, seconds=3600, systems=[of.system(device_name="Other GPU")])
    heading, _, line, *_ = frontiers_table(of.collect()).splitlines()
    row = dict(zip(cells(heading), cells(line), strict=True))
    assert row["a h, training time"] == "other devices"
    assert float(row["a M, parameters"]) < 0


def test_a_machine_has_its_own_panel_of_times(files: Callable[..., Any]) -> None:
    of = files("resnet-20", "plain-20", "plain-56", seeds=1)
    of.train("resnet-20", 0, 8.0, seconds=3600)
    of.train("plain-20", 0, 10.0, seconds=7200, systems=[of.system(device_name="Other GPU")])
    of.train("plain-56", 0, 12.0, seconds=3600, systems=[of.system(), of.system(device_name="Other GPU")])
    figure = frontiers_figure(of.collect())
    assert figure is not None
    residual, plain = COLOURS[:2]
    panels = drawn(figure)
    assert panels["parameters, M"] == {residual: [(0.269722, 8.0)], plain: [(0.269722, 10.0), (0.853018, 12.0)]}
    assert panels["training time, h on Example GPU"] == {residual: [(1.0, 8.0)]}
    assert panels["training time, h on Other GPU"] == {plain: [(2.0, 10.0)]}
    assert panels["training time, h on Example GPU and Other GPU"] == {plain: [(1.0, 12.0)]}
    assert [entry.get_text() for entry in figure.legends[0].get_texts()] == ["residual nets", "plain nets"]


def test_nothing_is_drawn_without_a_finished_seed(files: Callable[..., Any]) -> None:
    of = files("resnet-20", seeds=1)
    of.train("resnet-20", 0, status="interrupted", iteration=1000)
    assert frontiers_figure(of.collect()) is None
    assert frontiers_table(of.collect()) == ""
