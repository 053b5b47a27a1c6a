"""One folder, one configuration, one process a seed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from resnet.data import Data
from resnet.errors import UserError
from resnet.files import is_locked, locked
from resnet.params import Settings
from resnet.results import TrainingRecord
from resnet.runs.folders import seed_folders
from resnet.runs.run import Run
from resnet.runs.seeds import train_seeds
from resnet.system import Machine
from tests.conftest import CPU

Tiny = Callable[..., Settings]


def test_a_seed_that_another_process_trains_is_refused_and_the_others_train(
    tiny: Tiny, digits: Data, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with locked(out / "seed-0", "training this seed"):
        with pytest.raises(UserError, match="out/seed-0: another run is training this seed"):
            train_seeds(tiny(), [1, 0], digits, out, CPU)
        assert not list(out.glob("seed-*"))
        (record,) = train_seeds(tiny(), [1], digits, out, CPU)
        assert record.status == "done"
    assert [record.status for record in train_seeds(tiny(), [0, 1], digits, out, CPU)] == ["done", "done"]
    assert sorted(os.listdir(out)) == ["seed-0", "seed-1"]


@pytest.mark.slow
def test_processes_train_seeds_of_one_net_into_one_folder(digits_folder: Path, tmp_path: Path) -> None:
    """Two seeds at once, and one of them a second time: what it would have overwritten stays whole."""
    assignments = (f"data.dir={digits_folder}", "data.validation=200", "train.iterations=60", "train.batch_size=16")
    command = [sys.executable, "-m", "resnet", "train", "--depth", "8", "--out", "out"]
    command += [part for assignment in assignments for part in ("--set", assignment)]

    def start(seed: int) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*command, "--seeds", str(seed)], cwd=tmp_path, env=os.environ | {"OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    first, second = start(0), start(1)
    while not is_locked(tmp_path / "out/seed-0"):
        assert first.poll() is None, first.communicate()
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


def test_weights_and_checkpoints_can_be_elsewhere(tiny: Tiny, digits: Data, tmp_path: Path) -> None:
    train_seeds(tiny(), [4], digits, tmp_path / "r", CPU, weights=tmp_path / "w", checkpoints=tmp_path / "c")
    assert sorted(os.listdir(tmp_path / "r/seed-4")) == ["history.csv", "metrics.json", "test_predictions.npy"]
    assert os.listdir(tmp_path / "w/seed-4") == ["model.safetensors"]


def test_a_finished_run_takes_the_name_that_the_plan_calls_it_by(tiny: Tiny, digits: Data, tmp_path: Path) -> None:
    settings, folders = tiny(), seed_folders(tmp_path, 0)
    run = Run(settings, 0, digits, folders, CPU)
    run.start()
    run.advance(lambda progress, learning_rate: None)
    run.save()
    saved = folders.checkpoint_file.read_bytes()
    (first,) = train_seeds(settings, [0], digits, tmp_path, CPU)
    weights = folders.weights_file.read_bytes()
    folders.checkpoint_file.write_bytes(saved)  # as a kill right before the end leaves it
    (second,) = train_seeds(settings.model_copy(update={"name": "an-ablation"}), [0], digits, tmp_path, CPU)
    assert second == TrainingRecord.read(folders.metrics_file) == first.model_copy(update={"name": "an-ablation"})
    assert folders.weights_file.read_bytes() == weights
    assert not folders.checkpoint_file.exists()
    folders.checkpoint_file.write_bytes(b"another run's")
    train_seeds(settings, [0], digits, tmp_path, CPU)
    assert folders.checkpoint_file.exists()


def test_seeds_side_by_side_end_with_the_bits_that_they_have_alone(
    device: torch.device, tiny: Tiny, digits: Data, tmp_path: Path
) -> None:
    machine = Machine(device, "fp32")
    together = train_seeds(tiny(seeds_at_once=3), [0, 1, 2], digits, tmp_path / "together", machine)
    assert [record.segments[0].side_by_side for record in together] == [3, 3, 3]
    for seed, record in enumerate(together):
        (alone,) = train_seeds(tiny(), [seed], digits, tmp_path / "alone" / str(seed), machine)
        one, other = (
            load_file(folder / f"seed-{seed}" / "model.safetensors")
            for folder in (tmp_path / "together", tmp_path / "alone" / str(seed))
        )
        assert all(torch.equal(one[name], other[name]) for name in one)
        assert (record.test_error, record.identity) == (alone.test_error, alone.identity)
