"""Bootstrap, published figures, the split of the variance, choices and costs, against figures worked out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from resnet.report.analysis.comparisons import (
    against,
    bootstrap,
    incomparable,
    resample,
    resampled_errors,
    variance_table,
)
from resnet.report.analysis.published import PublishedError
from resnet.report.analysis.statistics import Sample
from resnet.report.sections.iterates import best_on_test, by_validation


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


def test_bootstrap_of_two_depths(files: Callable[..., Any]) -> None:
    of = files("resnet-20", "resnet-56", seeds=2, report={"bootstrap_samples": 2000})
    for seed in range(2):
        of.train("resnet-20", seed, wrong=wrong(10 * seed, 100 + 30 * seed))
        of.train("resnet-56", seed, wrong=wrong(0, 60))
    results = of.collect()
    resampled = resample(results)
    assert resampled is not None
    found = bootstrap(resampled, *results.rows, 0.95, 0)
    assert found is not None
    assert found.value == pytest.approx(6.0 - (10.0 + 12.0) / 2)
    assert found.images.low < found.value < found.images.high < 0
    assert found.both.high - found.both.low > found.images.high - found.images.low
    assert found.p == pytest.approx(2 / 2001)
    written = of.build()
    assert "| resnet-56 minus resnet-20 | -5.00 |" in written
    assert of.build() == written


def test_predictions_without_labels_are_left_out(files: Callable[..., Any]) -> None:
    of = files("resnet-20", seeds=1)
    np.save(of.train("resnet-20").with_name("test_predictions.npy"), np.zeros(5, np.uint8))
    results = of.collect()
    assert resample(results) is None
    assert results.remarks[0].startswith("resnet-20: the test predictions of seed 0 are in another version's form")


@pytest.mark.parametrize(
    ("values", "error", "word"),
    [
        ((8.70, 8.75, 8.80), 8.75, "equivalent"),
        ((8.70, 8.75, 8.80), 10.0, "different"),
        ((8.0, 8.75, 9.5), 9.0, "inside"),
    ],
)
def test_published_figures_are_judged(values: tuple[float, ...], error: float, word: str) -> None:
    verdict = against(Sample(values), PublishedError(net="resnet", depth=20, source="x", error=error), 0.95, 0.5)
    assert verdict is not None
    assert verdict.word == word


def test_scattered_figures_of_others_leave_it_undecided() -> None:
    theirs = PublishedError(net="resnet", depth=20, source="x", error=9.5, std=1.5, n=3)
    verdict = against(Sample((8.70, 8.75, 8.80)), theirs, 0.95, 0.5)
    assert verdict is not None
    assert verdict.word == "undecided"
    assert against(Sample((8.75,)), theirs, 0.95, 0.5) is None


def test_published_figures_do_not_apply_to_a_short_schedule(files: Callable[..., Any]) -> None:
    of = files("resnet-20", seeds=2, train={"iterations": 400})
    for seed in range(2):
        of.train("resnet-20", seed, 40.0 + seed)
    assert "Does not apply: these are runs on another schedule than the paper's" in of.build()


def test_variance_is_split(files: Callable[..., Any]) -> None:
    of = files("resnet-20", "resnet-B-20", "resnet-C-20", seeds=3, model={"shortcut": "A"})
    assert "Not enough runs" in variance_table(of.collect())
    # Variances 1, 0.25 and 0.36; the rows' shortcuts are made equal to stand for one net.
    for name, step, fixed in (
        ("resnet-20", 1.0, {}),
        ("resnet-B-20", 0.5, {"initialisation_seed": 0}),
        ("resnet-C-20", 0.6, {"order_seed": 0}),
    ):
        for seed in range(3):
            path = of.train(name, seed, 8.0 + step * seed, train=fixed)
            path.write_text(path.read_text().replace('"shortcut": "B"', '"shortcut": "A"').replace('"C"', '"A"'))
    written = variance_table(of.collect())
    assert "of a variance of 1.0000, initialisation +0.7500, data order +0.6400, the rest -0.3900." in written
    assert "the seeds are too few to tell" in written


def test_choices(files: Callable[..., Any]) -> None:
    of = files("resnet-20", seeds=1)
    points = [p._replace(validation_error=None, test_error=None) for p in of.history(400, 10.0, rows=4)]
    cells = [(9.0, 9.5), (8.0, 9.0), (8.5, 8.8), (8.6, 9.1)]
    history = tuple(p._replace(validation_error=v, test_error=t) for p, (v, t) in zip(points, cells, strict=True))
    assert (by_validation(history), best_on_test(history)) == (9.0, 8.8)
    assert by_validation(tuple(points)) is None
    of.train("resnet-20", 0, 9.1, history=history)
    assert "| resnet-20 | 9.10 (n = 1) | 9.00 (n = 1) | 8.80 (n = 1) | 0.30 |" in of.build()


def test_what_depth_buys(files: Callable[..., Any]) -> None:
    of = files("resnet-20", "resnet-56", seeds=2)
    for seed in range(2):
        of.train("resnet-20", seed, 8.0 + seed, seconds=3600, energy=3.6e6)
        of.train("resnet-56", seed, 6.0 + seed, seconds=7200, energy=7.2e6)
    written = of.build()
    # -2 points for 583,296 parameters, 84.94 M multiply-adds, an hour and a kWh.
    assert "| -3.43 | -0.0235 | not measured | -2 | -2 |" in written


def test_nets_of_one_precision_are_compared_however_it_was_asked_for(files: Callable[..., Any]) -> None:
    of = files("resnet-20", "plain-20", seeds=2)
    for seed in range(2):
        of.train("resnet-20", seed, 8.0 + seed, precision="fp32")
        of.train("plain-20", seed, 9.0 + seed, precision="fp32", train={"precision": "fp32"})
    residual, plain = of.collect().rows
    assert incomparable(residual, plain) == []
    of.train("plain-20", 0, 9.0, precision="bf16")
    assert incomparable(residual, of.collect().rows[1]) == ["train.precision"]


def test_an_ablation_that_was_not_run_differs_by_its_settings_alone(files: Callable[..., Any]) -> None:
    of = files("resnet-20", "resnet-B-20")
    of.train("resnet-20", 0, 8.0, precision="fp32")
    assert "| resnet-B-20 | `model.shortcut` B (not A) | resnet-20 | not run |" in of.build()


def test_ablations_stand_beside_the_net_without(files: Callable[..., Any]) -> None:
    of = files("resnet-20", "resnet-B-20", seeds=3)
    for seed in range(3):
        of.train("resnet-20", seed, 8.0 + seed)
        of.train("resnet-B-20", seed, 7.0 + seed)
    # Errors sqrt(2/3), t(0.975, 4) = 2.776445: -1 ± 2.27.
    line = "| resnet-B-20 | `model.shortcut` B (not A) | resnet-20 | 8.00 ± 1.00 (n = 3) | 9.00 ± 1.00 (n = 3) |"
    assert f"{line} -1.00 (-3.27 to +1.27) |" in of.build()
