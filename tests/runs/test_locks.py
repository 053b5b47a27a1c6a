"""A lock per seed, by folders that may be moved while they are held."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from resnet.runs.locks import ARRANGING, SeedLocks

from resnet.errors import UserError
from resnet.files import is_locked, locked
from resnet.results import TrainingRecord


def test_a_seed_s_folder_that_moves_aside_is_free_and_its_name_is_held(tmp_path: Path) -> None:
    seed, aside = tmp_path / "seed-0", tmp_path / "aside"
    with SeedLocks([seed]) as locks:
        locks.take()
        seed.rename(aside)
        assert (is_locked(aside), is_locked(seed)) == (True, None)
        locks.take()
        assert (is_locked(aside), is_locked(seed)) == (False, True)
    assert is_locked(seed) is False


def test_what_was_refused_leaves_the_folders_of_others_alone(tmp_path: Path) -> None:
    first, second = tmp_path / "seed-0", tmp_path / "seed-1"
    with SeedLocks([second]) as other, SeedLocks([first, second]) as locks:
        other.take()
        with pytest.raises(UserError, match="seed-1: another run is training this seed"):
            locks.take()
        locks.leave_no_empty_folder()
        assert (first.exists(), second.exists()) == (False, True)


@pytest.mark.slow
def test_processes_train_seeds_of_one_net_into_one_folder(digits_folder: Path, tmp_path: Path) -> None:
    """Two seeds at once, and one of them a second time: what it would have overwritten stays whole."""
    assignments = (f"data.dir={digits_folder}", "data.validation=200", "train.iterations=60", "train.batch_size=16")
    command = [sys.executable, "-m", "resnet", "train", "--depth", "8", "--out", "out"]
    command += [part for assignment in assignments for part in ("--set", assignment)]

    def start(seed: int) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [*command, "--seeds", str(seed)],
            cwd=tmp_path,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            stdout=pipe,
            stderr=pipe,
            text=True,
        )

    first, second = start(0), start(1)
    while is_locked(tmp_path / "out/seed-0") is not True:
        assert first.poll() is None, first.communicate()
    with locked(tmp_path / "out", ARRANGING, wait=True):  # stopped while it holds `out`, it would stop the third too
        first.send_signal(signal.SIGSTOP)  # on a busy machine it would be done before the third has begun
    third = start(0)
    errors = {"third": third.communicate()[1]}
    first.send_signal(signal.SIGCONT)
    errors |= {name: run.communicate()[1] for name, run in (("first", first), ("second", second))}
    assert (first.returncode, second.returncode) == (0, 0), errors
    assert (third.returncode, errors["third"]) == (1, "resnet: out/seed-0: another run is training this seed\n")
    for seed in (0, 1):
        record = TrainingRecord.read(tmp_path / f"out/seed-{seed}/metrics.json")
        assert (record.status, record.seed, record.iteration) == ("done", seed, 60)
        assert not list((tmp_path / f"out/seed-{seed}").glob("checkpoint*"))
