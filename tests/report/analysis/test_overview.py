"""The tidy files: full precision, one row a net, what was not measured left empty."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from resnet.report.analysis.overview import BENCHMARK, benchmark, curves_table, errors_table, metrics, overview


def cells(plan: Any, name: str) -> dict[str, Any]:
    """A row of table.csv as it is written."""
    table = overview(plan.tables())
    lines = [line.split(",") for line in table.to_csv(index=False, lineterminator="\n").splitlines()]
    return next(dict(zip(lines[0], line, strict=True)) for line in lines[1:] if line[0] == name)


def test_table_keeps_full_precision(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=3)
    for seed, error in enumerate([8.1, 8.2, 8.4]):
        plan.train("resnet-20", seed, error)
    plan.throughput("resnet-20")
    row = cells(plan, "resnet-20")
    assert float(row["test_error_mean"]) == pytest.approx(24.7 / 3, abs=1e-14)
    assert float(row["test_error_std"]) == pytest.approx(0.15275252316519466, abs=1e-14)
    assert row["test_error_n"] == "3"
    assert row["test_error_paper"] == "8.75"
    assert row["official"] == "true"
    assert row["parameters"] == "269722"
    assert row["training_images_per_second"] == "10240.0"
    assert row["training_repeats"] == "3"
    assert row["training_peak_memory_bytes"] == str(2 * 2**30)
    assert row["run_peak_memory_bytes"] == str(3 * 2**30)
    assert row["status"] == "done"


def test_table_of_what_is_not_done(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56", "plain-20", seeds=2)
    plan.train("resnet-20", 0)
    plan.train("resnet-56", 0)
    plan.train("resnet-56", 1, train={"momentum": 0.8})
    row = cells(plan, "plain-20")
    assert row["status"] == "not run"
    assert row["test_error_mean"] == row["test_error_std"] == row["parameters"] == row["data"] == ""
    assert row["training_images_per_second"] == row["throughput_device"] == row["run_peak_memory_bytes"] == ""
    assert row["test_error_n"] == row["training_repeats"] == "0"
    assert row["parameters_paper"] == "0.27M"
    assert cells(plan, "resnet-56")["test_error_mean"] == ""
    assert cells(plan, "resnet-20")["seeds_done"] == "1"
    assert list(overview(files().tables()).columns) == ["name"]


def test_the_papers_parameters_are_those_of_its_shortcuts(files: Callable[..., Any]) -> None:
    plan = files("resnet-56", "resnet-B-56", "resnet-C-56", "plain-56")
    paper = [cells(plan, name)["parameters_paper"] for name in plan.params.models]
    assert paper == ["0.85M", "", "", "0.85M"]


def test_metrics_are_the_headline_alone(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-B-20", "resnet-32", "resnet-44", seeds=2)
    plan.train("resnet-20", 0, 8.0)
    plan.train("resnet-20", 1, 9.0)
    plan.throughput("resnet-20")
    plan.train("resnet-B-20", 0, 8.5)
    plan.train("resnet-32", 0, 7.5)
    plan.train("resnet-32", 1, status="diverged", iteration=5)
    assert metrics(plan.tables()) == {
        "done": 4,
        "planned": 8,
        "error": {"resnet-20": 8.5, "resnet-32": 7.5},
        "std": {"resnet-20": 0.71},
    }
    assert metrics(files("resnet-56").tables()) == {"done": 0, "planned": 3}


def test_curves_and_errors_are_tidy(files: Callable[..., Any]) -> None:
    plan = files("plain-20", "resnet-20", "resnet-32", seeds=2)
    for seed, error in ((0, 8.0), (1, 9.0)):
        plan.train("resnet-20", seed, error)
        plan.train("resnet-32", seed, error, train={"momentum": 0.8 + 0.1 * seed})  # mixed: in neither file
    plan.train("plain-20", 0, status="interrupted", iteration=6400)
    curves = curves_table(plan.tables())
    assert len(curves) == 3 * 64
    assert list(curves) == [
        *("name", "net", "depth", "seed", "iteration", "epoch", "learning_rate"),
        *("training_loss", "training_error", "validation_error", "test_error"),
    ]
    assert curves["test_error"].isna().iloc[0]
    last = curves.iloc[-1]
    assert (last["name"], last["seed"], last["iteration"]) == ("resnet-20", 1, 64_000)
    assert last["test_error"] == plan.history(64_000, 9.0, 1)[-1].test_error
    assert errors_table(plan.tables()).to_dict("records") == [
        {"name": "resnet-20", "net": "resnet", "depth": 20, "seed": 0, "test_error": 8.0},
        {"name": "resnet-20", "net": "resnet", "depth": 20, "seed": 1, "test_error": 9.0},
    ]


def test_infinite_losses_leave_their_cell_empty(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=1)
    history = [point._replace(training_loss=float("inf")) for point in plan.history(100, 10.0, rows=4)]
    plan.train("resnet-20", status="diverged", iteration=100, history=history)
    assert curves_table(plan.tables())["training_loss"].isna().all()


def test_the_benchmark_has_a_row_a_timed_step_of_a_whole_net(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "plain-20", seeds=1)
    assert benchmark(plan.tables()).empty
    plan.throughput("resnet-20")
    plan.latency(batch_size=64)
    table = benchmark(plan.tables())
    assert [*table] == BENCHMARK
    assert list(table["kind"]) == ["train", "infer", "infer", "forward", "forward+backward"]
    assert list(table["source"]) == ["throughput"] * 2 + ["latency"] * 3
    assert table.iloc[0].to_dict() == {
        "model": "resnet-20",
        "kind": "train",
        "batch_size": 128,
        "samples_per_sec": 10_240.0,
        "step_time": 12.5,
        "param_count": 0.269722,
        "gmacs": 0.04055,
        "precision": "bf16",
        "mode": "eager",
        "device": "Example GPU",
        "source": "throughput",
    }
    row = table.iloc[3]
    assert (row["model"], row["batch_size"], row["precision"], row["mode"]) == ("resnet-20", 64, "fp32", "eager")
    assert (row["step_time"], row["samples_per_sec"]) == pytest.approx((60.0, 64 / 0.06))
    assert row["device"] == "Example GPU (8 threads)"


def test_a_compiled_step_and_another_shortcut_are_named(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=1)
    for path, key, value in (
        (plan.throughput("resnet-20"), ("settings", "train", "compile"), True),
        (plan.latency(), ("shortcut",), "B"),
    ):
        record = part = json.loads(path.read_text())
        for name in key[:-1]:
            part = part[name]
        part[key[-1]] = value
        path.write_text(json.dumps(record))
    table = benchmark(plan.tables())
    assert [*table[table["source"] == "throughput"]["mode"]] == ["compiled"] * 2
    assert {*table[table["source"] == "latency"]["model"]} == {"resnet-20-option-b"}
