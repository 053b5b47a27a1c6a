"""Studies: slots claimed once, taken up again from the dead, and put aside under other settings."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from optuna.exceptions import UpdateFinishedTrialError
from optuna.pruners import NopPruner
from optuna.trial import Trial, TrialState

from resnet.errors import UserError
from resnet.files import locked
from resnet.results import Identity
from resnet.tuning.study import SharedStudy, SlotSampler, Storage, fair_iterations

PRINT = Identity(configuration=64 * "a", data=64 * "b", version=1)


def shared(storage: Storage, trials: int = 4, **changes: Any) -> SharedStudy:
    keys: dict[str, Any] = {
        "identity": PRINT,
        "trials": trials,
        "defaults": {"x": 0.5},
        "sampler": SlotSampler(0, 10),
        "pruner": NopPruner(),
        "dead_after": 10.0,
    }
    return SharedStudy(storage, "net", **(keys | changes))


def suggest(trial: Trial) -> float:
    return trial.suggest_float("x", 0, 1)


def test_trials_are_compared_only_where_every_schedule_is_divided_equally_often() -> None:
    # Measured at 10, 20, ..., 90: one division in all after 60 and until 70, two in all after 80.
    assert fair_iterations([[50, 75], [60, 80], [40, 70]], 100, 5) == {70, 90, 95}
    assert fair_iterations([[50, 75]], 100, 10) == {70, 90}
    assert fair_iterations([[50, 75], []], 100, 10) == set()


def test_each_slot_is_claimed_once_and_slot_0_has_the_defaults(tmp_path: Path) -> None:
    one, other = (shared(Storage(str(tmp_path / "s.db"))) for _ in range(2))
    claimed = [worker.claim(suggest) for worker in (one, other, one, other)]
    assert [trial.user_attrs["slot"] for trial in claimed if trial] == [0, 1, 2, 3]
    assert claimed[0] is not None
    assert claimed[0].params == {"x": 0.5}
    # Two workers draw different values, whoever of them claims.
    assert len({trial.params["x"] for trial in claimed if trial}) == 4
    assert one.claim(suggest) is None
    assert one.open_slots() == [0, 1, 2, 3]


def test_the_same_seed_draws_the_same_whatever_process_draws(tmp_path: Path) -> None:
    def draws(name: str, workers: int) -> list[float]:
        storage = Storage(str(tmp_path / name))
        crew = [shared(storage) for _ in range(workers)]
        drawn = []
        for k in range(4):
            trial = crew[k % workers].claim(suggest)
            assert trial is not None
            drawn.append(trial.params["x"])
            crew[k % workers].study.tell(trial, trial.params["x"])
        return drawn

    assert draws("one.db", 1) == draws("two.db", 2)


def test_a_dead_trial_is_taken_up_again_with_its_values_and_the_dead_may_not_tell(tmp_path: Path) -> None:
    now = 0.0
    storage = Storage(str(tmp_path / "s.db"))
    dead, worker = shared(storage, trials=2), shared(storage, trials=2, clock=lambda: now)
    first = dead.claim(suggest)
    lost = dead.claim(suggest)
    assert first is not None
    assert lost is not None
    first.set_user_attr("heartbeat", 1)
    assert worker.claim(suggest) is None
    now = 9.0
    first.set_user_attr("heartbeat", 2)  # the first lives, the second does not
    assert worker.claim(suggest) is None
    now = 11.0
    again = worker.claim(suggest)
    assert again is not None
    assert again.user_attrs["slot"] == 1
    assert again.params == lost.params
    with pytest.raises(UpdateFinishedTrialError):
        lost.report(1.0, 1)
    worker.study.tell(again, 3.0)
    assert worker.open_slots() == [0]


def test_a_lock_that_is_free_says_that_a_worker_has_ended(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path / "s.db"))
    killed, worker = shared(storage, trials=1), shared(storage, trials=1)
    folder = tmp_path / "0"
    with locked(folder):
        trial = killed.claim(lambda trial: (suggest(trial), trial.set_user_attr("folder", str(folder))))
        assert trial is not None
        assert worker.claim(suggest) is None
    again = worker.claim(suggest)
    assert again is not None
    assert again.params == trial.params


def test_studies_of_other_settings_lie_aside_and_come_back(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path / "s.db"))
    one = shared(storage, trials=2)
    trial = one.claim(suggest)
    assert trial is not None
    one.study.tell(trial, 3.0)
    other = PRINT.model_copy(update={"configuration": 64 * "c"})
    assert shared(storage, identity=other).open_slots() == [0, 1, 2, 3]
    assert shared(storage, trials=2).open_slots() == [1]
    assert shared(storage, identity=other).open_slots() == [0, 1, 2, 3]


def test_a_database_of_another_optuna(tmp_path: Path) -> None:
    Storage(str(tmp_path / "s.db"))
    with sqlite3.connect(tmp_path / "s.db") as database:
        database.execute("UPDATE alembic_version SET version_num = 'v1.3.0.a'")
    with pytest.raises(UserError, match="optuna storage upgrade") as caught:
        Storage(str(tmp_path / "s.db"))
    assert "\n" not in str(caught.value)


def test_a_worker_killed_between_its_steps_of_claiming(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path / "s.db"))
    study = shared(storage, trials=2)
    # Killed before it asked for what it had enqueued; killed before the values were drawn.
    study.study.enqueue_trial({"x": 0.5}, user_attrs={"slot": 0})
    trial = study.claim(lambda trial: None)
    assert trial is not None
    assert trial.user_attrs["slot"] == 0
    study.study.tell(trial, state=TrialState.FAIL)
    again = study.claim(suggest)
    assert again is not None
    assert (again.user_attrs["slot"], again.params) == (0, {"x": 0.5})
