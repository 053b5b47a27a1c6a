"""One folder, one configuration, one process at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from resnet.data import Data
from resnet.errors import UserError
from resnet.params import Settings
from resnet.records import TrainingRecord
from resnet.runs.seeds import locked, train_seeds
from resnet.training.memory import activation_bytes, recomputes
from resnet.training.trainer import Trainer


def test_two_processes_do_not_train_into_one_folder(
    tiny: Callable[..., Settings], digits: Data, tmp_path: Path
) -> None:
    with locked(tmp_path / "out"), pytest.raises(UserError, match="another run is training"):
        train_seeds(tiny(), [0], digits, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
    (record,) = train_seeds(tiny(), [0], digits, tmp_path / "out")
    assert record.status == "done"


def test_weights_and_checkpoints_can_lie_elsewhere(tiny: Callable[..., Settings], digits: Data, tmp_path: Path) -> None:
    train_seeds(tiny(), [4], digits, tmp_path / "r", weights=tmp_path / "w", checkpoints=tmp_path / "c")
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
    (first,) = train_seeds(settings, [0], digits, out)
    weights = (out / "seed-0/model.safetensors").read_bytes()
    (out / "seed-0/checkpoint.safetensors").touch()  # as a kill right before the end leaves it
    (second,) = train_seeds(settings.model_copy(update={"name": "an-ablation"}), [0], digits, out)
    assert (
        second == TrainingRecord.read(out / "seed-0/metrics.json") == first.model_copy(update={"name": "an-ablation"})
    )
    assert (out / "seed-0/model.safetensors").read_bytes() == weights
    assert not (out / "seed-0/checkpoint.safetensors").exists()


def test_seeds_side_by_side_end_with_the_bits_that_they_have_alone(
    tiny: Callable[..., Settings], digits: Data, tmp_path: Path
) -> None:
    together = train_seeds(tiny(seeds_at_once=3), [0, 1, 2], digits, tmp_path / "together")
    assert [record.segments[0].side_by_side for record in together] == [3, 3, 3]
    for seed, record in enumerate(together):
        (alone,) = train_seeds(tiny(), [seed], digits, tmp_path / "alone" / str(seed))
        one, other = (
            load_file(folder / f"seed-{seed}" / "model.safetensors")
            for folder in (tmp_path / "together", tmp_path / "alone" / str(seed))
        )
        assert all(torch.equal(one[name], other[name]) for name in one)
        assert record.test_error == alone.test_error
        assert record.identity == alone.fingerprint


def test_one_source_of_randomness_can_be_fixed(tiny: Callable[..., Settings], digits: Data) -> None:
    def trainer(seed: int, **keys: int) -> Trainer:
        return Trainer(tiny(**keys), seed, digits, torch.device("cpu"), "fp32")

    def same(one: Trainer, other: Trainer) -> tuple[bool, bool]:
        weights = torch.equal(one.net.conv1.weight, other.net.conv1.weight)
        return weights, torch.equal(one.batches.draws(3).packed, other.batches.draws(3).packed)

    assert same(trainer(1), trainer(2)) == (False, False)
    assert same(trainer(1, initialisation_seed=7), trainer(2, initialisation_seed=7)) == (True, False)
    assert same(trainer(1, order_seed=7), trainer(2, order_seed=7)) == (False, True)
    assert same(trainer(7), trainer(1, initialisation_seed=7, order_seed=7)) == (True, True)


def test_what_fits_is_kept_and_what_does_not_is_computed_again(
    tiny: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    cpu = torch.device("cpu")
    deep = tiny(net="resnet", depth=1202, batch_size=128)
    # 400 layers each of 16, 8 and 4 thousand numbers, kept before and after batch norm; and the stem.
    volumes = 16384 + 400 * (16384 + 8192 + 4096)
    assert activation_bytes(deep, "fp32") == 2 * 4 * 128 * volumes
    for gigabytes, expected in ((16, True), (80, False)):
        monkeypatch.setattr("resnet.training.memory.device_bytes", lambda device, total=gigabytes: total * 2**30)
        assert recomputes(deep, "fp32", cpu) is expected
        assert not recomputes(deep, "bf16", cpu)
        assert not recomputes(tiny(), "fp32", cpu)
