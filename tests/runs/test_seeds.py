"""One folder, one configuration, one process a seed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from resnet.runs.locks import SeedLocks
from safetensors.torch import load_file

from resnet.data import Data
from resnet.errors import UserError
from resnet.params import Settings
from resnet.results import TrainingRecord
from resnet.runs.seeds import train_seeds
from resnet.system import Machine
from tests.conftest import CPU


def test_a_seed_that_another_process_trains_is_refused_and_the_others_train(
    tiny: Callable[..., Settings], digits: Data, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with SeedLocks([out / "seed-0"]) as locks:
        locks.take()
        with pytest.raises(UserError, match="out/seed-0: another run is training this seed"):
            train_seeds(tiny(), [1, 0], digits, out, CPU)
        assert [path.name for path in out.iterdir()] == ["seed-0"]  # none of seed 1
        (record,) = train_seeds(tiny(), [1], digits, out, CPU)
        assert record.status == "done"
    assert [record.status for record in train_seeds(tiny(), [0, 1], digits, out, CPU)] == ["done", "done"]


def test_weights_and_checkpoints_can_lie_elsewhere(tiny: Callable[..., Settings], digits: Data, tmp_path: Path) -> None:
    train_seeds(tiny(), [4], digits, tmp_path / "r", CPU, weights=tmp_path / "w", checkpoints=tmp_path / "c")
    assert sorted(path.name for path in (tmp_path / "r/seed-4").iterdir()) == [
        "history.csv",
        "metrics.json",
        "test_predictions.npy",
    ]
    assert [path.name for path in (tmp_path / "w/seed-4").iterdir()] == ["model.safetensors"]


def test_a_finished_run_takes_the_name_that_the_plan_calls_it_by(
    tiny: Callable[..., Settings], digits: Data, tmp_path: Path
) -> None:
    settings, out = tiny(), tmp_path / "out"
    (first,) = train_seeds(settings, [0], digits, out, CPU)
    weights = (out / "seed-0/model.safetensors").read_bytes()
    (out / "seed-0/checkpoint.safetensors").touch()  # as a kill right before the end leaves it
    (second,) = train_seeds(settings.model_copy(update={"name": "an-ablation"}), [0], digits, out, CPU)
    assert (
        second == TrainingRecord.read(out / "seed-0/metrics.json") == first.model_copy(update={"name": "an-ablation"})
    )
    assert (out / "seed-0/model.safetensors").read_bytes() == weights
    assert not (out / "seed-0/checkpoint.safetensors").exists()


def test_seeds_side_by_side_end_with_the_bits_that_they_have_alone(
    device: torch.device, tiny: Callable[..., Settings], digits: Data, tmp_path: Path
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
        assert record.test_error == alone.test_error
        assert record.identity == alone.identity
