"""Nets beside one another and beside published figures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from resnet.report.analysis.comparisons import (
    Unmet,
    ablations,
    against,
    change,
    depth_pairs,
    on_the_papers_schedule,
    published_comparisons,
)
from resnet.report.analysis.degradation import degradation
from resnet.report.published import PublishedError, published
from resnet.report.samples import Sample, welch


def test_pairs_of_depths() -> None:
    assert depth_pairs("abc") == [("a", "b"), ("b", "c"), ("a", "c")]
    assert depth_pairs("a") == []


def test_a_change_is_the_second_minus_the_first(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56", seeds=3)
    for seed, wobble in enumerate((-0.1, 0.0, 0.1)):
        plan.train("resnet-20", seed, training_error=9.0 + wobble)
        plan.train("resnet-56", seed, training_error=7.0 + 2 * wobble)
    (step,) = degradation(plan.tables())
    assert step.unmet is None
    assert step.welch is not None
    assert step.paired is not None
    assert (step.welch.value, step.paired.value) == (pytest.approx(-2.0), pytest.approx(-2.0))
    assert step.paired.error == pytest.approx(0.1 / 3**0.5)  # the differences -2.1, -2 and -1.9
    plan.train("resnet-56", 2, status="diverged", iteration=5)
    assert change(plan.tables(), "resnet-20", "resnet-56", "training_error").paired is None  # other seeds


def test_why_a_change_is_not_told(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56", seeds=2)

    def unmet() -> Unmet:
        (step,) = degradation(plan.tables())
        assert step.welch is None
        assert step.unmet is not None
        return step.unmet

    assert unmet() == Unmet("runs missing: resnet-20 not run; resnet-56 not run", ("resnet-20", "resnet-56"))
    plan.train("resnet-20", 0)
    plan.train("resnet-56", 0, status="interrupted", iteration=100)
    assert unmet() == Unmet("runs missing: no seed of resnet-56 done", ("resnet-56",))
    plan.train("resnet-56", 0)
    assert unmet() == Unmet("one seed of resnet-20 and resnet-56 shows no spread", single=("resnet-20", "resnet-56"))
    plan.train("resnet-20", 1)
    plan.train("resnet-56", 1)
    assert unmet() == Unmet("the seeds do not differ at all")
    plan.train("resnet-20", 1, train={"momentum": 0.8})
    assert unmet() == Unmet("the seeds of resnet-20 have different settings")
    plan.train("resnet-20", 0, train={"momentum": 0.8})
    assert unmet() == Unmet("the runs differ in train.momentum")


def test_an_ablation_that_was_not_run_differs_by_its_settings_alone(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-B-20")
    plan.train("resnet-20", 0, 8.0, precision="fp32")
    (ablation,) = ablations(plan.tables())
    assert (ablation.name, ablation.base) == ("resnet-B-20", "resnet-20")
    assert ablation.changes == {"model.shortcut": ("B", "A")}
    assert ablation.error is ablation.difference is None


def test_ablations_stand_beside_the_net_without(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-B-20", seeds=3)
    for seed in range(3):
        plan.train("resnet-20", seed, 8.0 + seed)
        plan.train("resnet-B-20", seed, 7.0 + seed)
    (shortcut,) = ablations(plan.tables())
    assert shortcut.difference is not None
    # Errors sqrt(2/3), t(0.975, 4) = 2.776445: -1 ± 2.27.
    assert shortcut.difference.interval(0.95) == pytest.approx((-3.267, 1.267), abs=1e-3)


@pytest.mark.parametrize(
    ("values", "error", "word"),
    [
        ((8.70, 8.75, 8.80), 8.75, "equivalent"),
        ((8.70, 8.75, 8.80), 10.0, "different"),
        ((8.0, 8.75, 9.5), 9.0, "undecided"),
        # Apart by eight errors of the mean, and no further than another run of ours may lie: s sqrt(4/3) x 4.3 = 0.25.
        ((8.70, 8.75, 8.80), 8.51, "equivalent"),
        ((8.22, 8.42), 8.75, "undecided"),
    ],
)
def test_a_single_published_run_is_judged_as_a_draw(values: tuple[float, ...], error: float, word: str) -> None:
    verdict = against(Sample(values), PublishedError(net="resnet", depth=20, source="x", error=error), 0.95, 0.5)
    assert verdict is not None
    assert verdict.word == word
    assert verdict.difference.test == f"prediction of a single run, n = {len(values)}"


def test_scattered_figures_of_others_leave_it_undecided() -> None:
    theirs = PublishedError(net="resnet", depth=20, source="x", error=9.5, std=1.5, n=3)
    verdict = against(Sample((8.70, 8.75, 8.80)), theirs, 0.95, 0.5)
    assert verdict is not None
    assert verdict.word == "undecided"
    assert verdict.difference.test == "Welch's t, n = 3 and 3"
    assert against(Sample((8.75,)), theirs, 0.95, 0.5) is None


def test_a_spread_with_divisor_n_is_widened_to_the_samples() -> None:
    runs = Sample((8.4, 8.5, 8.7, 8.9))
    figure = PublishedError(
        net="resnet", depth=20, source="x", error=8.625, std=float(np.std(runs.values)), std_divisor="n", n=runs.n
    )
    verdict, same = against(runs, figure, 0.95, 0.5), welch(runs, runs)
    assert verdict is not None
    assert same is not None
    assert verdict.difference.error == pytest.approx(same.error)
    assert published().errors_of("resnet", 20, "B")[0].std_divisor == "n"


def test_equivalent_is_decided_by_two_one_sided_tests_with_the_same_error() -> None:
    # s = 0.1, n = 2: error 0.1 sqrt(3/2) and one degree of freedom, t(0.95, 1) = 6.313752: 0.7733 is more than 0.5.
    figure = PublishedError(net="resnet", depth=20, source="x", error=8.75)
    close = against(Sample((8.75 - 0.1 / 2**0.5, 8.75 + 0.1 / 2**0.5)), figure, 0.95, 0.5)
    assert close is not None
    assert (close.word, close.difference.error) == ("undecided", pytest.approx(0.1 * 1.5**0.5))
    wide = against(Sample((8.75 - 0.1 / 2**0.5, 8.75 + 0.1 / 2**0.5)), figure, 0.95, 0.8)
    assert wide is not None
    assert wide.word == "equivalent"


def test_theirs_of_several_runs_without_a_spread_are_a_single_one() -> None:
    figure = PublishedError(net="resnet", depth=20, source="x", error=9.0, n=5)
    verdict = against(Sample((8.70, 8.75, 8.80)), figure, 0.95, 0.5)
    assert verdict is not None
    assert verdict.difference.test == "prediction of a single run, n = 3"


def test_published_figures_of_the_same_net_stand_beside_ours(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-B-20", "resnet-32", seeds=2)
    for name in plan.params.models:
        for seed in range(2):
            plan.train(name, seed, 8.0 + seed, train={"iterations": 400} if name == "resnet-32" else {})
    tables = plan.tables()
    fitting = on_the_papers_schedule(tables, list(plan.params.models))
    assert fitting == ["resnet-20", "resnet-B-20"]
    compared = {(x.name, x.figure.source): x.training_images for x in published_comparisons(tables, fitting)}
    assert compared == {
        ("resnet-20", "paper"): None,
        ("resnet-20", "nabla0001"): None,
        ("resnet-20", "akamaster"): 50_000,
        ("resnet-B-20", "raphaelreme"): 50_000,
    }
