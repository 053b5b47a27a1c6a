"""`resnet sweep`: learning rate, weight decay, warm-up and schedule, tuned for each net at equal budget.

Every net has the same number of trials of the same number of iterations, over the same ranges, with
the same training seed; trial 0 has the parameters' own values. A trial is a run of the one training
loop; what is compared is the validation error of its last iterate. The test set takes no part: a
trial does not even see it. Any number of processes of the same command work at the same studies.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any

from optuna.exceptions import TrialPruned, UpdateFinishedTrialError
from optuna.pruners import BasePruner, MedianPruner, NopPruner
from optuna.trial import Trial, TrialState
from rich.console import Console

from resnet.data import Data
from resnet.errors import UserError
from resnet.files import BusyError, locked, remove_partials, sha256_of, write_text
from resnet.nets import kernels
from resnet.params import Params, Settings
from resnet.params.bearing import differences, effective
from resnet.results import Identity, SweepRecord, read_history
from resnet.runs.aside import ASIDE, arrange, label
from resnet.runs.folders import Folders
from resnet.runs.forecast import Forecaster
from resnet.runs.identity import identity
from resnet.runs.run import Run
from resnet.system import Machine, choose_machine
from resnet.training.recipe import milestones
from resnet.tuning.study import (
    FOLDER,
    SLOT,
    SharedStudy,
    SlotSampler,
    Storage,
    differing,
    fair_iterations,
    stored_conditions,
)
from resnet.tuning.trial import (
    DIVERGED,
    SECONDS,
    SYSTEM,
    Watch,
    best_params,
    stored_schedule,
    trial_record,
    trial_settings,
    trial_values,
)

STORED = {"nets", "trials", "storage", "dead_after"}
"""Keys of `sweep` that do not bear on what a trial computes."""

SECONDS_BETWEEN_LOOKS = 5.0
"""How often a worker without work looks whether the others have finished or died."""


class NetSweep:
    """The sweep of one net, as one worker does it.

    Args:
        params: the plan.
        name: the net's entry of its `models`.
        data: the prepared data.
        machine: where its trials train.
        out: the folder of results.
        console: where progress is shown.

    Raises:
        UserError: there is no such net, or its own settings are outside the ranges of the search.
    """

    def __init__(self, params: Params, name: str, data: Data, machine: Machine, out: Path, console: Console) -> None:
        self.params, self.sweep, self.out, self.console = params, params.sweep, out, console
        self.base = params.settings(name)
        self.name = name
        # No test image can bear on a choice: where a run measures test error, it sees the validation set again.
        self.data = dataclasses.replace(data, test=data.validation)
        self.settings = trial_settings(self.base, self.sweep)
        self.machine = machine
        self.trial_folders = out / "trials" / name
        self._check_defaults()
        schedules = [
            milestones(trial_settings(self.base, self.sweep, milestones=choice).train)
            for choice in self.sweep.milestones
        ]
        self.fair = fair_iterations(schedules, self.sweep.iterations, self.sweep.evaluate_every)

    def _check_defaults(self) -> None:
        train, sweep = self.base.train, self.sweep
        for key in ("learning_rate", "weight_decay"):
            low, high = getattr(sweep, key)
            if not low <= getattr(train, key) <= high:
                raise UserError(
                    f"sweep.{key} does not hold {self.name}'s own {getattr(train, key)}, which is trial 0: "
                    f"{low}..{high}"
                )
        for key in ("warmup", "milestones"):
            if getattr(train, key) not in getattr(sweep, key):
                raise UserError(
                    f"sweep.{key} does not hold {self.name}'s own {getattr(train, key)}, which is trial 0: "
                    f"{getattr(sweep, key)}"
                )

    @property
    def defaults(self) -> dict[str, Any]:
        """Trial 0, as Optuna stores it."""
        train = self.base.train
        return {
            "learning_rate": train.learning_rate,
            "weight_decay": train.weight_decay,
            "warmup": train.warmup,
            "milestones": stored_schedule(train.milestones),
        }

    def suggest(self, trial: Trial) -> dict[str, Any]:
        sweep = self.sweep
        return trial_values(
            {
                "learning_rate": trial.suggest_float("learning_rate", *sweep.learning_rate, log=True),
                "weight_decay": trial.suggest_float("weight_decay", *sweep.weight_decay, log=True),
                "warmup": trial.suggest_categorical("warmup", sweep.warmup),
                "milestones": trial.suggest_categorical("milestones", [stored_schedule(s) for s in sweep.milestones]),
            }
        )

    @property
    def identity(self) -> Identity:
        """What the study's results depend on."""
        run = identity(self.settings, self.data.record, self.machine.precision)
        search = self.sweep.model_dump(mode="json", exclude=STORED)
        return run.model_copy(update={"configuration": sha256_of([run.configuration, search])})

    @property
    def conditions(self) -> dict[str, Any]:
        """The settings that the identity sums up, by their dotted names."""
        sections = self.settings.model_dump(mode="json", include={"model", "train"})
        sections["sweep"] = self.sweep.model_dump(mode="json", exclude=STORED)
        return effective(self.base.net, sections, self.machine.precision)

    @property
    def record_file(self) -> Path:
        return self.out / f"{self.name}.json"

    @property
    def best_file(self) -> Path:
        return self.out / f"best-{self.name}.yaml"

    def conflict(self, storage: Storage) -> str | None:
        """Say what is there of this net that other settings, data or version have made."""
        differs = differing(storage, self.name, self.identity)
        if differs:
            named = self._named(stored_conditions(storage, self.name))
            return f"study {storage.shown}: its {self.name} was made with another {' and '.join(differs)}{named}"
        if self.record_file.exists() and (held := SweepRecord.read(self.record_file)).identity != self.identity:
            named = self._named(effective(held.net, held.settings, held.precision))
            return f"{self.record_file}: the sweep of other settings, data or version{named}"
        return None

    def _named(self, theirs: Mapping[str, Any]) -> str:
        """The settings in which another study of this net differs, in brackets."""
        differs = differences(theirs, self.conditions)
        return f" ({differs})" if differs else ""

    def open(self, storage: Storage) -> None:
        """Create the study or go on with it; what other settings have made is moved aside."""
        if self.record_file.exists() and (other := SweepRecord.read(self.record_file).identity) != self.identity:
            aside = self.out / ASIDE / label(other)
            aside.mkdir(parents=True, exist_ok=True)
            for file in (self.record_file, self.best_file):
                if file.exists():
                    file.replace(aside / file.name)
        sweep = self.sweep
        pruner: BasePruner = NopPruner()
        if sweep.pruner == "median":
            # Not Hyperband: its rungs are fractions of a trial in geometric steps, and below the first
            # milestone there is nothing to go by.
            pruner = MedianPruner(n_startup_trials=sweep.pruner_startup_trials)
        self.shared = SharedStudy(
            storage,
            self.name,
            self.identity,
            sweep.trials,
            self.defaults,
            SlotSampler(sweep.sampler_seed, sweep.sampler_startup_trials),
            pruner,
            sweep.dead_after,
            self.conditions,
        )

    def run_one(self) -> bool:
        """Run one trial; False if there is none to take up.

        Raises:
            Interrupted: a signal asked to stop; the trial's checkpoint is saved and the trial is free.
        """
        with ExitStack() as holding:
            trial = self.shared.claim(partial(self._take_up, holding))
            if trial is None:
                return False
            slot = trial.user_attrs[SLOT]
            settings = trial_settings(self.base, self.sweep, **self.suggest(trial))
            title = f"{self.name} trial {slot}"
            train = settings.train
            self.console.print(
                f"{title}: learning rate {train.learning_rate:.3g}, weight decay {train.weight_decay:.3g}, "
                f"warm-up {'on' if train.warmup else 'off'}, milestones {train.milestones}",
                soft_wrap=True,
            )
            # The parameters' own values are what the others are measured against: never pruned.
            fair = self.fair if slot else set()
            watch = Watch(trial, title, fair, min(30.0, self.sweep.dead_after / 5), self.console)
            folder = Path(trial.user_attrs[FOLDER])
            try:
                try:
                    ending = self._train(trial, settings, folder, watch)
                except BaseException:
                    self.shared.study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)
                    raise
            except UpdateFinishedTrialError:
                # This process stood still for so long that another has given the trial up for dead.
                self.console.print(f"{title}: taken over by another worker", soft_wrap=True)
                return True
            self.console.print(f"{title}: {ending}", soft_wrap=True)
            shutil.rmtree(folder, ignore_errors=True)
            return True

    def _take_up(self, holding: ExitStack, trial: Trial) -> None:
        """Draw a trial's values, and hold the folder that shows that its worker lives.

        Where a suspended worker still holds the slot's folder, it is another one, with the checkpoint of the first.
        """
        self.suggest(trial)
        slot = trial.user_attrs[SLOT]
        folder = self.trial_folders.absolute() / str(slot)
        try:
            holding.enter_context(locked(folder))
        except BusyError:
            checkpoint = Folders(folder, folder, folder).checkpoint_file
            folder = folder.with_name(f"{slot}-{trial.number}")
            holding.enter_context(locked(folder))
            with suppress(FileNotFoundError):
                shutil.copyfile(checkpoint, folder / checkpoint.name)
        trial.set_user_attr(FOLDER, str(folder))

    def _train(self, trial: Trial, settings: Settings, folder: Path, watch: Watch) -> str:
        began = time.monotonic()
        study = self.shared.study
        folders = Folders(folder, folder, folder)

        def leave_facts() -> None:
            trial.set_user_attr(SECONDS, time.monotonic() - began)
            trial.set_user_attr(SYSTEM, self.machine.describe(kernels.available).model_dump(mode="json"))

        remove_partials(folder)
        run = Run(settings, self.sweep.training_seed, self.data, folders, self.machine)
        for source, to in arrange(run.results).moves:  # a checkpoint of other settings
            if os.path.lexists(source):
                to.parent.mkdir(parents=True, exist_ok=True)
                source.rename(to)
        try:
            record = run.execute(watch)
        except TrialPruned:
            leave_facts()
            study.tell(trial, state=TrialState.PRUNED)
            return f"pruned at iteration {max(watch.reported):,}"
        # The last iterate's error, and all errors of a run that was complete before its worker could tell.
        for point in read_history(folders.history_file):
            watch.report(point.iteration, point.validation_error)
        leave_facts()
        if record.status == "diverged":
            trial.set_user_attr(DIVERGED, True)
            study.tell(trial, state=TrialState.PRUNED)
            return f"diverged at iteration {record.iteration:,}"
        study.tell(trial, record.validation_error)
        return f"done, validation error {record.validation_error:.2f} %"

    def finished(self) -> bool:
        return not self.shared.open_slots()

    def write(self) -> SweepRecord:
        """Write the record of all trials, and the best values as parameters that `resnet train` takes."""
        attempts = self.shared.attempts()
        trials = tuple(trial_record(slot, attempts.get(slot, [])) for slot in range(self.sweep.trials))
        record = SweepRecord(
            status="interrupted" if any(trial.state == "unfinished" for trial in trials) else "done",
            name=self.name,
            net=self.base.net,
            depth=self.base.depth,
            iterations=self.sweep.iterations,
            precision=self.machine.precision,
            data=self.data.record,
            identity=self.identity,
            settings=self.settings.model_dump(mode="json", include={"model", "train"})
            | {"sweep": self.sweep.model_dump(mode="json", exclude=STORED - {"trials"})},
            trials=trials,
        )
        record.write(self.record_file)
        if record.status == "done":
            for folder in self.trial_folders.glob("[0-9]*"):
                shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):  # it holds what was moved aside
                self.trial_folders.rmdir()
            if record.best is not None:
                write_text(self.best_file, best_params(self.params, record))
        return record


def _check_forecast(sweeps: Sequence[NetSweep], data: Data, console: Console) -> None:
    forecaster = Forecaster(len(data.validation))
    for sweep in sweeps:
        left = [sweep.settings.train.iterations] * len(sweep.shared.open_slots())
        row = forecaster.forecast(sweep.settings, sweep.machine, left)
        console.print(
            f"{row.name}: {row.seeds_left} trials to go, at most {row.hours:.2f} h for one worker", soft_wrap=True
        )
    forecaster.check(sweeps[0].params.limits.hours, shrinkable="sweep.trials, sweep.iterations or sweep.nets")


def sweep_nets(
    params: Params,
    data: Data,
    out: Path,
    *,
    nets: Sequence[str] | None = None,
    storage: str | None = None,
    overwrite: bool = False,
    console: Console | None = None,
) -> list[SweepRecord]:
    """Work at the sweeps of nets until all their trials are finished, by whichever worker.

    Args:
        params: the plan.
        data: the prepared data.
        out: where `NAME.json` and `best-NAME.yaml` go, and what unfinished trials keep.
        nets: entries of the parameters' `models`, instead of `sweep.nets`.
        storage: a file or a PostgreSQL URL, instead of `sweep.storage`.
        overwrite: move aside studies and results that other settings, data or version have made.
        console: where progress is shown.

    Raises:
        UserError: there is no validation set, a net or its settings do not fit the search, the database
            cannot be reached, what is there was made by other settings, or the forecast goes
            beyond `limits.hours`. Earlier results are then as they were.
        Interrupted: a signal asked to stop.
    """
    console = console or Console(stderr=True)
    if not len(data.validation):
        raise UserError("a sweep chooses on validation images, and data.validation is 0: hold some out")
    if params.sweep.evaluate_every >= params.sweep.iterations:
        raise UserError("sweep.evaluate_every must be below sweep.iterations")
    sweeps = [
        NetSweep(params, name, data, choose_machine(params.settings(name).train), out, console)
        for name in dict.fromkeys(nets or params.sweep.nets)
    ]
    place = Storage(storage or params.sweep.storage or str(out / "study.db"))
    with place.errors():
        conflicts = [conflict for sweep in sweeps if (conflict := sweep.conflict(place))]
        if conflicts and not overwrite:
            raise UserError(f"{conflicts[0]}: pass --overwrite to move it aside, or another --out and --study")
        for sweep in sweeps:
            sweep.open(place)
        _check_forecast(sweeps, data, console)
        while not all(sweep.finished() for sweep in sweeps):
            ran = next((sweep for sweep in sweeps if sweep.run_one()), None)
            if ran is not None:
                ran.write()
            else:
                time.sleep(min(SECONDS_BETWEEN_LOOKS, params.sweep.dead_after / 2))
        return [sweep.write() for sweep in sweeps]
