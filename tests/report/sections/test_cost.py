"""Error against cost, as it is written and drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import matplotlib as mpl
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure

from resnet.report.sections.cost import figure, section, steps_table
from resnet.report.style import COLOURS
from tests.report.drawn import x_of, y_of


def points(drawn: Figure) -> dict[str, dict[str, list[tuple[float, float]]]]:
    """For each panel's name, the points of each colour."""
    panels: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for axes in drawn.axes:
        panel = panels.setdefault(" ".join(axes.get_xlabel().split()), {})
        for bars in axes.containers:
            assert isinstance(bars, ErrorbarContainer)
            line = bars.lines[0]
            colour = mpl.colors.to_hex(line.get_color()).upper()
            panel[colour] = list(zip(x_of(line), y_of(line), strict=True))
    return panels


def test_what_depth_buys(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56", seeds=2)
    for seed in range(2):
        plan.train("resnet-20", seed, 8.0 + seed, seconds=3600, energy=3.6e6)
        plan.train("resnet-56", seed, 6.0 + seed, seconds=7200, energy=7.2e6)
    # -2 points for 583,296 parameters, 84.94 M multiply-adds, an hour and a kWh.
    assert "| -3.43 | -0.0235 | not measured | -2 | -2 |" in plan.text(section)
    (line,) = plan.rows(section)
    assert line["step"] == "resnet-20 to resnet-56"
    assert line["points (95 % interval)"].startswith("-2.00 (")


def test_energy_that_nobody_counted_is_not_measured_on_whatever_machines(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56", seeds=2)
    for seed, machine in enumerate(("Example GPU", "Other GPU")):
        plan.train("resnet-20", seed, 8.0 + seed, systems=[plan.system(device_name=machine)])
        plan.train("resnet-56", seed, 6.0 + seed)
    (line,) = plan.rows(section)
    assert (line["a h, training time"], line["a kWh, training energy"]) == ("several machines", "not measured")


def test_a_machine_has_its_own_panel_of_times(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "plain-20", "plain-56", seeds=1)
    plan.train("resnet-20", 0, 8.0, seconds=3600)
    plan.train("plain-20", 0, 10.0, seconds=7200, systems=[plan.system(device_name="Other GPU")])
    plan.train("plain-56", 0, 12.0, seconds=3600, systems=[plan.system(), plan.system(device_name="Other GPU")])
    drawn = figure(plan.tables())
    assert drawn is not None
    residual, plain = COLOURS[:2]
    panels = points(drawn)
    assert panels["parameters, M"] == {residual: [(0.269722, 8.0)], plain: [(0.269722, 10.0), (0.853018, 12.0)]}
    assert panels["training time, h on Example GPU"] == {residual: [(1.0, 8.0)]}
    assert panels["training time, h on Other GPU"] == {plain: [(2.0, 10.0)]}
    assert not [name for name in panels if "Example GPU and Other GPU" in name]  # a seed of two machines has no time
    assert [entry.get_text() for entry in drawn.legends[0].get_texts()] == ["residual nets", "plain nets"]


def test_nothing_is_drawn_without_a_finished_seed(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=1)
    plan.train("resnet-20", 0, status="interrupted", iteration=1000)
    assert figure(plan.tables()) is None
    assert steps_table(plan.tables()) == ""
