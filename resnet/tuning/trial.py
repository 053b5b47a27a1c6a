"""One trial of a sweep: its settings, what it reports while it trains, and its record."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

import yaml
from optuna.exceptions import TrialPruned
from optuna.trial import FrozenTrial, Trial, TrialState
from rich.console import Console

from resnet.params import Params, Settings, SweepParams, TrainParams
from resnet.results import SweepRecord, SweepState, SweepTrial, SweepValues, System
from resnet.training.checkpoint import Progress
from resnet.tuning.study import HEARTBEAT

DIVERGED, SECONDS, SYSTEM = "diverged", "seconds", "system"
"""What an attempt leaves in the study beside its errors."""


def trial_settings(settings: Settings, sweep: SweepParams, **values: Any) -> Settings:
    """What holds for a trial: the net's settings at the sweep's length, with the trial's values."""
    changed = {
        "iterations": sweep.iterations,
        "evaluate_every": sweep.evaluate_every,
        "checkpoint_every": sweep.evaluate_every,
        "seeds_at_once": 1,
    }
    train = TrainParams.model_validate(settings.train.model_dump() | changed | values)
    return settings.model_copy(update={"train": train})


def stored_schedule(schedule: Sequence[float]) -> str:
    """A schedule as Optuna stores a choice."""
    return json.dumps(list(schedule))


def trial_values(params: dict[str, Any]) -> dict[str, Any]:
    """A trial's parameters as keys of `train`."""
    return params | {"milestones": json.loads(params["milestones"])}


class Watch:
    """Follows a trial's training: reports its validation errors, prunes it, shows that it lives.

    Args:
        trial: what it reports to.
        title: for the console.
        fair: the iterations at which the trial may be pruned.
        every: seconds between signs of life.
        console: where progress is shown.
    """

    def __init__(self, trial: Trial, title: str, fair: set[int], every: float, console: Console) -> None:
        self.trial, self.title, self.fair, self.every, self.console = trial, title, fair, every, console
        self.reported: set[int] = set()
        self.beats, self.beaten = 0, -every

    def __call__(self, progress: Progress, learning_rate: float) -> None:
        if time.monotonic() - self.beaten >= self.every:
            self.beats, self.beaten = self.beats + 1, time.monotonic()
            self.trial.set_user_attr(HEARTBEAT, self.beats)
        if len(progress.evaluations) > len(self.reported):
            # A resumed run has the errors of the attempt before too; the second, the test error, is not used.
            for iteration, (validation_error, _) in sorted(progress.evaluations.items()):
                self.report(iteration, validation_error)
            latest = max(progress.evaluations)
            if latest in self.fair and self.trial.should_prune():
                raise TrialPruned

    def report(self, iteration: int, validation_error: float | None) -> None:
        """Store a validation error unless it is."""
        if validation_error is None or iteration in self.reported:
            return
        self.reported.add(iteration)
        self.trial.report(validation_error, iteration)
        self.console.print(
            f"{self.title}: validation error {validation_error:.2f} % at iteration {iteration:,}", soft_wrap=True
        )


def _state(attempt: FrozenTrial) -> SweepState:
    if attempt.state is TrialState.COMPLETE:
        return "complete"
    if attempt.state is TrialState.PRUNED:
        return "diverged" if attempt.user_attrs.get(DIVERGED) else "pruned"
    return "unfinished"


def trial_record(slot: int, attempts: Sequence[FrozenTrial]) -> SweepTrial:
    if not attempts:
        return SweepTrial(number=slot, state="unfinished")
    latest = attempts[-1]
    facts = latest.user_attrs
    # A worker may be drawing the values at this moment.
    drawn = len(latest.params) == len(SweepValues.model_fields)
    return SweepTrial(
        number=slot,
        state=_state(latest),
        values=SweepValues(**trial_values(latest.params)) if drawn else None,
        validation_errors=tuple(sorted(latest.intermediate_values.items())),
        attempts=len(attempts),
        seconds=facts.get(SECONDS),
        system=System(**facts[SYSTEM]) if SYSTEM in facts else None,
    )


def best_params(params: Params, record: SweepRecord) -> str:
    """The parameters of a sweep with the best trial's values, as a file for `resnet train --params`."""
    best = record.best
    assert best is not None, "written only where a trial is complete"
    assert best.values is not None, "a complete trial has values"
    tree = params.model_dump(mode="json", exclude={"sweep"})
    entry = tree["models"][record.name]
    entry["train"] |= best.values.model_dump(mode="json")
    tree["models"] = {record.name: entry}
    default = record.default.validation_error
    against = f", the parameters' own values {default:.2f} %" if default is not None else ""
    head = (
        f"# {record.name}, tuned by `resnet sweep`: trial {best.number} of {len(record.trials)}, "
        f"{record.iterations} iterations each.\n"
        f"# Validation error of one run with one seed: {best.validation_error:.2f} %{against}.\n"
        f"# resnet train --params FILE --net {record.net} --depth {record.depth} --name {record.name} --out DIR\n"
    )
    return head + yaml.safe_dump(tree, sort_keys=False, default_flow_style=None, width=120)
