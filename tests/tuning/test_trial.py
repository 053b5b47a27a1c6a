"""A trial: its settings, what it reports and when it is pruned, its record, and the best one's parameters."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest
import torch
from optuna.exceptions import TrialPruned
from optuna.pruners import ThresholdPruner
from optuna.trial import FrozenTrial, Trial, TrialState
from pydantic import ValidationError
from rich.console import Console

from resnet.params import Settings, load
from resnet.training.checkpoint import Progress
from resnet.tuning.study import HEARTBEAT
from resnet.tuning.trial import (
    DIVERGED,
    SECONDS,
    Watch,
    best_params,
    stored_schedule,
    trial_record,
    trial_settings,
    trial_values,
)
from tests.report.made_up import a_sweep

SWEEP = load(None, ["sweep={iterations: 40, evaluate_every: 4}"]).sweep


@pytest.fixture
def trial() -> Trial:
    """Of a study that prunes errors above 50 %."""
    return optuna.create_study(pruner=ThresholdPruner(upper=50)).ask()


def attempt(trial: Trial) -> FrozenTrial:
    """What the study holds of a trial."""
    return trial.study.get_trials()[trial.number]


def advance(watch: Watch, progress: Progress, iteration: int, validation_error: float | None = None) -> None:
    """What a run tells after an iteration; its test error must not count."""
    progress.iteration = iteration
    if validation_error is not None:
        progress.evaluations[iteration] = (validation_error, 99.0)
    watch(progress, 0.1)


def test_a_trial_is_the_nets_own_training_at_the_sweeps_length(tiny: Callable[..., Settings]) -> None:
    settings = tiny(momentum=0.8, seeds_at_once=4)
    ours = trial_settings(settings, SWEEP, learning_rate=0.3, milestones=[0.6, 0.8])
    changed = {
        key: value for key, value in ours.train.model_dump().items() if value != settings.train.model_dump()[key]
    }
    # A checkpoint at every evaluation: whoever takes a trial over repeats no more than what lies between two.
    assert changed == {
        "iterations": 40,
        "evaluate_every": 4,
        "checkpoint_every": 4,
        "seeds_at_once": 1,
        "learning_rate": 0.3,
        "milestones": [0.6, 0.8],
    }
    assert ours.model_copy(update={"train": settings.train}) == settings
    with pytest.raises(ValidationError, match="momentum"):
        trial_settings(settings, SWEEP, momentum=-1)


def test_a_schedule_comes_back_from_the_study_as_it_was() -> None:
    drawn = {"learning_rate": 0.1, "milestones": stored_schedule((0.5, 0.75))}
    assert trial_values(drawn) == {"learning_rate": 0.1, "milestones": [0.5, 0.75]}
    assert isinstance(drawn["milestones"], str), "Optuna's choices are no lists"


def test_a_trial_reports_each_validation_error_once_and_is_pruned_only_where_that_is_fair(trial: Trial) -> None:
    shown = io.StringIO()
    watch = Watch(trial, "trial 3", {12, 16}, every=3600, console=Console(file=shown, width=100))
    progress = Progress.start(40, torch.device("cpu"))
    progress.evaluations[4] = (80.0, 99.0)  # of an attempt that was cut
    advance(watch, progress, 5)
    advance(watch, progress, 8, 70.0)
    advance(watch, progress, 9)
    advance(watch, progress, 12, 45.0)
    with pytest.raises(TrialPruned):
        advance(watch, progress, 16, 55.0)
    assert attempt(trial).intermediate_values == {4: 80.0, 8: 70.0, 12: 45.0, 16: 55.0}
    assert shown.getvalue().splitlines() == [
        f"trial 3: validation error {error:.2f} % at iteration {iteration}"
        for iteration, error in ((4, 80), (8, 70), (12, 45), (16, 55))
    ]


@pytest.mark.parametrize(("every", "beats"), [(0.0, 3), (3600.0, 1)])
def test_a_trial_shows_that_it_lives(every: float, beats: int, trial: Trial) -> None:
    watch = Watch(trial, "trial 0", set(), every, Console(quiet=True))
    progress = Progress.start(40, torch.device("cpu"))
    for iteration in (1, 2, 3):
        advance(watch, progress, iteration)
    assert attempt(trial).user_attrs[HEARTBEAT] == beats


def test_a_slot_is_what_its_last_attempt_came_to() -> None:
    assert trial_record(2, []).model_dump(exclude_defaults=True) == {"number": 2, "state": "unfinished"}
    study = optuna.create_study()
    cut, unfinished, pruned, diverged, complete = trials = [study.ask() for _ in range(5)]
    for each in trials:
        each.suggest_float("learning_rate", 0.01, 1)
        if each is not unfinished:  # the others have drawn all their values
            each.suggest_float("weight_decay", 1e-5, 1e-2)
            each.suggest_categorical("warmup", [True])
            each.suggest_categorical("milestones", [stored_schedule((0.5, 0.75))])
        each.report(60.0, 8)
        each.report(70.0, 4)
    diverged.set_user_attr(DIVERGED, True)
    complete.set_user_attr(SECONDS, 12.5)
    for ended, state in ((cut, TrialState.FAIL), (pruned, TrialState.PRUNED), (diverged, TrialState.PRUNED)):
        study.tell(ended, state=state)
    study.tell(complete, 60.0)

    states = [trial_record(1, [attempt(cut), attempt(each)]).state for each in (cut, unfinished, pruned, diverged)]
    assert states == ["unfinished", "unfinished", "pruned", "diverged"]
    assert trial_record(1, [attempt(unfinished)]).values is None
    record = trial_record(1, [attempt(cut), attempt(complete)])
    assert (record.number, record.state, record.attempts, record.seconds) == (1, "complete", 2, 12.5)
    assert record.validation_errors == ((4, 70.0), (8, 60.0))
    assert record.values is not None
    assert record.values.learning_rate == complete.params["learning_rate"]
    assert record.values.milestones == (0.5, 0.75)


def test_the_best_values_are_parameters_of_that_net_alone(tmp_path: Path) -> None:
    plan = load(None, ["models={resnet-20: {net: resnet, depth: 20}, plain-20: {net: plain, depth: 20}}"])
    record = a_sweep(20, own=12.0, best=10.0)
    text = best_params(plan, record)
    (tmp_path / "best.yaml").write_text(text)
    best = load(tmp_path / "best.yaml")
    assert list(best.models) == ["resnet-20"]
    assert best.sweep == load(None).sweep, "it is no plan of a sweep"
    ours, theirs = best.settings("resnet-20").train, plan.settings("resnet-20").train
    assert record.best is not None
    assert record.best.values is not None
    assert ours == theirs.model_copy(update=record.best.values.model_dump() | {"milestones": [0.5, 0.75]})
    assert "trial 1 of 2, 8000 iterations each" in text
    assert "10.00 %, the parameters' own values 12.00 %." in text
    assert "the parameters' own values" not in best_params(plan, a_sweep(20, own=None, best=10.0))
