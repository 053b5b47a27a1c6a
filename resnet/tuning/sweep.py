"""`resnet sweep`: learning rate, weight decay, warm-up and schedule, tuned for each net at equal budget, by Optuna.

Every net has the same number of trials of the same length, over the same ranges, with the same training seed. Trial 0
has the parameters' own values. A trial is a run of the one training loop, judged by the validation error of its last
iterate; it never sees the test set. Any number of processes of the same command work at the same studies.
"""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy
import yaml
from filelock import FileLock
from optuna.exceptions import ExperimentalWarning, StorageInternalError, TrialPruned
from optuna.pruners import MedianPruner, NopPruner
from optuna.samplers import TPESampler
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback
from optuna.trial import FrozenTrial, Trial, TrialState
from rich.console import Console

from resnet.data import Data
from resnet.errors import Interrupted, UserError, one_line
from resnet.files import expanded, sha256_of, write_text
from resnet.nets import kernels
from resnet.params import Params, Settings, SweepParams, TrainParams
from resnet.results import SweepRecord, SweepState, SweepTrial, SweepValues
from resnet.runs.forecast import Forecaster
from resnet.runs.results import Folders, identity
from resnet.runs.run import Run
from resnet.training.checkpoint import Progress
from resnet.training.devices import choose_machine

ENDED = (TrialState.COMPLETE, TrialState.PRUNED)
RANGES = ("learning_rate", "weight_decay")
STORED = {"nets", "trials", "storage", "dead_after"}
"""Keys of `sweep` that do not bear on what a trial computes."""

optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.simplefilter("ignore", ExperimentalWarning)
warnings.filterwarnings("ignore", "The reported value is ignored")  # of an iteration that a trial does again

begin_again = RetryHeartbeatStaleTrialCallback(inherit_intermediate_values=True)
"""Puts a trial back in the queue, with its values and what it has reported."""


@contextmanager
def opened(where: str, lock: Path, dead_after: float) -> Iterator[RDBStorage]:
    """Open or make the database of studies, a file or a URL such as `postgresql://USER@HOST/DATABASE`.

    Raises:
        UserError: it cannot be opened, is another version's, or fails in the block.
    """
    shown = re.sub("://.*@", "://***@", where)  # without a password
    url = re.sub("^postgres(ql)?://", "postgresql+psycopg://", where)
    # A connection may have been closed during the hours of a trial.
    engine: dict[str, Any] = {"pool_pre_ping": True}
    if "://" not in where:
        file = expanded(where)
        file.parent.mkdir(parents=True, exist_ok=True)
        # A writer that is suspended keeps the others waiting, for a week, and ends none.
        url, engine["connect_args"] = f"sqlite:///{file}", {"timeout": 7 * 24 * 3600}
    times: dict[str, Any] = {"heartbeat_interval": max(1, int(dead_after / 5)), "grace_period": max(2, int(dead_after))}
    failures: list[type[Exception]] = [sqlalchemy.exc.SQLAlchemyError, StorageInternalError]
    failures += [ImportError, RuntimeError, ValueError]  # to open it: no driver, another version, no port
    try:
        with FileLock(lock):  # two workers would create the tables at once
            storage = RDBStorage(url, engine, heartbeat_stale_trial_callback=begin_again, **times)
        del failures[2:]
        yield storage
    except tuple(failures) as error:
        reason = one_line(error.__cause__ or error)
        raise UserError(f"study {shown}: {reason}; when mended, the same command goes on") from error


def trial_settings(settings: Settings, sweep: SweepParams, values: SweepValues | None = None) -> Settings:
    """The net's settings at the sweep's length, with a trial's values."""
    every = {"evaluate_every": sweep.evaluate_every, "checkpoint_every": sweep.evaluate_every, "seeds_at_once": 1}
    drawn = values.model_dump(mode="json") if values else {}
    train = settings.train.model_dump() | every | {"iterations": sweep.iterations} | drawn
    return settings.model_copy(update={"train": TrainParams.model_validate(train)})


def trial_values(trial: FrozenTrial | Trial) -> SweepValues:
    """A trial's values: Optuna stores a schedule as text."""
    return SweepValues(**trial.params | {"milestones": json.loads(trial.params["milestones"])})


def attempts(trial: FrozenTrial) -> list[int]:
    """The numbers of the attempts at a trial, this one last: Optuna has another number for each."""
    return [*RetryHeartbeatStaleTrialCallback.retry_history(trial), trial.number]


class NetSweep:
    """The sweep of one net, on data with the validation set in the place of the test set.

    Raises:
        UserError: the net's own values are not in the search.
    """

    def __init__(self, params: Params, name: str, data: Data, out: Path, console: Console) -> None:
        self.params, self.name, self.data, self.out, self.console = params, name, data, out, console
        self.sweep, self.base = params.sweep, params.settings(name)
        self.machine, self.settings = choose_machine(self.base.train), trial_settings(self.base, self.sweep)
        self.record_file = out / f"{name}.json"
        run = identity(self.settings, data.record, self.machine.precision)
        search = self.sweep.model_dump(mode="json", exclude=STORED)
        self.identity = run.model_copy(update={"configuration": sha256_of([run.configuration, search])})
        # A search of other settings is another study of the same database, and stays there.
        self.study_name = f"{name}-{sha256_of(self.identity.model_dump())[:12]}"
        self.own = self.base.train.model_dump(include=set(SweepValues.model_fields))
        for key, value in self.own.items():
            choices = getattr(self.sweep, key)
            if not (choices[0] <= value <= choices[1] if key in RANGES else value in choices):
                raise UserError(f"sweep.{key} does not hold {name}'s own {value}, which is trial 0: {choices}")

    def open(self, storage: RDBStorage) -> None:
        """Create the study or go on with it."""
        # Low learning rates lead until the high ones are divided: trials compare after the last milestone of all.
        divided = 1 + int(max((each[-1] for each in self.sweep.milestones if each), default=0) * self.sweep.iterations)
        median = MedianPruner(self.sweep.pruner_startup_trials, n_warmup_steps=divided)
        pruner = median if self.sweep.pruner == "median" else NopPruner()
        self.study = optuna.create_study(
            study_name=self.study_name, storage=storage, pruner=pruner, load_if_exists=True
        )
        if not self.study.get_trials(deepcopy=False):
            own = self.own | {"milestones": json.dumps(self.own["milestones"])}
            self.study.enqueue_trial(own, skip_if_exists=True)

    def left(self) -> int:
        """How many trials have not ended."""
        return max(0, self.sweep.trials - len(self.study.get_trials(deepcopy=False, states=ENDED)))

    def work(self) -> None:
        """Run trials until the budget is spent, by whichever worker; a kill may make it exceed by one."""
        while left := self.left():
            optuna.storages.fail_stale_trials(self.study)
            states = [trial.state for trial in self.study.get_trials(deepcopy=False)]
            running = states.count(TrialState.RUNNING)
            if running >= left and TrialState.WAITING not in states:
                self.take_up_lost()
                time.sleep(min(1.0, self.sweep.dead_after / 5))  # other workers have the last trials
                continue
            # Alone, a worker that is killed and started again draws the same values.
            seed = None if running else self.sweep.sampler_seed + len(states)
            startup = self.sweep.sampler_startup_trials
            self.study.sampler = TPESampler(seed=seed, n_startup_trials=startup, multivariate=True, constant_liar=True)
            try:
                self.study.optimize(self.objective, n_trials=1)
            except ValueError as error:  # this process stood still for longer than `dead_after`
                if "Cannot tell" not in str(error):
                    raise
            self.write()

    def take_up_lost(self) -> None:
        """Put trials back whose worker was killed before their first heartbeat: Optuna waits for them for ever."""
        latest = datetime.now() - timedelta(seconds=self.sweep.dead_after)
        for trial in self.study.get_trials(deepcopy=False, states=[TrialState.RUNNING]):
            if trial.user_attrs.get("begun") != trial.number and trial.datetime_start and trial.datetime_start < latest:
                self.study.tell(trial.number, state=TrialState.FAIL)
                begin_again(self.study, trial)

    def objective(self, trial: Trial) -> float:
        """Train one trial; if it is interrupted at any moment, put it back in the queue."""
        try:
            trial.set_user_attr("begun", trial.number)
            return self.train(trial)
        except (Interrupted, KeyboardInterrupt):
            begin_again(self.study, self.study.get_trials(deepcopy=False)[trial.number])
            raise

    def train(self, trial: Trial) -> float:
        """Train one trial from its checkpoint, if there is one, and give its validation error in %."""
        sweep = self.sweep
        trial.set_user_attr("system", self.machine.describe(kernels.available).model_dump(mode="json"))
        for key in RANGES:
            trial.suggest_float(key, *getattr(sweep, key), log=True)
        trial.suggest_categorical("warmup", sweep.warmup)
        trial.suggest_categorical("milestones", [json.dumps(each) for each in sweep.milestones])
        number = attempts(self.study.get_trials(deepcopy=False)[trial.number])[0]
        folder = self.out / "trials" / self.study_name / str(number)
        settings = trial_settings(self.base, sweep, trial_values(trial))
        self.console.print(f"{self.name} trial {number}: {trial.params}", soft_wrap=True)
        run = Run(settings, sweep.training_seed, self.data, Folders(folder, folder, folder), self.machine)

        def report(progress: Progress, learning_rate: float) -> None:
            """Report the validation error of this iteration, if it was measured; prune, but never trial 0."""
            error, _ = progress.evaluations.get(progress.iteration, (None, None))
            if error is not None:
                trial.report(error, progress.iteration)
                if number and trial.should_prune():
                    raise TrialPruned

        try:
            record = run.execute(report)
        except TrialPruned:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        shutil.rmtree(folder, ignore_errors=True)
        if record.validation_error is None:  # it has diverged
            trial.set_user_attr("diverged", True)
            raise TrialPruned
        trial.report(record.validation_error, sweep.iterations)
        self.console.print(f"{self.name} trial {number}: {record.validation_error:.2f} %", soft_wrap=True)
        return record.validation_error

    def write(self) -> SweepRecord:
        """Write the record of all trials, and the best values as parameters that `resnet train` takes."""
        last = {attempts(trial)[0]: trial for trial in self.study.get_trials(deepcopy=False)}
        trials = [trial_record(place, last[number]) for place, number in enumerate(sorted(last))]
        trials += [SweepTrial(number=place, state="unfinished") for place in range(len(trials), self.sweep.trials)]
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
            trials=tuple(trials),
        )
        record.write(self.record_file)
        best = record.best if record.status == "done" else None
        if best is not None and best.values is not None:
            tree = self.params.model_dump(mode="json", exclude={"sweep"})
            tree["models"] = {self.name: tree["models"][self.name]}
            tree["models"][self.name]["train"] |= best.values.model_dump(mode="json")
            text = yaml.safe_dump(tree, sort_keys=False, default_flow_style=None, width=120)
            head = f"# {self.name}: trial {best.number} of a sweep, validation error {best.validation_error:.2f} %.\n"
            write_text(self.out / f"best-{self.name}.yaml", head + text)
        return record


def trial_record(place: int, trial: FrozenTrial) -> SweepTrial:
    """What the record says of a trial, from its last attempt."""
    states: dict[TrialState, SweepState] = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned"}
    drawn = len(trial.params) == len(SweepValues.model_fields)  # a worker may be drawing at this moment
    return SweepTrial(
        number=place,
        state="diverged" if trial.user_attrs.get("diverged") else states.get(trial.state, "unfinished"),
        values=trial_values(trial) if drawn else None,
        validation_errors=tuple(sorted(trial.intermediate_values.items())),
        attempts=len(attempts(trial)),
        seconds=trial.duration.total_seconds() if trial.duration else None,
        system=trial.user_attrs.get("system"),
    )


def sweep_nets(params: Params, data: Data, out: Path, console: Console | None = None) -> list[SweepRecord]:
    """Work at the sweeps of `params.sweep.nets` until all their trials have ended, by whichever worker.

    `NAME.json` and `best-NAME.yaml` go into `out`, with what unfinished trials need. They replace those of other
    settings, data or version, whose studies stay in the database: the same settings again write the same record.

    Raises:
        UserError: there is no validation set, a net does not fit the search, the database fails, or the forecast goes
            beyond `limits.hours`.
        Interrupted: a signal asked to stop.
    """
    console, sweep = console or Console(stderr=True), params.sweep
    if not len(data.validation):
        raise UserError("a sweep chooses on validation images, and data.validation is 0: hold some out")
    # No test image can bear on a choice.
    seen = dataclasses.replace(data, test=data.validation)
    sweeps = [NetSweep(params, name, seen, out, console) for name in dict.fromkeys(sweep.nets)]
    out.mkdir(parents=True, exist_ok=True)
    forecaster = Forecaster(len(data.validation), console)
    with opened(sweep.storage or str(out / "study.db"), out / "study.db.lock", sweep.dead_after) as database:
        for each in sweeps:
            each.open(database)
            forecaster.forecast(each.settings, each.machine, [sweep.iterations] * each.left())
        forecaster.check(params.limits.hours)
        for each in sweeps:
            each.work()
        return [each.write() for each in sweeps]
