"""What several processes agree on before they compute; what they compute is in tests/runs/test_follower.py."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from resnet.data import Data
from resnet.errors import UserError
from resnet.params import Settings, load
from resnet.training.distributed import ALONE, Processes, check_shares, joined
from resnet.training.trainer import Trainer
from tests.conftest import CPU

Tiny = Callable[..., Settings]


def test_the_parts_of_a_batch_are_the_batch_in_order() -> None:
    batch = torch.arange(24).reshape(12, 2)
    parts = [Processes(rank, 3).share(batch) for rank in range(3)]
    assert [len(part) for part in parts] == [4, 4, 4]
    assert torch.equal(torch.cat(parts), batch)
    assert torch.equal(ALONE.share(batch), batch)


def test_settings_must_say_what_the_processes_compute() -> None:
    def check(size: int, *assignments: str) -> None:
        check_shares(load(None, assignments).train, size)

    check(2, "train.batch_norm_images=64")
    check(4, "train.batch_norm_images=32")
    with pytest.raises(UserError, match=r"^set train.batch_norm_images to 64: 2 processes normalise 64 images each$"):
        check(2)
    with pytest.raises(UserError, match=r"^set train.batch_norm_images to 32: 4 processes normalise 32 images each$"):
        check(4, "train.batch_norm_images=64")
    with pytest.raises(UserError, match=r"^train.batch_size is 128, of which 3 processes cannot have equal parts$"):
        check(3, "train.batch_norm_images=64")


def test_a_process_normalises_its_part_as_a_whole(tiny: Tiny, digits: Data) -> None:
    """So the compiled operations run, which take no groups."""
    trainer = Trainer(tiny(batch_norm_images=8), 0, digits, CPU, processes=Processes(1, 2))
    norms = [module for module in trainer.net.modules() if isinstance(module, nn.BatchNorm2d)]
    assert {type(norm) for norm in norms} == {nn.BatchNorm2d}
    alone = Trainer(tiny(batch_norm_images=8), 0, digits, CPU)
    assert all(
        torch.equal(ours, theirs) for ours, theirs in zip(trainer.net.parameters(), alone.net.parameters(), strict=True)
    )


def test_without_torchrun_a_process_is_alone(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")  # other launchers set it too
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    with joined(tiny(device="cpu", precision="fp32").train) as (processes, machine):
        assert (processes, machine) == (ALONE, CPU)
