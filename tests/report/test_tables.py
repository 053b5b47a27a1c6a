"""Result files read into tables: what counts, what is refused, and what is named and left out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from resnet.report.tables import COLUMNS, different, flattened, rows, select
from tests.report.made_up import some_peaks


def test_nets_keep_the_order_of_the_parameters(files: Callable[..., Any]) -> None:
    plan = files("resnet-56", "plain-20", "resnet-20")
    plan.train("plain-20")
    assert list(plan.tables().nets["name"]) == ["resnet-56", "plain-20", "resnet-20"]


def test_every_planned_seed_has_a_row_with_its_status(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=5)
    for seed, error in enumerate([8.0, 9.0, 10.0]):
        plan.train("resnet-20", seed, error)
    plan.train("resnet-20", 3, status="diverged", iteration=1234)
    tables = plan.tables()
    assert list(tables.runs["status"]) == ["done", "done", "done", "diverged", "not run"]
    assert list(tables.runs["file"])[4] == "train/resnet-20/seed-4/metrics.json"
    assert list(tables.seeds("resnet-20", "done")["test_error"]) == [8.0, 9.0, 10.0]
    assert tables.runs["test_error"].isna().tolist() == [False, False, False, True, True]
    assert list(tables.started("resnet-20")["iteration"]) == [64_000, 64_000, 64_000, 1234]


def test_a_plan_without_a_result_has_all_tables_and_columns(files: Callable[..., Any]) -> None:
    tables = files("resnet-20", "plain-20", seeds=2).tables()
    for name, columns in COLUMNS.items():
        assert tuple(getattr(tables, name).columns) == columns, name
    lengths = {name: len(getattr(tables, name)) for name in COLUMNS}
    assert {name for name, length in lengths.items() if length} == {"nets", "runs"}
    assert (lengths["nets"], lengths["runs"]) == (2, 4)
    assert tables.nets["parameters"].isna().all()
    assert list(tables.nets["shortcut"]) == ["A", "none"]
    assert tables.data == []
    assert tables.official


def test_a_net_is_counted_by_its_runs_before_its_description(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=1)
    plan.train("resnet-20")
    path = plan.describe("resnet-20")
    path.write_text(path.read_text().replace("269722", "269723"))
    tables = plan.tables()
    assert tables.layers["parameters"].sum() == 269_723
    assert tables.runs["parameters"].tolist() == [tables.net("resnet-20").parameters] == [269_722]


def test_a_points_and_a_prediction_are_rows(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=2)
    plan.train("resnet-20", 0, wrong=np.arange(10) < 3)
    plan.train("resnet-20", 1, wrong=np.arange(10) < 2)
    tables = plan.tables()
    assert len(tables.curves) == 2 * 64
    assert tables.curves["iteration"].iloc[-1] == 64_000
    wrong = tables.predictions[tables.predictions["label"] != tables.predictions["predicted"]]
    assert wrong.groupby("seed")["image"].apply(list).to_dict() == {0: [0, 1, 2], 1: [0, 1]}


def test_a_timed_step_has_its_work_and_peaks(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-32", seeds=1)
    plan.throughput("resnet-20", peaks=some_peaks())
    plan.throughput("resnet-32", training_seconds=[2.0], inference_seconds=[0.5, 0.5])
    tables = plan.tables()
    training, inference = rows(select(tables.speed, name="resnet-20"))
    assert (training.kind, training.images_per_second, training.flops) == ("training", 10_240.0, 3 * inference.flops)
    assert (training.peak_flops_per_second, training.peak_bytes_per_second) == (2e13, 1e12)  # the best repeats
    single, several = rows(select(tables.speed, name="resnet-32"))
    assert single.images_per_second_std != single.images_per_second_std  # one repeat has no spread
    assert several.images_per_second_std == 0
    assert select(tables.speed, name="resnet-32")["flops"].isna().all()


def test_what_was_read_is_named_once(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=2)
    plan.train("resnet-20", 0, wrong=np.arange(5) < 1)
    plan.describe("resnet-20")
    plan.throughput("resnet-20")
    read = [f"{kind}/resnet-20.json" for kind in ("describe", "throughput")]
    read += [f"train/resnet-20/seed-0/{name}" for name in ("metrics.json", "history.csv", "test_predictions.npy")]
    assert plan.tables().net("resnet-20").files == read


def test_seeds_of_different_identities_are_mixed(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-32", "resnet-44", seeds=2)
    plan.train("resnet-20", 0)
    plan.train("resnet-20", 1, version=2)
    plan.train("resnet-32", 0)
    plan.train("resnet-32", 1, train={"learning_rate": 0.05}, status="diverged", iteration=5)
    plan.train("resnet-44", 0)
    plan.train("resnet-44", 1, train={"learning_rate": 0.05}, status="interrupted", iteration=5)
    assert plan.tables().mixed == ["resnet-20", "resnet-32"]  # an interrupted run is not averaged anyway


def test_predictions_in_another_form_are_left_out(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=1)
    np.save(plan.train("resnet-20").with_name("test_predictions.npy"), np.zeros(5, np.uint8))
    tables = plan.tables()
    assert tables.predictions.empty
    assert list(tables.runs["predictions"]) == ["in another form"]


def test_results_outside_the_plan_are_named(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-32", seeds=[0, 2])
    plan.train("resnet-20", 0, 8.0)
    plan.train("resnet-20", 1, 99.0)
    plan.train("resnet-32", 0)
    plan.describe("resnet-32")
    (plan.runs / "train" / "resnet-20" / ".hidden").mkdir()
    tables = files("resnet-20", seeds=[0, 2]).tables()
    assert tables.unplanned == {"": ["resnet-32"], "resnet-20": ["seed-1"]}
    assert list(tables.seeds("resnet-20", "done")["test_error"]) == [8.0]


def test_forecast_in_a_folder_of_its_own(files: Callable[..., Any]) -> None:
    plan = files("resnet-20")
    assert plan.tables().forecast is None
    path = plan.forecast()
    (plan.runs / "forecast").mkdir()
    path.rename(plan.runs / "forecast" / "forecast.json")
    assert plan.tables().forecast.hours == 12.3


def test_settings_are_flat_and_different_values_keep_their_order() -> None:
    settings = {"train": {"momentum": 0.9}, "model": {"shortcut": "A"}, "throughput": {"steps": 5}}
    assert flattened(settings) == {"model.shortcut": "A", "train.momentum": 0.9}
    assert different([[2], [1], [2]]) == [[2], [1]]


def _training(plan: Any) -> Path:
    path: Path = plan.train("resnet-20")
    return path


def _history(plan: Any) -> Path:
    return _training(plan).with_name("history.csv")


@pytest.mark.parametrize(
    "make",
    [
        _training,
        _history,
        lambda plan: plan.describe("resnet-20"),
        lambda plan: plan.throughput("resnet-20"),
        lambda plan: plan.responses("resnet-20", [1.0, 2.0]),
        lambda plan: plan.latency(),
        lambda plan: plan.usual_loop(),
        lambda plan: plan.forecast(),
    ],
)
def test_damaged_file_is_left_out_and_named_in_one_line(files: Callable[..., Any], make: Callable[..., Path]) -> None:
    plan = files("resnet-20")
    path = make(plan)
    path.write_bytes(path.read_bytes()[: len(path.read_bytes()) // 2].rstrip(b"\n,") + b",x")
    (damage,) = rows(plan.tables().damaged)
    assert damage.file == path.relative_to(plan.runs).as_posix()
    assert damage.problem.isprintable()
    (line,) = [line for line in plan.page("provenance").splitlines() if line.startswith(f"- {damage.file}: ")]
    assert "\\" in line or damage.problem in line


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ('"seed": 0', '"seed": 4', "holds seed 4, not 0"),
        ('"depth": 20', '"depth": 32', "holds resnet-20 (resnet, depth 32)"),
        ('"test_error": 8.75', '"test_error": null', "done at iteration 64000 of 64000, its test error is None"),
        ('"test_error": 8.75', '"test_error": "nan"', "test_error: Input should be"),
        ('"test_error": 8.75', '"test_error": 7.75', "a test error of 7.75 %, and history.csv says 8.75 %"),
        ('"test_error": 8.75', '"test_error": 150.0', "test_error: Input should be less than or equal to 100"),
        ('"test_error": 8.75', '"test_error": -5.0', "test_error: Input should be greater than or equal to 0"),
        ('"iteration": 64000', '"iteration": 3', "done at iteration 3 of 64000"),
        ('"momentum": 0.9', '"momentum": 0.8', "its settings are not those of its identity"),
        ('"momentum": 0.9', '"momentum": [0.9]', "its settings are none"),
        ('"split_seed": 0', '"split_seed": -1', "data.split_seed"),
        ('"official": true', '"official": false', "official: false, and its fingerprints say otherwise"),
        ('"seconds": 1200.0', '"seconds": 0', "segments.0.seconds"),
        ('"seconds": 1200.0', '"seconds": NaN', "segments.0.seconds"),
        ('"seconds": 1200.0', '"seconds": 100.0', "s of training in 100.0 s"),
        ('"batch_size": 128', '"batch_size": "many"', "a batch size of 'many'"),
        ('"first_iteration": 0', '"first_iteration": 9', "its segments are [(9, 64000)]"),
    ],
)
def test_record_in_the_wrong_place_or_without_its_result(
    files: Callable[..., Any], old: str, new: str, line: str
) -> None:
    plan = files("resnet-20", seeds=1)
    path = plan.train("resnet-20")
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    tables = plan.tables()
    (damage,) = rows(tables.damaged)
    assert damage.file == "train/resnet-20/seed-0/metrics.json"
    assert line in damage.problem
    assert list(tables.runs["status"]) == ["left out"]
    page = plan.page("provenance")
    assert "- train/resnet-20/seed-0/metrics.json: " in page
    assert "**Left out, for they are damaged**" in page
