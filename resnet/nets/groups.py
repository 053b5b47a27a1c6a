"""Batch norm over groups of a mini-batch, as it is where several devices share one (section 4.2: "on two GPUs")."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class GroupedBatchNorm2d(nn.BatchNorm2d):
    """Batch norm that normalises each group of the batch by the group's own statistics.

    The running statistics are those of the first group, as of the first of several devices. In evaluation, and for
    a batch of one group, it is nn.BatchNorm2d.

    Args:
        channels: of the input.
        images: of each group.
    """

    def __init__(self, channels: int, images: int) -> None:
        super().__init__(channels)
        self.images = images

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (N, channels, H, W)."""
        if not self.training or len(x) <= self.images:
            return super().forward(x)
        first, *others = torch.split(x, self.images)
        parts = [super().forward(first)]
        for group in others:
            parts.append(F.batch_norm(group, None, None, self.weight, self.bias, training=True, eps=self.eps))
        return torch.cat(parts)


def group_batch_norm(net: nn.Module, images: int) -> None:
    """Let every batch norm of a net that is not yet trained normalise groups of so many images."""
    for parent in list(net.modules()):
        for name, child in parent.named_children():
            if type(child) is nn.BatchNorm2d:
                setattr(parent, name, GroupedBatchNorm2d(child.num_features, images))
