"""The files in full precision: what was not measured is empty."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from resnet.report.topics import nets
from tests.report.conftest import Files


def cells(plan: Files, name: str) -> dict[str, str]:
    """A row of table.csv as it is written."""
    written = nets.overview(plan.results().nets, 0.95).to_csv(index=False, lineterminator="\n")
    columns, *lines = [line.split(",") for line in written.splitlines()]
    return next(dict(zip(columns, line, strict=True)) for line in lines if line[0] == name)


def test_a_row_of_a_net_by_hand(files: Callable[..., Files]) -> None:
    plan = files("resnet-20", "resnet-56", "resnet-B-56", "plain-56", seeds=3)
    for seed, error in enumerate([8.1, 8.2, 8.4]):
        plan.train("resnet-20", seed, error)
    plan.train("resnet-56", 0, status="diverged", iteration=5)
    plan.throughput("resnet-20")
    row = cells(plan, "resnet-20")
    assert float(row["test_error_mean"]) == pytest.approx(24.7 / 3, abs=1e-14)
    assert float(row["test_error_std"]) == pytest.approx(0.15275252316519466, abs=1e-14)
    assert float(row["test_error_low"]) == pytest.approx(24.7 / 3 - 4.302652730 * 0.152752523 / 3**0.5)
    assert [row[x] for x in ("test_error_n", "test_error_paper", "official", "status")] == ["3", "8.75", "true", "done"]
    assert row["parameters"] == "269722"
    assert (row["training_images_per_second"], row["training_repeats"]) == ("10240.0", "3")
    assert (row["training_peak_memory_bytes"], row["run_peak_memory_bytes"]) == (str(2 * 2**30), str(3 * 2**30))
    assert (row["seconds_mean"], row["seconds_n"]) == ("1200.0", "3")
    paper = [cells(plan, name)["parameters_paper"] for name in plan.params.models]
    assert paper == ["0.27M", "0.85M", "", "0.85M"]  # option B has more parameters than the paper's
    assert cells(plan, "resnet-56")["status"] == "diverged"
    empty = cells(plan, "plain-56")
    assert empty["status"] == "not run"
    assert {empty[x] for x in ("test_error_mean", "data", "throughput_device", "run_peak_memory_bytes")} == {""}
    plan.train("plain-56", 0)
    plan.train("plain-56", 1, systems=[plan.system(device_name="Other")])
    row = cells(plan, "plain-56")
    assert (row["status"], row["seconds_mean"], row["seconds_n"]) == ("partial", "", "0")  # of two machines no mean
    assert list(nets.overview({}, 0.95)) == ["name"]


def test_seeds_and_metrics_are_those_that_are_done(files: Callable[..., Files]) -> None:
    plan = files("resnet-20", "resnet-B-20", "resnet-32", seeds=2)
    plan.train("resnet-20", 0, 8.0)
    plan.train("resnet-20", 1, 9.0)
    plan.train("resnet-B-20", 0, 8.5)
    plan.train("resnet-32", 1, status="interrupted", iteration=5)
    found = plan.results().nets
    numbers = {"done": 3, "planned": 6, "error": {"resnet-20": 8.5}, "std": {"resnet-20": 0.71}}
    assert nets.metrics(found) == numbers
    assert nets.metrics({}) == {"done": 0, "planned": 0}
    assert nets.seeds(found)["test_error"].tolist() == [8.0, 9.0, 8.5]
