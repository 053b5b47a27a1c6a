"""The tables of every net by hand, and what stands below them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from resnet.report.sections.results import files_section, remarks, speed_section


def speed(plan: Any, name: str) -> dict[str, str]:
    return next(cells for cells in plan.rows(speed_section) if cells["net"] == name)


def test_the_table_by_hand(files: Callable[..., Any]) -> None:
    plan = files("plain-20", "resnet-20")
    for name in plan.params.models:
        plan.describe(name)
        plan.throughput(name)
        for seed, error in enumerate([8.0, 9.0, 10.0]):
            plan.train(name, seed, error)
    assert speed(plan, "resnet-20") == {
        "net": "resnet-20",
        "parameters": "0.27M (269,722)",
        "multiply-adds": "40.55M",
        # 128 / 0.0125 s = 10,240; the repeats are 12,800, 10,240 and 8,000: their std is 2,402.3
        "training images/s": "10,240 ± 2,402",
        # 128 / 0.004 s = 32,000; 32,000 twice and 25,600: 3,695.0
        "inference images/s": "32,000 ± 3,695",
        "peak memory": "2.0 GiB (a training step)",
        "training time a seed": "20.0 ± 0.0 min (n = 3)",
    }


def test_a_net_that_is_not_run_keeps_its_rows(files: Callable[..., Any]) -> None:
    plan = files("plain-20", "resnet-20", "resnet-1202")
    plan.train("plain-20")
    for name in ("resnet-20", "resnet-1202"):
        cells = speed(plan, name)
        assert cells["training images/s"] == cells["peak memory"] == "not measured"
        assert cells["parameters"] == cells["multiply-adds"] == "not counted"
        assert cells["training time a seed"] == "–"


def test_times_of_different_machines_are_not_averaged(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=3)
    for seed, (seconds, device) in enumerate([(7200, "A"), (14_400, "B"), (10_800, "A")]):
        plan.train("resnet-20", seed, seconds=seconds, systems=[plan.system(device_name=device)])
    assert speed(plan, "resnet-20")["training time a seed"] == "2.5 ± 0.7 h (n = 2) on A; 4.0 h (n = 1) on B"


def test_different_settings_are_marked_loudly(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=2)
    plan.train("resnet-20", 0, 8.0)
    plan.train("resnet-20", 1, 9.0, train={"learning_rate": 0.05})
    assert (
        "**resnet-20: its seeds were made with different settings and are not averaged.** They differ in "
        "train.learning\\_rate (0.1 for seed 0, 0.05 for seed 1)."
    ) in plan.text(files_section)


def test_peak_memory_of_the_runs_where_no_throughput_was_measured(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=1)
    plan.train("resnet-20")
    assert speed(plan, "resnet-20")["peak memory"] == "3.0 GiB (whole run)"


def test_single_repeat_has_no_spread(files: Callable[..., Any]) -> None:
    plan = files("resnet-1202", seeds=1)
    plan.throughput("resnet-1202", training_seconds=[2.0], inference_seconds=[0.5])
    assert speed(plan, "resnet-1202")["training images/s"] == "64.0"
    assert speed(plan, "resnet-1202")["inference images/s"] == "256"
    assert "Images/s and memory of resnet-1202: batch 128, bf16, 1 repeat of 5 steps" in plan.text(speed_section)


def test_machines_of_the_training_are_named(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-32", seeds=1)
    plan.train("resnet-20")
    plan.train("resnet-32", systems=[plan.system(), plan.system(device_name="Other processor")])
    text = plan.text(speed_section)
    assert "- Training time of resnet-20: on Example GPU.\n" in text
    assert "- Training time of resnet-32: on Example GPU and Other processor.\n" in text


# Remarks about the files


def test_different_versions_are_remarked_on(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=2)
    plan.train("resnet-20", 0, 8.0)
    plan.train("resnet-20", 1, 9.0, version=2)
    (remark,) = remarks(plan.tables())
    assert "They differ in the version of what an iteration computes." in remark


def test_results_of_other_settings_than_the_plan_are_remarked_on(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=1)
    plan.train("resnet-20", train={"iterations": 400, "log_every": 10, "checkpoint_every": 10})
    (remark,) = remarks(plan.tables())
    assert "train.iterations 400 (now 64,000)" in remark
    assert "train.log\\_every 10 (now 100)" in remark  # another curve is another result
    assert "checkpoint" not in remark


def test_results_outside_the_plan_are_left_out_and_named(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-32", seeds=[0, 2])
    plan.train("resnet-20", 0, 8.0)
    plan.train("resnet-20", 1, 99.0)
    plan.train("resnet-32", 0)
    smaller = files("resnet-20", seeds=[0, 2])
    assert set(remarks(smaller.tables())) == {
        "Left out, because the parameters do not name them: `resnet-32`.",
        "resnet-20: `seed-1` left out, because the parameters do not ask for that seed.",
    }


def test_files_that_disagree_are_remarked_on(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=1)
    plan.train("resnet-20")
    path = plan.describe("resnet-20")
    path.write_text(path.read_text().replace("269722", "269723"))
    assert "resnet-20: its result files disagree about parameters: 269,722, 269,723." in remarks(plan.tables())


def test_missing_curves_unread_predictions_and_foreign_responses_are_remarked_on(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=1)
    path = plan.train("resnet-20")
    assert list(remarks(plan.tables())) == []
    path.with_name("history.csv").unlink()
    np.save(path.with_name("test_predictions.npy"), np.zeros(5, np.uint8))
    plan.responses("resnet-20", [1.0] * 19, data=plan.data(official=False))
    assert list(remarks(plan.tables())) == [
        "resnet-20: no learning curve beside the result of seed 0.",
        "resnet-20: the test predictions of seed 0 are in another version's form, without labels, and are left out.",
        "resnet-20: its layer responses were measured on other data than it was trained on.",
    ]
