"""Whether a net's files agree with one another and with the plan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from resnet.report.analysis.agreement import (
    counts,
    current_runs,
    mixed_settings,
    stale_runs,
    stale_settings,
    stale_versions,
)
from resnet.report.analysis.nets import over_seeds
from resnet.report.tables import read_tables


def test_settings_that_differ_are_named_with_their_seeds(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=3)
    plan.train("resnet-20", 0, 8.0)
    plan.train("resnet-20", 1, 9.0, train={"learning_rate": 0.05})
    plan.train("resnet-20", 2, 9.0, train={"learning_rate": 0.05, "log_every": 10, "checkpoint_every": 10})
    assert mixed_settings(plan.tables(), "resnet-20") == {
        "train.learning_rate": [(0.1, [0]), (0.05, [1, 2])],
        "train.log_every": [(100, [0, 1]), (10, [2])],
    }


def test_a_run_is_the_plans_by_its_settings_and_its_version(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "plain-20", seeds=6)
    plan.train("resnet-20", 0, precision="fp32", train={"checkpoint_every": 10, "recompute": True})
    plan.train("resnet-20", 1, train={"momentum": 0.8})
    plan.train("resnet-20", 2, version=2)
    plan.train("resnet-20", 3, status="interrupted", iteration=5, train={"log_every": 10})
    plan.train("resnet-20", 4, status="diverged", iteration=5).write_text("{}")

    def seeds(version: int | None) -> tuple[list[int], list[int]]:
        tables = read_tables(plan.params, plan.runs, version)
        assert current_runs(tables, "plain-20").empty
        assert stale_runs(tables, "plain-20").empty
        return list(current_runs(tables, "resnet-20")["seed"]), list(stale_runs(tables, "resnet-20")["seed"])

    assert seeds(None) == ([0, 2], [1, 3])
    assert seeds(1) == ([0], [1, 2, 3])
    assert stale_versions(read_tables(plan.params, plan.runs, 1), "resnet-20") == [2]
    assert stale_versions(plan.tables(), "resnet-20") == []


def test_settings_of_other_runs_than_the_plans_are_stale(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "plain-20", seeds=1)
    plan.train("resnet-20", train={"iterations": 400, "log_every": 10, "checkpoint_every": 10})
    plan.train("plain-20")
    curve = {"train.log_every": (10, 100)}
    assert stale_settings(plan.tables(), "resnet-20") == {"train.iterations": (400, 64_000)} | curve
    assert stale_settings(plan.tables(), "plain-20") == {}


def test_counts_of_all_files_are_compared(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=1)
    plan.train("resnet-20")
    plan.throughput("resnet-20")
    path = plan.describe("resnet-20")
    assert counts(plan.tables(), "resnet-20", "parameters") == [269_722]
    path.write_text(path.read_text().replace("269722", "269723"))
    assert counts(plan.tables(), "resnet-20", "parameters") == [269_722, 269_723]
    assert counts(plan.tables(), "resnet-20", "multiply_adds") == [40_550_000]


def test_different_precision_data_and_version_are_not_averaged(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-32", "resnet-44", seeds=2)
    plan.train("resnet-20", 0)
    plan.train("resnet-20", 1, precision="fp32")
    plan.train("resnet-32", 0)
    plan.train("resnet-32", 1, data=plan.data(official=False))
    plan.train("resnet-44", 0)
    plan.train("resnet-44", 1, version=2)
    tables = plan.tables()
    assert mixed_settings(tables, "resnet-20") == {"train.precision": [("bf16", [0]), ("fp32", [1])]}
    assert mixed_settings(tables, "resnet-32") == {"the data": []}
    assert mixed_settings(tables, "resnet-44") == {"the version of what an iteration computes": []}
    assert over_seeds(tables, "resnet-44", "test_error") is None


def test_a_precision_asked_for_is_the_one_that_auto_comes_to(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=2)
    plan.train("resnet-20", 0, 8.0, precision="fp32")
    plan.train("resnet-20", 1, 9.0, precision="fp32", train={"precision": "fp32"})
    tables = plan.tables()
    assert over_seeds(tables, "resnet-20", "test_error").values == (8.0, 9.0)  # type: ignore[union-attr]
    assert stale_settings(tables, "resnet-20") == {}
