"""Error against cost: what is divided by what, and what is not set beside what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from resnet.report.analysis.cost import costs, costs_of, steps
from resnet.report.tables import select


def test_points_are_divided_by_what_the_next_depth_costs_more(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56", seeds=2)
    for seed, wobble in enumerate((-0.1, 0.1)):
        plan.train("resnet-20", seed, 9.0 + wobble, seconds=3600, energy=3.6e6)
        plan.train("resnet-56", seed, 7.0 + wobble, seconds=3 * 3600, energy=3 * 3.6e6)
    (step,) = steps(plan.tables())
    assert (step.first, step.second, step.difference.value) == ("resnet-20", "resnet-56", pytest.approx(-2.0))
    assert step.a_unit == {
        "parameters": pytest.approx(-2 / 0.583_296),
        "multiply-adds": pytest.approx(-2 / 84.94),
        "inference an image": "not measured",
        "training time": pytest.approx(-1),
        "training energy": pytest.approx(-1),
    }


def test_times_of_two_machines_are_not_subtracted(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56", seeds=2)
    for seed, wobble in enumerate((-0.1, 0.1)):
        plan.train("resnet-20", seed, 9.0 + wobble)
        plan.train("resnet-56", seed, 7.0 + wobble, seconds=3600, systems=[plan.system(device_name="Other GPU")])
    plan.throughput("resnet-20")
    plan.throughput("resnet-56", system=plan.system(device_name="Other GPU"))
    (step,) = steps(plan.tables())
    assert step.a_unit["training time"] == step.a_unit["inference an image"] == "other devices"
    assert isinstance(step.a_unit["parameters"], float)


def test_the_seeds_of_two_machines_are_not_averaged(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56", seeds=2)
    other = plan.system(device_name="Other GPU")
    for seed, wobble in enumerate((-0.1, 0.1)):
        plan.train("resnet-20", seed, 9.0 + wobble, seconds=3600, systems=[other] if seed else [])
        plan.train("resnet-56", seed, 7.0 + wobble, seconds=7200)
    tables = plan.tables()
    assert costs_of(tables, "resnet-20")["training time"].value is None
    assert steps(tables)[0].a_unit["training time"] == "several machines"
    assert set(costs(tables)["cost"]) == {"parameters", "multiply-adds", "training time"}
    assert list(select(costs(tables), cost="training time")["value"]) == [2.0]


def test_no_more_cost_buys_nothing(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56", seeds=2)
    for seed in range(2):
        plan.train("resnet-20", seed, 9.0 + seed, seconds=3600)
        plan.train("resnet-56", seed, 7.0 + seed, seconds=3600)
    assert steps(plan.tables())[0].a_unit["training time"] is None


def test_costs_in_their_units(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=1)
    plan.train("resnet-20", 0, 8.0, seconds=7200)
    plan.throughput("resnet-20")
    table = costs(plan.tables())
    assert dict(zip(table["cost"], table["value"], strict=True)) == {
        "parameters": 0.269722,
        "multiply-adds": 40.55,
        "inference an image": pytest.approx(1e3 * 0.004 / 128),
        "training time": 2.0,
    }
    assert costs_of(plan.tables(), "resnet-20")["training energy"].value is None


def test_nets_of_another_length_are_left_out(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56", "resnet-110", seeds=1)
    plan.train("resnet-20")
    plan.train("resnet-56")
    plan.train("resnet-110", train={"iterations": 20})
    assert len(costs(plan.tables()).groupby(["cost"]).get_group(("parameters",))) == 2
