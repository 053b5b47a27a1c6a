"""Batch norm over groups of the batch, held against devices that each have a part of it."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet.data import Data
from resnet.errors import UserError
from resnet.nets.groups import GroupedBatchNorm2d, group_batch_norm
from resnet.nets.model import DepthNet, he_initialisation
from resnet.params import load
from resnet.runs.results import identity
from resnet.training.trainer import Trainer
from tests.conftest import CPU


def gradients(net: nn.Module, x: Tensor, labels: Tensor) -> list[Tensor]:
    net.zero_grad()
    F.cross_entropy(net(x), labels).backward()
    return [parameter.grad.clone() for parameter in net.parameters() if parameter.grad is not None]


@pytest.mark.parametrize("shortcut", ["A", "B"])
def test_one_device_with_groups_is_two_devices_of_half_the_batch_each(shortcut: str) -> None:
    """Their mean gradient and the first one's statistics, as distributed data parallelism has them."""
    generator = torch.Generator().manual_seed(0)
    alone = DepthNet("resnet", 8, shortcut)
    group_batch_norm(alone, 8)
    he_initialisation(alone, generator)
    first = DepthNet("resnet", 8, shortcut)
    first.load_state_dict(alone.state_dict())
    second = copy.deepcopy(first)
    x = torch.randn(16, 3, 32, 32, generator=generator)
    labels = torch.randint(10, (16,), generator=generator)

    ours = gradients(alone, x, labels)
    halves = zip(gradients(first, x[:8], labels[:8]), gradients(second, x[8:], labels[8:]), strict=True)
    for mine, (one, other) in zip(ours, halves, strict=True):
        torch.testing.assert_close(mine, (one + other) / 2, rtol=1e-3, atol=1e-5)
    for mine, theirs in zip(alone.buffers(), first.buffers(), strict=True):
        torch.testing.assert_close(mine, theirs)
    assert not any(torch.allclose(one, other) for one, other in zip(ours, gradients(first, x, labels), strict=True))

    # Evaluation asks for no groups.
    first.load_state_dict(alone.state_dict())
    torch.testing.assert_close(alone.eval()(x), first.eval()(x))


@pytest.mark.parametrize(("group", "kind"), [(8, GroupedBatchNorm2d), (64, nn.BatchNorm2d)])
def test_the_setting_makes_the_groups_and_another_identity(digits: Data, group: int, kind: type[nn.Module]) -> None:
    """A mini-batch of fewer images is one group."""
    plain, grouped = (
        load(None, ("train.batch_size=16", *more)).settings_for("resnet", 8)
        for more in ((), (f"train.batch_norm_images={group}",))
    )
    trainer = Trainer(grouped, 0, digits, CPU)
    norms = [module for module in trainer.net.modules() if isinstance(module, nn.BatchNorm2d)]
    assert [type(norm) for norm in norms] == [kind] * 7
    assert trainer.advance() == 0.1
    assert bool(torch.isfinite(trainer.progress.losses[0]))
    assert identity(plain, digits.record, "fp32") != identity(grouped, digits.record, "fp32")


def test_groups_that_are_not_whole_are_refused() -> None:
    with pytest.raises(UserError, match="batch_norm_images: must divide batch_size"):
        load(None, ("train.batch_norm_images=48",))
