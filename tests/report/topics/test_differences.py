"""Differences between nets, over runs, by seed and by image."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from resnet.report.topics.differences import ablations, degradation, images, plain_and_residual, resampled_errors
from tests.report.conftest import Files
from tests.report.made_up import a_plan


def wrong(first: int, last: int) -> Any:
    """Of 1,000 test images, those from first up to last are wrong."""
    return (np.arange(1000) >= first) & (np.arange(1000) < last)


def test_depths_and_kinds_by_hand(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56", "resnet-110", "plain-20", seeds=3)
    for seed, wobble in enumerate((-0.1, 0.0, 0.1)):
        plan.train("resnet-20", seed, 8.0 + wobble, training_error=9.0 + wobble)
        plan.train("resnet-56", seed, training_error=7.0 + 2 * wobble)
        plan.train("plain-20", seed, 10.0 - wobble)
    nets = plan.results().nets
    # Stds 0.1 and 0.2: error sqrt(0.05 / 3), 2.941 degrees, t = 3.219; by seed -2.1, -2 and -1.9, t(0.975, 2) = 4.303.
    line = "| resnet-56 minus resnet-20 | -2.00 | -2.42 to -1.58 | 0.0007 | -2.25 to -1.75 | 3 and 3 |"
    assert line in plan.topic(degradation(nets, 0.95))
    (line,) = plan.rows_of(plan.topic(plain_and_residual(nets, 0.95)))
    # By seed 2.2, 2.0 and 1.8.
    assert (line["points"], line["95 % interval, paired by seed"]) == ("+2.00", "+1.50 to +2.50")
    plan.train("resnet-56", 2, status="diverged", iteration=5)
    (line,) = plan.rows_of(plan.topic(degradation(plan.results().nets, 0.95)))
    assert (line["95 % interval, paired by seed"], line["runs"]) == ("–", "2 and 3")


def test_nets_without_runs_or_with_other_settings_have_no_section(files: Callable[..., Any]) -> None:
    plan = files("resnet-B-20", "resnet-56", "plain-20")
    for section in (degradation, plain_and_residual):
        assert plan.topic(section(plan.results().nets, 0.95)) == ""
    plan.train_all(dict.fromkeys(plan.params.models, (8.0, 9.0, 10.0)))
    assert plan.topic(degradation(plan.results().nets, 0.95)) == ""  # options A and B
    assert plan.topic(plain_and_residual(plan.results().nets, 0.95)) != ""  # a plain net has no option


def test_resampled_test_sets_have_the_binomial_spread_and_pair_the_runs() -> None:
    misses = np.stack([wrong(0, 100), wrong(0, 100), wrong(0, 150)], axis=1)
    errors = resampled_errors(misses, 4000, np.random.default_rng(0))
    assert errors.shape == (4000, 3)
    assert np.array_equal(errors[:, 0], errors[:, 1])  # the same images are drawn for every run
    assert errors[:, 0].mean() == pytest.approx(10, abs=0.1)
    assert errors[:, 0].std() == pytest.approx(100 * (0.1 * 0.9 / 1000) ** 0.5, rel=0.05)
    # Paired, only the 50 images on which the runs differ count.
    assert (errors[:, 2] - errors[:, 0]).std() == pytest.approx(100 * (0.05 * 0.95 / 1000) ** 0.5, rel=0.05)


def test_two_depths_by_image(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56", seeds=2, report={"bootstrap_samples": 2000})
    assert plan.topic(images(plan.results().nets, plan.params.report)) == ""
    for seed in range(2):
        plan.train("resnet-20", seed, wrong=wrong(10 * seed, 100 + 30 * seed))
        plan.train("resnet-56", seed, wrong=wrong(0, 60))
    text = plan.topic(images(plan.results().nets, plan.params.report))
    assert "2,000 test sets of 1,000 images" in text
    (line,) = plan.rows_of(text)
    name, points, interval, p, runs = line.values()
    # 6 - (10 + 12) / 2, and a p of 2 / 2001.
    assert (name, points, p, runs) == ("resnet-56 minus resnet-20", "-5.00", "0.0010", "2 and 2")
    low, high = map(float, interval.split(" to "))
    assert low < -5 < high < 0


def test_depths_of_a_kind_and_kinds_of_a_depth_are_compared_by_image(files: Callable[..., Any]) -> None:
    plan = files("plain-20", "resnet-20", "resnet-32", "resnet-44", seeds=1, report={"bootstrap_samples": 10})
    for name in plan.params.models:
        plan.train(name, wrong=wrong(0, 60))
    lines = plan.rows_of(plan.topic(images(plan.results().nets, plan.params.report)))
    assert ", ".join(line["test error"].replace("resnet-", "") for line in lines) == (
        "32 minus 20, 44 minus 32, 44 minus 20, plain-20 minus 20"
    )


def test_an_ablation_by_hand(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-B-20", "resnet-C-20", seeds=3)
    plan.train_all({"resnet-20": (8.0, 9.0, 10.0), "resnet-B-20": (7.1, 8.0, 9.0)})
    text = plan.topic(ablations(plan.results().nets, plan.params.report, {}))
    # Stds 0.951 and 1: error 0.797, 3.99 degrees, t = 2.779. By seed -0.9, -1 and -1: std 0.0577, t(0.975, 2) = 4.303.
    found = "-0.97 (-3.18 to +1.25) | -0.97 (-1.11 to -0.82)"
    means = "8.03 ± 0.95 (n = 3) | 9.00 ± 1.00 (n = 3)"
    assert f"| resnet-B-20 | `model.shortcut` B (not A) | resnet-20 | {means} | {found} |" in text
    *_, p, equivalence_p = plan.rows_of(text)[0].values()
    assert float(p) == pytest.approx(0.292, abs=0.001)  # t = 1.213
    assert float(equivalence_p) == pytest.approx(0.704, abs=0.002)  # one-sided, t = (0.5 - 0.967) / 0.797
    assert "| `model.shortcut` C (not A) | resnet-20 | not run | 9.00 ± 1.00 (n = 3) | – | – | – | – |" in text


def test_the_net_without_may_be_another_plans(files: Callable[..., Any], tmp_path: Path) -> None:
    root = files("resnet-20", "resnet-B-20", seeds=2)
    own = Files(a_plan("resnet-B-20", seeds=2), tmp_path / "ablations" / "runs")
    root.train_all({"resnet-20": (8.0, 9.0)}, precision="fp32")
    own.train_all({"resnet-B-20": (7.0, 8.0)}, precision="fp32")
    nets, others = own.results().nets, root.results().nets
    assert own.topic(ablations(nets, own.params.report, {})) == ""
    (row,) = own.rows_of(own.topic(ablations(nets, own.params.report, others)))
    assert [*row.values()][:3] == ["resnet-B-20", "`model.shortcut` B (not A)", "resnet-20"]
    assert row["p of difference"] != "–"
    own.train_all({"resnet-B-20": (7.0, 8.0)}, precision="fp32", data=own.data(official=False))
    (row,) = own.rows_of(own.topic(ablations(own.results().nets, own.params.report, others)))
    assert (row["test error, %"], row["p of difference"]) == ("7.50 ± 0.71 (n = 2)", "–")  # of other data
