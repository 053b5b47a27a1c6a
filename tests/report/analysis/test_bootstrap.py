"""Test errors over resampled test sets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from resnet.report.analysis.bootstrap import compare_images, resampled_errors


def wrong(first: int, last: int) -> Any:
    """Of 1,000 test images, those from first up to last are wrong."""
    return (np.arange(1000) >= first) & (np.arange(1000) < last)


def test_resampled_test_sets_have_the_binomial_spread_and_pair_the_runs() -> None:
    misses = np.stack([wrong(0, 100), wrong(0, 100), wrong(0, 150)], axis=1)
    errors = resampled_errors(misses, 4000, np.random.default_rng(0))
    assert errors.shape == (4000, 3)
    assert np.array_equal(errors[:, 0], errors[:, 1])  # the same images are drawn for every run
    assert errors[:, 0].mean() == pytest.approx(10, abs=0.1)
    assert errors[:, 0].std() == pytest.approx(100 * (0.1 * 0.9 / 1000) ** 0.5, rel=0.05)
    # Paired, only the 50 images on which the runs differ count.
    assert (errors[:, 2] - errors[:, 0]).std() == pytest.approx(100 * (0.05 * 0.95 / 1000) ** 0.5, rel=0.05)


def test_two_depths(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56", seeds=2, report={"bootstrap_samples": 2000})
    for seed in range(2):
        plan.train("resnet-20", seed, wrong=wrong(10 * seed, 100 + 30 * seed))
        plan.train("resnet-56", seed, wrong=wrong(0, 60))
    (comparison,) = compare_images(plan.tables())
    assert (comparison.first, comparison.second, comparison.seeds) == ("resnet-20", "resnet-56", (2, 2))
    assert comparison.value == pytest.approx(6.0 - (10.0 + 12.0) / 2)
    assert comparison.interval.low < comparison.value < comparison.interval.high < 0
    assert comparison.p == pytest.approx(2 / 2001)
    assert comparison.images == 1000
    assert compare_images(plan.tables()) == [comparison]


def test_depths_of_a_kind_and_kinds_of_a_depth_are_compared(files: Callable[..., Any]) -> None:
    plan = files(
        "plain-20", "plain-32", "resnet-20", "resnet-32", "resnet-44", seeds=1, report={"bootstrap_samples": 10}
    )
    for name in plan.params.models:
        plan.train(name, wrong=wrong(0, 60))
    plan.train("plain-32", wrong=wrong(0, 60), train={"momentum": 0.8})  # not to be compared
    assert [(x.first, x.second) for x in compare_images(plan.tables())] == [
        ("resnet-20", "resnet-32"),
        ("resnet-32", "resnet-44"),
        ("resnet-20", "resnet-44"),
        ("resnet-20", "plain-20"),
    ]


def test_only_runs_of_one_test_set_are_compared(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56", seeds=1, report={"bootstrap_samples": 10})
    assert compare_images(plan.tables()) == []
    plan.train("resnet-20", wrong=wrong(0, 60))
    path = plan.train("resnet-56", wrong=wrong(0, 60)).with_name("test_predictions.npy")
    held = np.load(path)
    held[0, 0] = 9
    np.save(path, held)
    assert compare_images(plan.tables()) == []
