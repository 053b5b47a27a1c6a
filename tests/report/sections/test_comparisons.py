"""Nets beside one another, as they are written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from resnet.report.sections.comparisons import ablations_section, degradation_section, images_section


def test_degradation_by_hand(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56", "resnet-110", "plain-20", "plain-56", seeds=3)
    for seed, wobble in enumerate((-0.1, 0.0, 0.1)):
        plan.train("resnet-20", seed, training_error=9.0 + wobble)
        plan.train("resnet-56", seed, training_error=7.0 + wobble)
    plan.train("plain-20", 0)
    plan.train("plain-56", 0)
    (line,) = plan.rows(degradation_section)
    # Error 0.1 sqrt(2/3), t(0.975, 4) = 2.776445; the differences of the pairs have no spread.
    assert line == {
        "training error": "resnet-56 minus resnet-20",
        "points": "-2.00",
        "95 % interval, Welch": "-2.23 to -1.77",
        "p": "\\< 0.0001",
        "95 % interval, seed by seed": "not paired",
        "seeds": "n = 3 and 3",
    }
    text = plan.text(degradation_section)
    assert "Not compared, because no run is done: resnet-110.\n" in text
    assert "plain-56: not compared, one seed of plain-20 and plain-56 shows no spread.\n" in text


def test_no_run_done_is_no_section(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56", "resnet-B-20")
    for section in (degradation_section, images_section, ablations_section):
        assert plan.text(section).strip() == ""


def test_test_errors_paired_by_image(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56", seeds=2, report={"bootstrap_samples": 100})
    for seed in range(2):
        plan.train("resnet-20", seed, wrong=np.arange(1000) < 110)
    plan.train("resnet-56", wrong=np.arange(1000) < 60)
    (line,) = plan.rows(images_section)
    assert (line["test error"], line["points"], line["seeds"]) == ("resnet-56 minus resnet-20", "-5.00", "1 and 2")
    assert list(line) == ["test error", "points", "95 % interval, images", "p", "seeds"]
    text = plan.text(images_section)
    assert "100 test sets of 1,000 images" in text
    assert "cannot be below 0.02." in text


def test_ablations_stand_beside_the_net_without(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-B-20", "resnet-C-20", seeds=3)
    for seed in range(3):
        plan.train("resnet-20", seed, 8.0 + seed)
        plan.train("resnet-B-20", seed, 7.0 + seed)
    # Errors sqrt(2/3), t(0.975, 4) = 2.776445: -1 ± 2.27.
    line = "| resnet-B-20 | `model.shortcut` B (not A) | resnet-20 | 8.00 ± 1.00 (n = 3) | 9.00 ± 1.00 (n = 3) |"
    text = plan.text(ablations_section)
    assert f"{line} -1.00 (-3.27 to +1.27) |" in text
    assert "Not compared, because no run is done: resnet-C-20." in text
    assert len(plan.rows(ablations_section)) == 1


def test_what_an_ablation_changes_is_written_for_readers(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-B-20", seeds=1)
    plan.train("resnet-20")
    plan.train("resnet-B-20", train={"warmup": True, "iterations": 1200, "milestones": [0.4, 0.7]})
    (line,) = plan.rows(ablations_section)
    changes = (
        "shortcut` B (not A)",
        "iterations` 1,200 (not 64,000)",
        "0.4 and 0.7 (not 0.5 and 0.75)",
        "yes (not no)",
    )
    assert all(change in line["what is changed"] for change in changes)


def test_an_ablation_of_a_net_that_was_not_run(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-B-20", seeds=1)
    plan.train("resnet-B-20", 0, 8.0)
    (line,) = plan.rows(ablations_section)
    assert (line["of that, %"], line["points (95 % interval, Welch)"]) == ("not run", "–")
