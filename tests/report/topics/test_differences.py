"""Differences between nets, over runs, by seed and by image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from resnet.report.topics.differences import degradation, images, plain_and_residual, resampled_errors


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
    (line,) = plan.rows_of(plan.topic(degradation(nets, 0.95)))
    # Stds 0.1 and 0.2: error sqrt(0.05 / 3), 2.941 degrees, t = 3.219; by seed -2.1, -2 and -1.9, t(0.975, 2) = 4.303.
    assert list(line.values()) == [
        "resnet-56 minus resnet-20",
        "-2.00",
        "-2.42 to -1.58",
        "0.0007",
        "-2.25 to -1.75",
        "3 and 3",
    ]
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
    for name in plan.params.models:
        for seed in range(3):
            plan.train(name, seed, 8.0 + seed)
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
    # 6 - (10 + 12) / 2, and a p of 2 / 2001.
    assert [line[x] for x in ("test error", "points", "p", "runs")] == [
        "resnet-56 minus resnet-20",
        "-5.00",
        "0.0010",
        "2 and 2",
    ]
    low, high = map(float, line["95 % interval, images"].split(" to "))
    assert low < -5 < high < 0


def test_depths_of_a_kind_and_kinds_of_a_depth_are_compared_by_image(files: Callable[..., Any]) -> None:
    plan = files("plain-20", "resnet-20", "resnet-32", "resnet-44", seeds=1, report={"bootstrap_samples": 10})
    for name in plan.params.models:
        plan.train(name, wrong=wrong(0, 60))
    lines = plan.rows_of(plan.topic(images(plan.results().nets, plan.params.report)))
    assert [line["test error"] for line in lines] == [
        "resnet-32 minus resnet-20",
        "resnet-44 minus resnet-32",
        "resnet-44 minus resnet-20",
        "plain-20 minus resnet-20",
    ]
