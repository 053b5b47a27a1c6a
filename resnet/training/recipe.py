"""How the paper trains (section 4.2): the learning rate at every iteration, and the optimiser.

What the paper leaves open is decided here and said:
1. Weight decay acts on every parameter, batch norm's and biases too (`decay_batch_norm`).
2. Momentum is PyTorch's: v <- m v + g, w <- w - lr v. Caffe's, v <- m v + lr g, differs only in the
   iterations after the learning rate changes.
3. "Divided by 10 at 32k iterations" means that iteration 32,000, counted from 0, is the first at 0.01.
4. The training error that ends ResNet-110's warm-up is the mean over the last `warmup_window`
   mini-batches, looked at once per window.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from resnet.params import TrainParams

if TYPE_CHECKING:  # VERSION alone is to be had without PyTorch
    import torch
    from torch import nn

VERSION = 1
"""Of what an iteration computes. A change beyond rounding, in any module of `nets/` or `training/` or in
`system.Machine.arithmetic`, raises it: earlier results are then no longer the plan's. Golden trajectories notice it.
"""


def milestones(recipe: TrainParams) -> list[int]:
    """The iterations, counted from 0, that are the first at a lower learning rate: 32,000 and 48,000."""
    return [round(fraction * recipe.iterations) for fraction in recipe.milestones]


def learning_rate(iteration: int, recipe: TrainParams, *, warming_up: bool = False) -> float:
    """The learning rate of `iteration`, counted from 0; a warm-up has its own, and does not shift the schedule."""
    if warming_up:
        return recipe.warmup_learning_rate
    steps = sum(iteration >= milestone for milestone in milestones(recipe))
    return recipe.learning_rate * recipe.decay**steps


def warmup_ends(iteration: int, recent_error: float, recipe: TrainParams) -> bool:
    """Whether the warm-up ends after `iteration` iterations.

    Args:
        iteration: iterations done, a multiple of `warmup_window`.
        recent_error: training error in % over the last window.
        recipe: says the error to fall below. A warm-up that has not ended by the first milestone ends
            there, so that no net can stay at the low rate for good.
    """
    first_milestone = min(milestones(recipe), default=recipe.iterations)
    return recent_error < recipe.warmup_until_error or iteration >= first_milestone


def optimiser(net: nn.Module, recipe: TrainParams) -> torch.optim.SGD:
    """SGD with momentum and weight decay, all parameters updated by one fused kernel."""
    import torch

    # Weights of convolutions and of the fully connected layer have two dimensions or more.
    decayed = [p for p in net.parameters() if recipe.decay_batch_norm or p.dim() > 1]
    groups: list[dict[str, Any]] = [{"params": decayed}]
    if not recipe.decay_batch_norm:
        groups.append({"params": [p for p in net.parameters() if p.dim() <= 1], "weight_decay": 0.0})
    momentum, decay = recipe.momentum, recipe.weight_decay
    return torch.optim.SGD(groups, lr=recipe.learning_rate, momentum=momentum, weight_decay=decay, fused=True)
