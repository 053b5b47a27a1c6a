"""The learning rate at given iterations, through warm-up, 32k and 48k; what weight decay acts on."""

from __future__ import annotations

import pytest

from resnet.nets.model import resnet
from resnet.params import TrainParams
from resnet.training.recipe import learning_rate, milestones, optimiser, warmup_ends


@pytest.mark.parametrize(
    ("iteration", "rate"),
    [(0, 0.1), (31_999, 0.1), (32_000, 0.01), (47_999, 0.01), (48_000, 0.001), (63_999, 0.001)],
)
def test_the_papers_schedule(iteration: int, rate: float) -> None:
    assert learning_rate(iteration, TrainParams()) == pytest.approx(rate)


def test_a_shortened_run_keeps_the_schedules_shape() -> None:
    recipe = TrainParams(iterations=400)
    assert milestones(recipe) == [200, 300]
    assert [learning_rate(i, recipe) for i in (199, 200, 299, 300)] == pytest.approx([0.1, 0.01, 0.01, 0.001])


def test_the_warmup_holds_its_rate_and_the_schedule_does_not_shift() -> None:
    recipe = TrainParams(warmup=True)
    assert learning_rate(0, recipe, warming_up=True) == 0.01
    assert learning_rate(400, recipe, warming_up=False) == pytest.approx(0.1)
    assert learning_rate(32_000, recipe, warming_up=False) == pytest.approx(0.01)
    assert learning_rate(48_000, recipe, warming_up=False) == pytest.approx(0.001)


def test_the_warmup_ends_below_eighty_per_cent_and_at_the_first_milestone_at_the_latest() -> None:
    recipe = TrainParams(warmup=True)
    assert not warmup_ends(400, 80.0, recipe)
    assert warmup_ends(400, 79.9, recipe)
    assert not warmup_ends(31_900, 90.0, recipe)
    assert warmup_ends(32_000, 90.0, recipe)


def test_weight_decay_acts_on_all_parameters_unless_batch_norm_is_spared() -> None:
    net = resnet(8)
    (group,) = optimiser(net, TrainParams()).param_groups
    assert len(group["params"]) == len(list(net.parameters()))
    decayed, spared = optimiser(net, TrainParams(decay_batch_norm=False)).param_groups
    assert decayed["weight_decay"] == 1e-4
    assert spared["weight_decay"] == 0
    assert all(parameter.dim() > 1 for parameter in decayed["params"])
    assert all(parameter.dim() == 1 for parameter in spared["params"])
    assert len(decayed["params"]) == 8
