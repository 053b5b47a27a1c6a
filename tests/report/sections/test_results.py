"""The tables of every net by hand, and what stands below them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from resnet.report.sections.results import errors_section, files_section, remarks, speed_section


def row(plan: Any, name: str) -> dict[str, str]:
    """A row of the table of errors; a mark may follow the name."""
    return next(cells for cells in plan.rows(errors_section) if cells["net"].split(" (")[0] == name)


def speed(plan: Any, name: str) -> dict[str, str]:
    return next(cells for cells in plan.rows(speed_section) if cells["net"] == name)


def test_the_table_by_hand(files: Callable[..., Any]) -> None:
    plan = files("plain-20", "resnet-20")
    for name in plan.params.models:
        plan.describe(name)
        plan.throughput(name)
        for seed, error in enumerate([8.0, 9.0, 10.0]):
            plan.train(name, seed, error)
    assert row(plan, "resnet-20") == {
        "net": "resnet-20",
        "seeds done": "3 of 3",
        "test error, %": "9.00 ± 1.00 (n = 3)",
        "paper's test error, %": "8.75",
        "training error, %": "0.50 ± 0.00 (n = 3)",
        "validation error, %": "9.00 ± 1.00 (n = 3)",
    }
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
    assert row(plan, "plain-20")["paper's test error, %"] == "–"
    assert "- The paper prints no test error for plain nets" in plan.text(errors_section)


def test_a_net_that_is_not_run_keeps_its_rows(files: Callable[..., Any]) -> None:
    plan = files("plain-20", "resnet-20", "resnet-1202")
    assert plan.text(errors_section).strip() == ""
    plan.train("plain-20")
    for name in ("resnet-20", "resnet-1202"):
        assert row(plan, name)["test error, %"] == "not run"
        assert row(plan, name)["seeds done"] == "0 of 3"
        cells = speed(plan, name)
        assert cells["training images/s"] == cells["peak memory"] == "not measured"
        assert cells["parameters"] == cells["multiply-adds"] == "not counted"
        assert cells["training time a seed"] == "–"


def test_times_of_different_machines_are_not_averaged(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=3)
    for seed, (seconds, device) in enumerate([(7200, "A"), (14_400, "B"), (10_800, "A")]):
        plan.train("resnet-20", seed, seconds=seconds, systems=[plan.system(device_name=device)])
    assert speed(plan, "resnet-20")["training time a seed"] == "2.5 ± 0.7 h (n = 2) on A; 4.0 h (n = 1) on B"


def test_one_seed_has_no_spread(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=3)
    plan.train("resnet-20", 1, 8.75)
    assert row(plan, "resnet-20")["test error, %"] == "8.75 (n = 1)"
    assert row(plan, "resnet-20")["seeds done"] == "1 of 3"
    assert "- resnet-20: seeds 0 and 2 not run." in plan.text(errors_section)


def test_mixed_numbers_of_seeds(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-32", seeds=2)
    plan.train("resnet-20", 0, 8.0)
    plan.train("resnet-20", 1, 9.0)
    plan.train("resnet-32", 0, 7.5)
    assert row(plan, "resnet-20")["test error, %"] == "8.50 ± 0.71 (n = 2)"
    assert row(plan, "resnet-32")["test error, %"] == "7.50 (n = 1)"


def test_diverged_seed_is_counted_and_not_averaged(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=5)
    for seed in range(4):
        plan.train("resnet-20", seed, 8.0 + seed)
    plan.train("resnet-20", 4, status="diverged", iteration=1234)
    assert row(plan, "resnet-20")["seeds done"] == "4 of 5 (1 diverged)"
    assert row(plan, "resnet-20")["test error, %"] == "9.50 ± 1.29 (n = 4)"
    assert "- resnet-20: diverged at 1,234 of 64,000 (seed 4)." in plan.text(errors_section)


def test_interrupted_and_diverged_nets_say_where(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-32", "resnet-44", seeds=1)
    plan.train("resnet-20", status="interrupted", iteration=12_000)
    plan.train("resnet-32", status="diverged", iteration=300, training_error=None)
    plan.train("resnet-44", status="interrupted", iteration=0)
    errors = [row(plan, name)["test error, %"] for name in plan.params.models]
    assert errors == [
        f"{status} of 64,000" for status in ("interrupted at 12,000", "diverged at 300", "interrupted at 0")
    ]
    assert speed(plan, "resnet-20")["training time a seed"] == "–"


def test_different_settings_are_marked_loudly(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=2)
    plan.train("resnet-20", 0, 8.0)
    plan.train("resnet-20", 1, 9.0, train={"learning_rate": 0.05})
    assert row(plan, "resnet-20")["test error, %"] == "**mixed settings, not averaged**"
    assert "8.50" not in plan.text(errors_section)
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


def test_a_net_off_the_protocol_is_marked_and_its_shortcuts_paper_left_out(files: Callable[..., Any]) -> None:
    plan = files("resnet-B-20", "resnet-20", "resnet-1202", seeds=1)
    plan.train("resnet-20")
    plan.train("resnet-B-20")
    plan.train("resnet-1202", train={"iterations": 20})
    assert row(plan, "resnet-1202")["net"] == "resnet-1202 (20 iterations)"
    assert row(plan, "resnet-20")["net"] == "resnet-20"
    # The paper's figure is of option A: it does not stand beside another net.
    assert row(plan, "resnet-B-20")["net"] == "resnet-B-20 (option B)"
    assert row(plan, "resnet-B-20")["paper's test error, %"] == "–"
    assert row(plan, "resnet-20")["paper's test error, %"] == "8.75"


def test_deviations_of_all_nets_mark_none(files: Callable[..., Any]) -> None:
    plan = files("plain-20", "resnet-20", seeds=1, train={"iterations": 400})
    plan.train("plain-20")
    assert [cells["net"] for cells in plan.rows(errors_section)] == ["plain-20", "resnet-20"]


def test_the_papers_errors_stand_beside_the_official_data_alone(files: Callable[..., Any]) -> None:
    plan = files("plain-20", "resnet-20", "resnet-110", seeds=1)
    plan.train("plain-20")
    assert row(plan, "resnet-110")["paper's test error, %"] == "6.61 ± 0.16 (n = 5), best 6.43"
    plan.train("resnet-20", data=plan.data(official=False))
    text = plan.text(errors_section)
    assert "8.75 (n = 1)" in text  # our own
    assert "paper's test error" not in text
    assert "The paper" not in text


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
