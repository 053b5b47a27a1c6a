"""What the seeds of a net say together, and which nets may be compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from resnet.report.analysis.nets import (
    aside,
    incomparable,
    main_net,
    over_seeds,
    over_seeds_by_machine,
    run_on,
    series,
    status,
    token_runs,
    training_devices,
)


def test_only_done_seeds_enter_the_sample(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=5)
    for seed, error in enumerate([8.0, 9.0, 10.0]):
        plan.train("resnet-20", seed, error)
    plan.train("resnet-20", 3, status="diverged", iteration=1234)
    plan.train("resnet-20", 4, status="interrupted", iteration=12_000)
    assert over_seeds(plan.tables(), "resnet-20", "test_error").values == (8.0, 9.0, 10.0)  # type: ignore[union-attr]


def test_different_settings_are_not_averaged(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=2)
    plan.train("resnet-20", 0, 8.0)
    plan.train("resnet-20", 1, 9.0, train={"learning_rate": 0.05})
    tables = plan.tables()
    assert over_seeds(tables, "resnet-20", "test_error") is None
    assert over_seeds(tables, "resnet-20", "training_error") is None


def test_status_of_a_net(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-32", "resnet-44", "resnet-56", "plain-20", "plain-32", seeds=2)
    plan.train("resnet-20", 0)
    plan.train("resnet-32", 0, status="interrupted", iteration=5)
    plan.train("resnet-44", 0, status="diverged", iteration=5)
    plan.train("resnet-56", 0)
    plan.train("resnet-56", 1, train={"momentum": 0.8})
    plan.train("plain-32", 0)
    plan.train("plain-32", 1)
    tables = plan.tables()
    statuses = [status(tables, name) for name in plan.params.models]
    assert statuses == ["partial", "interrupted", "diverged", "mixed", "not run", "done"]


def test_nets_of_one_precision_are_compared_however_it_was_asked_for(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "plain-20", seeds=2)
    for seed in range(2):
        plan.train("resnet-20", seed, 8.0 + seed, precision="fp32")
        plan.train("plain-20", seed, 9.0 + seed, precision="fp32", train={"precision": "fp32"})
    assert incomparable(plan.tables(), "resnet-20", "plain-20") == []
    plan.train("plain-20", 0, 9.0, precision="bf16")
    assert incomparable(plan.tables(), "resnet-20", "plain-20") == ["train.precision"]


@pytest.mark.parametrize("change", [{"learning_rate": 0.05}, {"iterations": 400}, {"weight_decay": 0.0}])
def test_settings_that_bear_on_the_error_are_compared(files: Callable[..., Any], change: dict[str, Any]) -> None:
    plan = files("resnet-20", "resnet-56", seeds=1)
    plan.train("resnet-20")
    plan.train("resnet-56", train=change)
    (key,) = change
    assert incomparable(plan.tables(), "resnet-20", "resnet-56") == [f"train.{key}"]
    plan.train("resnet-56", train={"log_every": 1, "warmup": True, "device": "cpu"})
    assert incomparable(plan.tables(), "resnet-20", "resnet-56") == []


def test_shortcuts_count_between_residual_nets_alone(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-B-20", "plain-20", seeds=1)
    for name in plan.params.models:
        plan.train(name)
    assert incomparable(plan.tables(), "resnet-20", "resnet-B-20") == ["model.shortcut"]
    assert incomparable(plan.tables(), "resnet-B-20", "plain-20") == []
    plan.train("plain-20", data=plan.data(official=False))
    assert incomparable(plan.tables(), "resnet-20", "plain-20") == ["data"]


def test_an_ablation_does_not_stand_for_its_depth(files: Callable[..., Any]) -> None:
    tables = files("resnet-B-20", "resnet-20", "resnet-110").tables()
    assert main_net(tables, "resnet", 20) == "resnet-20"
    assert main_net(tables, "resnet", 110) == "resnet-110"  # its warm-up is the paper's
    assert main_net(tables, "plain", 20) is None


def test_nets_of_another_length_than_most_stand_aside(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56", "resnet-1202", seeds=1)
    plan.train("resnet-20")
    plan.train("resnet-56")
    plan.train("resnet-1202", test_error=80.0, train={"iterations": 20})
    assert aside(plan.tables()) == ["resnet-1202"]
    assert run_on(plan.tables()) == "CIFAR-10"
    short = files("resnet-20", seeds=1, train={"iterations": 400})
    short.train("resnet-20")
    assert run_on(short.tables()) == "CIFAR-10, 400 of the paper's 64,000 iterations"


def test_series_join_nets_that_differ_in_depth_alone(files: Callable[..., Any]) -> None:
    tables = files("resnet-56", "plain-20", "resnet-20", "resnet-B-20").tables()
    assert series(tables, ["resnet-56", "plain-20", "resnet-20"]) == {
        "residual nets": ["resnet-20", "resnet-56"],
        "plain nets": ["plain-20"],
    }
    assert list(series(tables, ["resnet-20", "resnet-B-20"])) == [
        "residual nets, option A",
        "residual nets, option B",
    ]
    grouped = files("resnet-20", train={"batch_norm_images": 64}).tables()
    assert list(series(grouped, ["resnet-20"])) == ["residual nets, batch norm of 64 images"]
    devices = {"resnet-20": "one", "resnet-56": "other"}
    assert list(series(tables, ["resnet-20", "resnet-56"], devices)) == ["residual nets, one", "residual nets, other"]


def test_devices_are_those_of_the_finished_seeds(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=3)
    plan.train("resnet-20", 0, systems=[plan.system(), plan.system(device_name="Other GPU")])
    plan.train("resnet-20", 1)
    plan.train("resnet-20", 2, status="interrupted", iteration=5, systems=[plan.system(device_name="Third GPU")])
    assert training_devices(plan.tables(), "resnet-20") == ["Example GPU", "Other GPU"]


def test_what_belongs_to_a_machine_is_not_averaged_over_two(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-32", seeds=3)
    other = plan.system(device_name="Other GPU")
    for seed, systems in enumerate([[plan.system()], [other], [plan.system(), other]]):
        plan.train("resnet-20", seed, 8.0 + seed, seconds=1000.0 + seed, systems=systems)
        plan.train("resnet-32", seed, 8.0 + seed, seconds=1000.0 + seed)
    tables = plan.tables()
    assert over_seeds(tables, "resnet-20", "seconds") is None
    assert over_seeds(tables, "resnet-20", "test_error").n == 3  # type: ignore[union-attr]
    assert over_seeds(tables, "resnet-32", "seconds").n == 3  # type: ignore[union-attr]
    by_machine = over_seeds_by_machine(tables, "resnet-20", "seconds")
    # The seed that went on on another machine has no time of its own.
    assert {machine: values.values for machine, values in by_machine.items()} == {
        "Example GPU": (1000.0,),
        "Other GPU": (1001.0,),
    }


def test_times_of_one_thread_and_of_two_are_not_averaged(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=3)
    for seed, threads in enumerate([1, 2, 2]):
        processor = plan.system(device="cpu", device_name="Example CPU", threads=threads)
        plan.train("resnet-20", seed, seconds=1000.0 / threads, systems=[processor])
    tables = plan.tables()
    assert over_seeds(tables, "resnet-20", "seconds") is None
    by_machine = over_seeds_by_machine(tables, "resnet-20", "seconds")
    assert {machine: values.values for machine, values in by_machine.items()} == {
        "Example CPU (1 thread)": (1000.0,),
        "Example CPU (2 threads)": (500.0, 500.0),
    }


def test_runs_shorter_than_the_papers_and_the_plans_are_token_ones(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-32", "resnet-44", "plain-20", seeds=1, train={"iterations": 400})
    plan.train("resnet-20", train={"iterations": 2})
    plan.train("resnet-32")
    plan.train("resnet-44", train={"iterations": 1200})
    assert token_runs(plan.tables()) == ["resnet-20"]  # plain-20 has not run
    plan = files("plain-44", "plain-56", seeds=1)
    plan.train("plain-44", train={"iterations": 400})
    assert token_runs(plan.tables()) == ["plain-44"]
