"""One folder, one configuration, one process a seed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from resnet.data import Data
from resnet.errors import UserError
from resnet.files import locked
from resnet.results import TrainingRecord
from resnet.runs.results import seed_folders
from resnet.runs.run import Run
from resnet.runs.seeds import train_seeds
from resnet.system import Machine
from tests.conftest import CPU
from tests.runs.conftest import Tiny, interrupt_at
from tests.runs.test_run import same_weights

pytestmark = pytest.mark.usefixtures("quick_forecast")


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


def test_a_finished_run_takes_the_name_that_the_plan_calls_it_by(tiny: Tiny, digits: Data, tmp_path: Path) -> None:
    settings, folders = tiny(), seed_folders(tmp_path, 0)
    interrupt_at(1, Run(settings, 0, digits, folders, CPU))
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
    together = train_seeds(tiny(seeds_at_once=2), [0, 1], digits, tmp_path / "together", machine)
    assert [record.segments[0].side_by_side for record in together] == [2, 2]
    assert [2 * (record.peak_memory_bytes or 0) <= machine.peak_memory_bytes() for record in together] == [True, True]
    for seed, record in enumerate(together):
        (alone,) = train_seeds(tiny(), [seed], digits, tmp_path / "alone", machine)
        assert same_weights(tmp_path / f"together/seed-{seed}", tmp_path / f"alone/seed-{seed}")
        assert (record.test_error, record.identity) == (alone.test_error, alone.identity)
