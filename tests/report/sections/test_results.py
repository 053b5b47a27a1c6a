"""The tidy files: full precision, one row a net, what was not measured left empty."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_table_keeps_full_precision(files: Callable[..., Any]) -> None:
    of = files("resnet-20", seeds=3)
    for seed, error in enumerate([8.1, 8.2, 8.4]):
        of.train("resnet-20", seed, error)
    of.throughput("resnet-20")
    of.build()
    row = of.table_row("resnet-20")
    assert float(row["test_error_mean"]) == pytest.approx(24.7 / 3, abs=1e-14)
    assert float(row["test_error_std"]) == pytest.approx(0.15275252316519466, abs=1e-14)
    assert row["test_error_n"] == "3"
    assert row["test_error_paper"] == "8.75"
    assert row["official"] == "true"
    assert row["training_images_per_second"] == "10240.0"
    assert row["training_peak_memory_bytes"] == str(2 * 2**30)
    assert row["status"] == "done"


def test_table_of_what_is_not_done(files: Callable[..., Any]) -> None:
    of = files("resnet-20", "resnet-32", "resnet-44", "resnet-56", "plain-20", seeds=2)
    of.train("resnet-20", 0)
    of.train("resnet-32", 0, status="interrupted", iteration=5)
    of.train("resnet-44", 0, status="diverged", iteration=5)
    of.train("resnet-56", 0)
    of.train("resnet-56", 1, train={"momentum": 0.8})
    of.build()
    assert {row["name"]: row["status"] for row in read(of.reports / "table.csv")} == {
        "resnet-20": "partial",
        "resnet-32": "interrupted",
        "resnet-44": "diverged",
        "resnet-56": "mixed",
        "plain-20": "not run",
    }
    row = of.table_row("plain-20")
    assert row["test_error_mean"] == row["test_error_std"] == row["parameters"] == row["data"] == ""
    assert row["test_error_n"] == "0"
    assert row["parameters_paper"] == "0.27M"
    assert of.table_row("resnet-56")["test_error_mean"] == ""


def test_the_papers_parameters_are_those_of_its_shortcuts(files: Callable[..., Any]) -> None:
    of = files("resnet-56", "resnet-B-56", "resnet-C-56", "plain-56")
    of.build()
    paper = {row["name"]: row["parameters_paper"] for row in read(of.reports / "table.csv")}
    assert paper == {"resnet-56": "0.85M", "resnet-B-56": "", "resnet-C-56": "", "plain-56": "0.85M"}
    (line,) = [
        line for line in (of.reports / "summary.md").read_text().splitlines() if "resnet-B-56 (option B) |" in line
    ]
    assert [cell.strip() for cell in line.split("|")][3] == "–"


def test_metrics_hold_finite_numbers_of_what_was_run(files: Callable[..., Any]) -> None:
    of = files("resnet-20", "resnet-32", "resnet-44", seeds=2)
    of.train("resnet-20", 0, 8.0)
    of.train("resnet-20", 1, 9.0)
    of.throughput("resnet-20")
    of.train("resnet-32", 0, 7.5)
    of.train("resnet-32", 1, status="diverged", iteration=5)
    of.build()
    metrics = json.loads((of.reports / "metrics.json").read_text())
    assert metrics == {
        "resnet-20": {
            "test_error": {"mean": 8.5, "std": pytest.approx(0.5**0.5), "n": 2},
            "training_error": {"mean": 0.5, "std": 0.0, "n": 2},
            "images_per_second": {"training": 10240.0, "inference": 32000.0},
            "parameters": 269722,
        },
        "resnet-32": {
            "test_error": {"mean": 7.5, "n": 1},
            "training_error": {"mean": 0.5, "n": 1},
            "parameters": 464154,
        },
    }


def test_curves_and_errors_are_tidy(files: Callable[..., Any]) -> None:
    of = files("plain-20", "resnet-20", seeds=2)
    for seed, error in ((0, 8.0), (1, 9.0)):
        of.train("resnet-20", seed, error)
    of.train("plain-20", 0, status="interrupted", iteration=6400)
    of.build()
    curves = read(of.reports / "curves.csv")
    assert len(curves) == 3 * 64
    assert list(curves[0]) == [
        *("name", "net", "depth", "seed", "iteration", "epoch", "learning_rate"),
        *("training_loss", "training_error", "validation_error", "test_error"),
    ]
    assert curves[0]["test_error"] == ""
    last = curves[-1]
    assert (last["name"], last["seed"], last["iteration"]) == ("resnet-20", "1", "64000")
    point = of.history(64_000, 9.0, 1)[-1]
    assert float(last["test_error"]) == point.test_error
    assert read(of.reports / "errors.csv") == [
        {"name": "resnet-20", "net": "resnet", "depth": "20", "seed": "0", "test_error": "8.0"},
        {"name": "resnet-20", "net": "resnet", "depth": "20", "seed": "1", "test_error": "9.0"},
    ]


def test_infinite_losses_leave_their_cell_empty(files: Callable[..., Any]) -> None:
    of = files("resnet-20", seeds=1)
    history = [point._replace(training_loss=float("inf")) for point in of.history(100, 10.0, rows=4)]
    of.train("resnet-20", status="diverged", iteration=100, history=history)
    of.build()
    assert {row["training_loss"] for row in read(of.reports / "curves.csv")} == {""}


def test_files_without_results_keep_their_headings(files: Callable[..., Any]) -> None:
    of = files("resnet-20")
    of.build()
    assert (of.reports / "errors.csv").read_text() == "name,net,depth,seed,test_error\n"
    assert json.loads((of.reports / "metrics.json").read_text()) == {}
    assert [row["name"] for row in read(of.reports / "table.csv")] == ["resnet-20"]
