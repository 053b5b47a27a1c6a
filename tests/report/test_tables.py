"""Result files read into rows: what counts, what is refused and what is remarked on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from resnet.errors import UserError


def test_rows_keep_the_order_of_the_parameters(files: Callable[..., Any]) -> None:
    of = files("resnet-56", "plain-20", "resnet-20")
    of.train("plain-20")
    assert [row.name for row in of.collect().rows] == ["resnet-56", "plain-20", "resnet-20"]


def test_only_done_seeds_enter_the_mean(files: Callable[..., Any]) -> None:
    of = files("resnet-20", seeds=5)
    for seed, error in enumerate([8.0, 9.0, 10.0]):
        of.train("resnet-20", seed, error)
    of.train("resnet-20", 3, status="diverged", iteration=1234)
    of.train("resnet-20", 4, status="interrupted", iteration=12_000)
    (row,) = of.collect().rows
    assert row.test_error.values == (8.0, 9.0, 10.0)
    assert [run.status for run in row.seeds] == ["done", "done", "done", "diverged", "interrupted"]


def test_different_settings_are_not_averaged(files: Callable[..., Any]) -> None:
    of = files("resnet-20", seeds=2)
    of.train("resnet-20", 0, 8.0)
    of.train("resnet-20", 1, 9.0, train={"learning_rate": 0.05})
    results = of.collect()
    (row,) = results.rows
    assert row.test_error is None
    assert row.training_error is None
    assert row.mixed == ("train.learning_rate (0.1 for seed 0, 0.05 for seed 1)",)
    assert "not averaged" in results.remarks[0]


def test_different_precision_and_different_data_are_not_averaged(files: Callable[..., Any]) -> None:
    of = files("resnet-20", "resnet-32", seeds=2)
    of.train("resnet-20", 0)
    of.train("resnet-20", 1, precision="fp32")
    of.train("resnet-32", 0)
    of.train("resnet-32", 1, data=of.data(official=False))
    precision, data = of.collect().rows
    assert precision.mixed == ("train.precision (bf16 for seed 0, fp32 for seed 1)",)
    assert data.mixed == ("the data",)


def test_a_precision_asked_for_is_the_one_that_auto_comes_to(files: Callable[..., Any]) -> None:
    of = files("resnet-20", seeds=2)
    of.train("resnet-20", 0, 8.0, precision="fp32")
    of.train("resnet-20", 1, 9.0, precision="fp32", train={"precision": "fp32"})
    results = of.collect()
    assert results.rows[0].test_error.values == (8.0, 9.0)
    assert not any("settings" in remark for remark in results.remarks)


def test_different_versions_are_not_averaged(files: Callable[..., Any]) -> None:
    of = files("resnet-20", seeds=2)
    of.train("resnet-20", 0, 8.0)
    of.train("resnet-20", 1, 9.0, version=2)
    (remark,) = of.collect().remarks
    assert of.collect().rows[0].test_error is None
    assert "They differ in the version of what an iteration computes." in remark


def test_results_of_other_settings_than_the_plan_are_remarked_on(files: Callable[..., Any]) -> None:
    of = files("resnet-20", seeds=1)
    of.train("resnet-20", train={"iterations": 400, "log_every": 10})
    (remark,) = of.collect().remarks
    assert "train.iterations 400 (now 64,000)" in remark
    assert "log_every" not in remark


def test_results_outside_the_plan_are_left_out_and_named(files: Callable[..., Any]) -> None:
    of = files("resnet-20", "resnet-32", seeds=[0, 2])
    of.train("resnet-20", 0, 8.0)
    of.train("resnet-20", 1, 99.0)
    of.train("resnet-32", 0)
    of.describe("resnet-32")
    smaller = files("resnet-20", seeds=[0, 2])
    results = smaller.collect()
    assert results.rows[0].test_error.values == (8.0,)
    assert results.remarks == (
        "Left out, because the parameters do not name them: `resnet-32`.",
        "resnet-20: `seed-1` left out, because the parameters do not ask for that seed.",
    )


def test_files_that_disagree_are_remarked_on(files: Callable[..., Any]) -> None:
    of = files("resnet-20", seeds=1)
    of.train("resnet-20")
    path = of.describe("resnet-20")
    path.write_text(path.read_text().replace("269722", "269723"))
    assert "resnet-20: its result files disagree about parameters: 269,722, 269,723." in of.collect().remarks


def test_missing_learning_curve_is_remarked_on(files: Callable[..., Any]) -> None:
    of = files("resnet-20", seeds=1)
    of.train("resnet-20").with_name("history.csv").unlink()
    assert of.collect().remarks == ("resnet-20: no learning curve beside the result of seed 0.",)


def _training(of: Any) -> Path:
    path: Path = of.train("resnet-20")
    return path


def _history(of: Any) -> Path:
    return _training(of).with_name("history.csv")


@pytest.mark.parametrize(
    "make",
    [
        _training,
        _history,
        lambda of: of.describe("resnet-20"),
        lambda of: of.throughput("resnet-20"),
        lambda of: of.forecast(),
    ],
)
def test_damaged_file_is_one_line_that_names_it(files: Callable[..., Any], make: Callable[..., Path]) -> None:
    of = files("resnet-20")
    path = make(of)
    path.write_bytes(path.read_bytes()[: len(path.read_bytes()) // 2].rstrip(b"\n,") + b",x")
    with pytest.raises(UserError) as caught:
        of.build()
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not of.reports.exists()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"seed": 0', '"seed": 4', "holds seed 4, not 0"),
        ('"depth": 20', '"depth": 32', "holds resnet-20 (resnet, depth 32)"),
        ('"test_error": 8.75', '"test_error": null', "says done, but its test_error is missing"),
        ('"test_error": 8.75', '"test_error": "nan"', "says done, but its test_error is nan"),
    ],
)
def test_record_in_the_wrong_place_or_without_its_result(
    files: Callable[..., Any], old: str, new: str, said: str
) -> None:
    of = files("resnet-20", seeds=1)
    path = of.train("resnet-20")
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(UserError, match=r"metrics\.json") as caught:
        of.collect()
    assert said in str(caught.value)
