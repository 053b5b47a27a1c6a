"""The studies of a sweep: where they lie, how workers share them, and which trial comes next.

A study is Optuna's, in SQLite or PostgreSQL. A trial of it is one attempt at a *slot*, one of the
slots 0 ... trials - 1 that are the budget: a slot is finished when an attempt at it is, and a slot
whose attempt was cut is taken up again with the same values. Workers claim slots one at a time,
under a lock, so that no budget is exceeded however many there are and whenever one is killed.

SQLite and not Optuna's journal file: a process killed while it appends to the journal leaves half a
line, after which no worker can read it; SQLite rolls half a transaction back. Its locks need a local disk.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import optuna
from optuna.distributions import BaseDistribution
from optuna.exceptions import StorageInternalError
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler, TPESampler
from optuna.storages import RDBStorage
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from resnet.errors import UserError, one_line
from resnet.files import expanded, is_locked, locked_file
from resnet.results import Identity
from resnet.runs.aside import label

POSTGRES = ("postgresql://", "postgres://")
SLOT, HEARTBEAT, IDENTITY, CONDITIONS = "slot", "heartbeat", "identity", "conditions"
CLAIMED = "claimed"
"""What an attempt has once its claim is whole: one without it, seen under the lock of claims, was cut."""
FOLDER = "folder"
"""Which folder an attempt's worker holds for as long as it lives."""
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
LOCK_KEY = 0x7E57E7  # any number: the advisory lock of a database that holds sweeps

optuna.logging.set_verbosity(logging.WARNING)


class Storage:
    """A database of studies: a file, or PostgreSQL when given its URL.

    Args:
        where: a path, or `postgresql://USER@HOST/DATABASE`; a password may be in it, in `PGPASSWORD`
            or in `~/.pgpass`.

    Raises:
        UserError: it is neither, cannot be reached, or is no database of studies.
    """

    def __init__(self, where: str) -> None:
        self.file = None if "://" in where else expanded(where)
        if self.file is None and not where.startswith(POSTGRES):
            raise UserError(f"study {_shown(where)}: give a file or postgresql://USER@HOST/DATABASE")
        self.where, self.shown = where, _shown(where)
        engine: dict[str, Any]
        if self.file is not None:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            # A writer waits for another's transaction instead of failing at once.
            url, engine = f"sqlite:///{self.file}", {"connect_args": {"timeout": 60}}
        else:
            _need_psycopg()
            # `pool_pre_ping`: a connection may have been closed during the hours of a trial.
            url, engine = f"postgresql+psycopg://{where.split('://', 1)[1]}", {"pool_pre_ping": True}
        with self.errors(), self.alone():  # alone: two workers must not both create the tables
            try:
                self.rdb = RDBStorage(url, engine_kwargs=engine)
            except RuntimeError as error:  # tables of another version of Optuna
                raise UserError(f"study {self.shown}: {one_line(error)}; or name another --study") from error

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn the database's errors into the user's."""
        try:
            yield
        except (SQLAlchemyError, StorageInternalError) as error:
            reason = one_line(error.__cause__ or error)
            raise UserError(f"study {self.shown}: {reason}; when mended, the same command goes on") from error

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Exclude every other worker; the lock ends with the process, however that ends."""
        if self.file is not None:
            with locked_file(self.file.with_name(f"{self.file.name}.lock"), "claiming a trial"):
                yield
            return
        import psycopg

        try:
            connection = psycopg.connect(self.where)
        except psycopg.Error as error:
            raise UserError(f"study {self.shown}: {one_line(error)}") from error
        with connection:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK_KEY])
            yield


def _need_psycopg() -> None:
    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        raise UserError("a study in PostgreSQL needs psycopg: pip install 'psycopg[binary]'") from error


def _shown(where: str) -> str:
    """The place without its password."""
    password = urlsplit(where).password if "://" in where else None
    return where.replace(f":{password}@", ":***@") if password else where


class SlotSampler(BaseSampler):
    """Tree-structured Parzen estimator whose draws are a function of (seed, slot) and the results so far.

    A sampler with one stream of random numbers would give two workers, or a worker and the one that
    goes on after it was killed, the same draws over again.
    """

    def __init__(self, seed: int, startup_trials: int) -> None:
        self.seed = seed
        self.startup_trials = startup_trials

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        digest = hashlib.sha256(f"{self.seed} {trial.user_attrs[SLOT]}".encode()).digest()
        # Learning rate and weight decay act together: model them jointly. Trials that other workers
        # are running count as bad ones, so that nobody repeats them (`constant_liar`).
        self.sampler = TPESampler(
            seed=int.from_bytes(digest[:4], "big"),
            n_startup_trials=self.startup_trials,
            multivariate=True,
            constant_liar=True,
        )

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self.sampler.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return self.sampler.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self.sampler.sample_independent(study, trial, param_name, param_distribution)


def differing(storage: Storage, name: str, identity: Identity) -> list[str]:
    """In which of configuration, data and version the stored study of this name is another; none if there is none."""
    if name not in optuna.get_all_study_names(storage.rdb):
        return []
    held = optuna.load_study(study_name=name, storage=storage.rdb).user_attrs
    # Without one its creator was killed before the first trial: it is nobody's.
    return Identity.model_validate(held[IDENTITY]).differences(identity) if IDENTITY in held else []


def stored_conditions(storage: Storage, name: str) -> dict[str, Any]:
    """The settings of the stored study of this name; empty in one from before they were stored."""
    conditions: dict[str, Any] = optuna.load_study(study_name=name, storage=storage.rdb).user_attrs.get(CONDITIONS, {})
    return conditions


def _put_in_place(storage: Storage, name: str, identity: Identity) -> None:
    """Put a study of another identity aside and take this one's back; after a kill in between, do it again."""
    names = optuna.get_all_study_names(storage.rdb)

    def rename(old: str, new: str) -> None:
        if new in optuna.get_all_study_names(storage.rdb):  # a copy that was cut: the old one is still whole
            optuna.delete_study(study_name=new, storage=storage.rdb)
        optuna.copy_study(from_study_name=old, from_storage=storage.rdb, to_storage=storage.rdb, to_study_name=new)
        optuna.delete_study(study_name=old, storage=storage.rdb)

    if differing(storage, name, identity):
        held = optuna.load_study(study_name=name, storage=storage.rdb).user_attrs
        rename(name, f"{name}@{label(Identity.model_validate(held[IDENTITY]))}")
    if (own := f"{name}@{label(identity)}") in names:
        rename(own, name)


class SharedStudy:
    """One net's study, as one of its workers sees it.

    Args:
        storage: where it lies; it is created there if need be.
        name: the net's name.
        identity: what its results depend on. A study of another one is put aside under its own identity, and comes
            back when that is asked for: ask `differing` first.
        trials: how many slots there are.
        defaults: the parameters of slot 0.
        sampler: chooses those of the others.
        pruner: as `optuna.create_study` takes it.
        dead_after: seconds after which an attempt without a new heartbeat is given up.
        conditions: the settings that the identity sums up, kept so that a refusal can name what differs.
        clock: seconds.
    """

    def __init__(
        self,
        storage: Storage,
        name: str,
        identity: Identity,
        trials: int,
        defaults: Mapping[str, Any],
        sampler: SlotSampler,
        pruner: BasePruner,
        dead_after: float,
        conditions: Mapping[str, Any] = MappingProxyType({}),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.storage, self.trials, self.defaults = storage, trials, dict(defaults)
        self.dead_after, self.clock = dead_after, clock
        self._heartbeats: dict[int, tuple[Any, float]] = {}
        with storage.alone():
            _put_in_place(storage, name, identity)
            self.study = optuna.create_study(
                study_name=name, storage=storage.rdb, sampler=sampler, pruner=pruner, load_if_exists=True
            )
            self.study.set_user_attr(IDENTITY, identity.model_dump())
            self.study.set_user_attr(CONDITIONS, dict(conditions))

    def attempts(self) -> dict[int, list[FrozenTrial]]:
        """The attempts at each slot that has any, oldest first."""
        attempts: dict[int, list[FrozenTrial]] = {}
        for trial in self.study.get_trials(deepcopy=False):
            attempts.setdefault(trial.user_attrs[SLOT], []).append(trial)
        return attempts

    def open_slots(self) -> list[int]:
        """The slots that are not finished."""
        attempts = self.attempts()
        return [k for k in range(self.trials) if k not in attempts or attempts[k][-1].state not in FINISHED]

    def _is_dead(self, attempt: FrozenTrial) -> bool:
        """Whether a running attempt's worker has ended, or its heartbeat has stood still for long.

        On one machine the lock of its folder tells at once that it has ended. A suspended worker keeps the lock,
        and other machines' locks cannot be seen: then the heartbeat counts, by this worker's own clock. Neither
        clocks of several machines nor process numbers are compared.
        """
        if CLAIMED not in attempt.user_attrs:
            return True
        folder = attempt.user_attrs.get(FOLDER)
        if self.storage.file is not None and folder is not None and is_locked(Path(folder)) is False:
            return True
        heartbeat, now = attempt.user_attrs.get(HEARTBEAT), self.clock()
        seen, since = self._heartbeats.setdefault(attempt.number, (heartbeat, now))
        if seen != heartbeat:
            self._heartbeats[attempt.number] = heartbeat, now
            return False
        return now - since > self.dead_after

    def claim(self, suggest: Callable[[Trial], object]) -> Trial | None:
        """Take up the first slot that nobody works at; None if there is none.

        Args:
            suggest: asks the trial for its parameters, and may hold a folder for it and name that as `FOLDER`. It
                runs before another worker claims, so that the sampler sees them.
        """
        with self.storage.alone():
            for attempts in self.attempts().values():
                if attempts[-1].state is TrialState.RUNNING and self._is_dead(attempts[-1]):
                    self.study.tell(attempts[-1].number, state=TrialState.FAIL)
            attempts_at = self.attempts()
            latest = {slot: attempts[-1] for slot, attempts in attempts_at.items()}
            # A slot that is waiting was claimed by a worker killed before it could ask for it.
            if not any(attempt.state is TrialState.WAITING for attempt in latest.values()):
                slots = (k for k in range(self.trials) if k not in latest or latest[k].state is TrialState.FAIL)
                slot = next(slots, None)
                if slot is None:
                    return None
                given = self.defaults if slot == 0 else {}
                known = latest[slot].params if slot in latest else {}
                self.study.enqueue_trial(given | known, user_attrs={SLOT: slot})
            trial = self.study.ask()
            suggest(trial)
            trial.set_user_attr(CLAIMED, True)
            return trial


def fair_iterations(schedules: Sequence[Sequence[int]], iterations: int, every: int) -> set[int]:
    """The iterations at which trials of every schedule may be compared, and so pruned.

    A low learning rate leads until the high ones are divided, and then falls behind: an error measured
    before a milestone says little about the end, and beside one measured after it nothing at all. So
    a trial is compared only where every schedule has been divided, equally often, and for at
    least as long as from one measurement to the next.

    Args:
        schedules: each one's milestones in iterations.
        iterations: of a trial.
        every: iterations between measurements.
    """

    def divisions(done: int) -> set[int]:
        return {sum(done > milestone for milestone in schedule) for schedule in schedules}

    return {
        done
        for done in range(2 * every, iterations, every)
        if len(divisions(done)) == 1 and divisions(done) == divisions(done - every) != {0}
    }
