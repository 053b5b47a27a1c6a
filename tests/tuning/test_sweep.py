"""The sweep: budgets kept whoever works and whoever dies, choices made on validation alone."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from optuna import Study
from optuna.trial import Trial
from rich.console import Console

from resnet.data import Data
from resnet.errors import UserError
from resnet.params import Params, load
from resnet.results import SweepRecord, TrainingRecord
from resnet.tuning.sweep import sweep_nets
from tests.conftest import Command

QUIET = Console(quiet=True)


PLAN = """
data: {{dir: {folder}/digits, validation: 100}}
train: {{iterations: 12, batch_size: 16, log_every: 2, warmup_window: 2}}
sweep:
  nets: [resnet-8]
  trials: 4
  iterations: 8
  evaluate_every: 2
  sampler_startup_trials: 2
  pruner_startup_trials: 1
  dead_after: 1.0
models:
  resnet-8: {{net: resnet, depth: 8}}
"""


def plan(folder: Path, *assignments: str) -> Params:
    """A sweep of seconds."""
    (folder / "p.yaml").write_text(PLAN.format(folder=folder))
    return load(folder / "p.yaml", assignments)


@pytest.mark.slow
def test_a_sweep_leaves_its_record_and_parameters_that_train_takes(
    command: Command, digits_folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(digits_folder, tmp_path / "digits")
    plan(tmp_path)
    done = command("sweep", "--params", "p.yaml", "--out", "S")
    assert done.returncode == 0, done.stderr
    assert "S/best-resnet-8.yaml" in done.stdout
    record = SweepRecord.read(tmp_path / "S/resnet-8.json")
    assert (record.status, record.iterations, len(record.trials)) == ("done", 8, 4)
    own, best = record.default.values, record.best
    assert own is not None
    assert (own.learning_rate, own.weight_decay, own.warmup, own.milestones) == (0.1, 1e-4, False, (0.5, 0.75))
    for trial in record.trials:
        at = [iteration for iteration, _ in trial.validation_errors]
        assert at == [2, 4, 6, 8][: len(at)]
        assert (trial.attempts, trial.state in ("complete", "pruned")) == (1, True)
    assert record.default.state == "complete"
    assert best is not None
    assert best.values is not None
    assert best.validation_error == min(t.validation_error for t in record.trials if t.validation_error is not None)

    # `train` takes the best values as they stand, for the parameters' own iterations.
    trained = command("train", "--params", "S/best-resnet-8.yaml", "--depth", "8", "--out", "T", "--seeds", "0")
    assert trained.returncode == 0, trained.stderr
    kept = TrainingRecord.read(tmp_path / "T/seed-0/metrics.json").settings["train"]
    assert {key: kept[key] for key in best.values.model_dump()} == best.values.model_dump(mode="json")
    assert kept["iterations"] == 12

    # Again: nothing is trained, the outputs are written anew, byte for byte.
    files = tmp_path / "S/resnet-8.json", tmp_path / "S/best-resnet-8.yaml"
    before = [file.read_bytes() for file in files]
    files[1].unlink()
    done = command("sweep", "--params", "p.yaml", "--out", "S")
    assert done.returncode == 0, done.stderr
    assert "trial 0" not in done.stderr
    assert [file.read_bytes() for file in files] == before

    # Other settings have a record of their own; the first ones bring theirs back.
    other = ("sweep", "--params", "p.yaml", "--out", "S", "--set=sweep.learning_rate=[0.05, 0.5]")
    assert command(*other, "--set=sweep.trials=1").returncode == 0
    assert len(SweepRecord.read(tmp_path / "S/resnet-8.json").trials) == 1
    assert command("sweep", "--params", "p.yaml", "--out", "S").returncode == 0
    assert [file.read_bytes() for file in files] == before
    # More trials go on with a study.
    assert command(*other, "--set=sweep.trials=2").returncode == 0
    assert [t.number for t in SweepRecord.read(tmp_path / "S/resnet-8.json").trials] == [0, 1]


def test_ctrl_c_before_a_trial_trains_loses_no_trial(
    digits: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Trial, "suggest_categorical", Mock(side_effect=KeyboardInterrupt))
        sweep_nets(plan(tmp_path, "sweep.trials=1"), digits, tmp_path / "S", console=QUIET)
    (record,) = sweep_nets(plan(tmp_path, "sweep.trials=1"), digits, tmp_path / "S", console=QUIET)
    assert (record.status, record.default.state, record.default.attempts) == ("done", "complete", 2)
    assert record.default.values is not None
    assert record.default.values.learning_rate == 0.1


def test_a_trial_that_was_taken_up_and_never_begun_is_taken_up_again(
    digits: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a kill between Optuna's choice of the trial and its first heartbeat."""

    def killed(study: Study, *_: object, **__: object) -> None:
        study.ask()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Study, "optimize", killed)
        sweep_nets(plan(tmp_path, "sweep.trials=1"), digits, tmp_path / "S", console=QUIET)
    (record,) = sweep_nets(plan(tmp_path, "sweep.trials=1"), digits, tmp_path / "S", console=QUIET)
    assert (record.status, record.default.state, record.default.attempts) == ("done", "complete", 2)


def test_the_test_set_bears_on_nothing(digits: Data, tmp_path: Path) -> None:
    """Other test images, even none that can be read, give the same record."""
    params = plan(tmp_path, "sweep.trials=2")
    (one,) = sweep_nets(params, digits, tmp_path / "one", console=QUIET)
    black = dataclasses.replace(digits.test, images=np.zeros_like(digits.test.images))
    (other,) = sweep_nets(params, dataclasses.replace(digits, test=black), tmp_path / "other", console=QUIET)
    assert [t.validation_errors for t in one.trials] == [t.validation_errors for t in other.trials]
    text = (tmp_path / "one/resnet-8.json").read_text()
    assert "test_error" not in text


def test_a_diverged_trial_counts_and_the_sampler_learns_of_it(digits: Data, tmp_path: Path) -> None:
    rates = ("train.learning_rate=1e9", "sweep.learning_rate=[1e8, 1e10]", "sweep.warmup=[false]")
    params = plan(tmp_path, "sweep.trials=2", *rates)
    (record,) = sweep_nets(params, digits, tmp_path / "S", console=QUIET)
    assert [trial.state for trial in record.trials] == ["diverged", "diverged"]
    assert (record.status, record.best) == ("done", None)
    assert not (tmp_path / "S/best-resnet-8.yaml").exists()


def test_a_trial_that_falls_behind_is_pruned_and_keeps_no_files(digits: Data, tmp_path: Path) -> None:
    """Trial 0 has the parameters' own rate, the highest; a draw from so wide a range hardly learns."""
    lengths = ("sweep.trials=2", "sweep.iterations=40", "train.batch_size=32")
    params = plan(tmp_path, *lengths, "sweep.learning_rate=[1e-20, 0.1]", "sweep.warmup=[false]")
    (record,) = sweep_nets(params, digits, tmp_path / "S", console=QUIET)
    assert [trial.state for trial in record.trials] == ["complete", "pruned"]
    assert (record.status, record.best) == ("done", record.default)
    # At the first measurement after the last milestone of all schedules, 0.8.
    assert record.trials[1].validation_errors[-1][0] == 34
    assert not list((tmp_path / "S/trials").glob("*/*"))


@pytest.mark.parametrize(
    ("assignments", "says"),
    [
        (["sweep.learning_rate=[0.2, 1]"], "sweep.learning_rate does not hold resnet-8's own 0.1"),
        (["sweep.warmup=[true]"], "sweep.warmup does not hold resnet-8's own False"),
        (["sweep.milestones=[[0.4]]"], "sweep.milestones does not hold"),
        (["sweep.nets=[resnet-20]"], "no net 'resnet-20'"),
        (["sweep.storage=p.yaml"], "study p.yaml: file is not a database"),
        (["sweep.storage=mysql://u:secret@h/d"], "mysql://***@h/d: No module named"),
        (["sweep.storage=postgresql://u:secret@127.0.0.1:1/d"], "postgresql://***@127.0.0.1:1/d: connection"),
        (["sweep.storage=postgresql://u:secret@h:port/d"], "postgresql://***@h:port/d: "),
        (["limits.hours=0.0000001"], "over limits.hours"),
    ],
)
def test_a_mistake_is_one_line(
    digits: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, assignments: list[str], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as caught:
        sweep_nets(plan(tmp_path, *assignments), digits, tmp_path / "S", console=QUIET)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_without_a_validation_set_there_is_no_choice(digits: Data, tmp_path: Path) -> None:
    none = dataclasses.replace(digits, validation=digits.validation[np.arange(0)])
    with pytest.raises(UserError, match=r"data\.validation is 0"):
        sweep_nets(plan(tmp_path), none, tmp_path / "S", console=QUIET)


def worker(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """A worker in a process of its own, with one thread: several share the machine."""
    command = [sys.executable, "-m", "resnet", "sweep", "--params", "p.yaml", "--out", "S", *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    pipe, same = subprocess.PIPE, subprocess.STDOUT
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=pipe, stderr=same, text=True)


def wait_for(process: subprocess.Popen[str], text: str) -> None:
    """Read what a worker says until it says this."""
    assert process.stdout is not None
    heard = []
    for line in process.stdout:
        heard.append(line)
        if text in line:
            return
    raise AssertionError("".join(heard))


LONG = ("--set=sweep.iterations=40", "--set=sweep.evaluate_every=4", "--set=sweep.dead_after=5")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_sweep_that_is_stopped_or_killed_goes_on(digits_folder: Path, tmp_path: Path, number: int) -> None:
    """The trial that was cut goes on with its values, from its checkpoint, and ends as if it had not been."""
    shutil.copytree(digits_folder, tmp_path / "digits")
    plan(tmp_path)
    cut = worker(tmp_path, *LONG, "--set=sweep.trials=2")
    wait_for(cut, "trial 0: {")
    while not list(tmp_path.glob("S/trials/*/0/checkpoint.safetensors")):
        time.sleep(0.05)
    cut.send_signal(number)
    assert cut.wait(60) == (130 if number == signal.SIGTERM else -number)
    for arguments in ((), ("--out", "alone")):
        output, _ = (process := worker(tmp_path, *LONG, "--set=sweep.trials=2", *arguments)).communicate(timeout=120)
        assert process.returncode == 0, output
    again, alone = (SweepRecord.read(tmp_path / folder / "resnet-8.json") for folder in ("S", "alone"))
    assert again.status == alone.status == "done"
    assert again.default.values == alone.default.values
    assert again.default.validation_errors[-1] == alone.default.validation_errors[-1]


def suspend_between_transactions(process: subprocess.Popen[str], database: Path) -> None:
    """Suspend a worker while it holds no lock of the file: with one it would keep the others waiting, as documented."""
    while True:
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        with closing(sqlite3.connect(database, timeout=0)) as connection:
            try:
                connection.execute("BEGIN EXCLUSIVE")
            except sqlite3.OperationalError:
                process.send_signal(signal.SIGCONT)
                time.sleep(0.05)
            else:
                return


@pytest.mark.slow
def test_a_suspended_worker_stops_nobody_and_leaves_its_trial(digits_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(digits_folder, tmp_path / "digits")
    plan(tmp_path)
    arguments = (*LONG, "--set=sweep.trials=2")
    suspended = worker(tmp_path, *arguments)
    wait_for(suspended, "trial 0: {")
    suspend_between_transactions(suspended, tmp_path / "S/study.db")
    other = worker(tmp_path, *arguments)
    output, _ = other.communicate(timeout=300)
    assert other.returncode == 0, output
    suspended.send_signal(signal.SIGCONT)
    output, _ = suspended.communicate(timeout=120)
    assert suspended.returncode == 0, output
    assert "Traceback" not in output
    record = SweepRecord.read(tmp_path / "S/resnet-8.json")
    assert (record.status, record.trials[0].attempts) == ("done", 2)


# --- PostgreSQL ---------------------------------------------------------------------------------


def _postgres_tools() -> Path | None:
    initdb = shutil.which("initdb")
    places = [Path(initdb).resolve().parent] if initdb else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return next((place for place in reversed(places) if (place / "initdb").exists()), None)


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A private server on a Unix socket alone; its URL."""
    tools = _postgres_tools()
    if tools is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    # The socket's path must be short, and root may not run the server.
    folder = Path(subprocess.run(["mktemp", "-d"], capture_output=True, text=True, check=True).stdout.strip())
    as_user: list[str] = []
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
        as_user = ["runuser", "-u", "postgres", "--"]

    def run(*command: str) -> None:
        done = subprocess.run([*as_user, *command], cwd="/", capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr

    data, log = str(folder / "data"), str(folder / "log")
    run(str(tools / "initdb"), "-D", data, "-U", "sweeper", "-A", "trust", "--no-sync")
    options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
    run(str(tools / "pg_ctl"), "-D", data, "-l", log, "-w", "-o", options, "start")
    try:
        yield f"postgresql://sweeper@/postgres?host={folder}"
    finally:
        run(str(tools / "pg_ctl"), "-D", data, "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder)


@pytest.mark.slow
def test_two_workers_share_a_study_in_postgresql(postgres: str, digits_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(digits_folder, tmp_path / "digits")
    plan(tmp_path)
    # Neither dies here, however long a busy machine keeps it waiting.
    arguments = ("--study", postgres, "--set=sweep.trials=6", *LONG, "--set=sweep.dead_after=60")
    # They start at the same moment on an empty database: one creates the tables, and no slot is run twice.
    workers = [worker(tmp_path, *arguments) for _ in range(2)]
    outputs = [process.communicate(timeout=300)[0] for process in workers]
    assert [process.returncode for process in workers] == [0, 0], outputs
    begun = [text.count(": {") for text in outputs]
    assert 6 <= sum(begun) <= 7
    assert min(begun) >= 1, "both worked"
    record = SweepRecord.read(tmp_path / "S/resnet-8.json")
    assert record.status == "done"
    assert len({json.dumps(trial.model_dump(mode="json")["values"]) for trial in record.trials}) >= 6
