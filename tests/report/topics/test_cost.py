"""Error against cost, by hand: what is divided by what, and what is not compared; and `benchmark.csv`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from resnet.report.results import Results, read_results
from resnet.report.topics.cost import benchmark, costs_of, figure, frame, steps_table
from tests.report.drawn import x_of, y_of


def read(plan: Any) -> Results:
    return read_results(plan.params, plan.runs)


def step(plan: Any) -> list[str]:
    """The only row's cells: step, points, and points a unit of parameters, multiply-adds, inference, time, energy."""
    (row,) = steps_table(read(plan).nets, 0.95).rows
    return [cell.text for cell in row]


def test_points_are_divided_by_what_the_next_depth_costs_more(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56", seeds=2)
    for seed in range(2):
        plan.train("resnet-20", seed, 8.0 + seed, seconds=3600, energy=3.6e6)
        plan.train("resnet-56", seed, 6.0 + seed, seconds=7200, energy=7.2e6)
    # -2 points for 583,296 parameters, 84.94 M multiply-adds, an hour and a kWh.
    name, points, *costs = step(plan)
    assert name == "resnet-20 to resnet-56"
    assert points.startswith("-2.00 (")
    assert costs == ["-3.43", "-0.0235", "not measured", "-2", "-2"]


def test_times_of_two_machines_are_not_subtracted(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56", seeds=2)
    other = plan.system(device_name="Other GPU")
    for seed in range(2):
        plan.train("resnet-20", seed, 9.0 + seed)
        plan.train("resnet-56", seed, 7.0 + seed, seconds=3600, systems=[other])
    plan.throughput("resnet-20")
    plan.throughput("resnet-56", system=other)
    assert step(plan)[4:] == ["other devices", "other devices", "not measured"]


def test_the_seeds_of_two_machines_are_not_averaged(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56", seeds=2)
    for seed in range(2):
        machine = plan.system(device_name=f"GPU {seed}")
        plan.train("resnet-20", seed, 9.0 + seed, seconds=3600, systems=[machine])
        plan.train("resnet-56", seed, 7.0 + seed, seconds=7200)
    nets = read(plan).nets
    assert costs_of(nets["resnet-20"])["training time"].value is None
    assert step(plan)[5:] == ["several machines", "not measured"]
    assert list(frame(nets).query("cost == 'training time'")["value"]) == [2.0]


def test_costs_in_their_units(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=1)
    plan.train("resnet-20", 0, 8.0, seconds=7200)
    plan.throughput("resnet-20")
    costs = frame(read(plan).nets)
    assert dict(zip(costs["cost"], costs["value"], strict=True)) == {
        "parameters": 0.269722,
        "multiply-adds": 40.55,
        "inference an image": pytest.approx(1e3 * 0.004 / 128),
        "training time": 2.0,
    }


def test_a_machine_has_its_own_panel_of_times(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "plain-20", "plain-56", seeds=1)
    assert figure(read(plan).nets, None) is None
    other = plan.system(device_name="Other GPU")
    plan.train("resnet-20", 0, 8.0, seconds=3600)
    plan.train("plain-20", 0, 10.0, seconds=7200, systems=[other])
    plan.train("plain-56", 0, 12.0, seconds=3600, systems=[plan.system(), other])
    results = read(plan)
    drawn = figure(results.nets, results.data)
    assert drawn is not None
    lines = {" ".join(axes.get_xlabel().split()): [bars.lines[0] for bars in axes.containers] for axes in drawn.axes}  # type: ignore[attr-defined]
    points = {name: [[*zip(x_of(x), y_of(x), strict=True)] for x in of_panel] for name, of_panel in lines.items()}
    assert points["parameters, M"] == [[(0.269722, 8.0)], [(0.269722, 10.0), (0.853018, 12.0)]]
    assert points["training time, h on Example GPU"] == [[(1.0, 8.0)]]
    assert points["training time, h on Other GPU"] == [[(2.0, 10.0)]]
    assert len(points) == 4  # a seed of two machines has no time


def test_the_benchmark_has_a_row_a_timed_step_of_a_whole_net(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=1)
    assert benchmark(read(plan).nets, []).empty
    plan.throughput("resnet-20")
    plan.latency()
    results = read(plan)
    rows = benchmark(results.nets, results.latency)
    assert list(rows["kind"]) == ["train", "infer", "infer", "forward", "forward+backward"]
    train = rows.iloc[0]
    assert (train["step_time"], train["samples_per_sec"]) == pytest.approx((12.5, 10_240))
    assert (train["param_count"], train["gmacs"]) == pytest.approx((0.269722, 0.04055))
