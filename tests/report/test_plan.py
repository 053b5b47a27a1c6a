"""The plan that results hold, for a folder without its parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from resnet.report.results import plan_of, read_results


def test_results_hold_their_plan(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-B-20", "plain-20", "resnet-56", seeds=3, train={"momentum": 0.8})
    for name in ("resnet-20", "resnet-B-20"):
        for seed in (0, 2):
            plan.train(name, seed)
    plan.throughput("plain-20")
    plan.train("resnet-56").write_text("{}")  # damaged: no net of the plan
    there = plan_of(plan.runs)
    assert [*there.models] == ["plain-20", "resnet-20", "resnet-B-20"]
    for name in there.models:
        ours, asked = there.settings(name), plan.params.settings(name)
        assert ours.model == asked.model
        assert ours.train.model_copy(update={"seeds": 3}) == asked.train
    assert there.settings("resnet-20").train.seed_list == [0, 2]
    assert plan_of(plan.runs / "nothing").models == {}
    assert [run.seed for run in read_results(there, plan.runs).nets["resnet-20"].done] == [0, 2]
