"""Test error of a net: the single view of each image, batch norm by its running statistics."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet.batches import Labelled
from resnet.system import arithmetic

BATCH_SIZE = 500
"""Images per forward pass: divides 5,000 and 10,000, and bounds the memory that ResNet-1202 needs."""


class Evaluation(NamedTuple):
    """What a net says of a set of images."""

    predictions: Tensor
    """uint8 (N,) on the CPU: the class of the largest logit, of the images in canonical order."""
    wrong: int
    loss: float
    """Mean cross-entropy."""

    @property
    def error(self) -> float:
        """Share of misclassified images in %."""
        return 100 * self.wrong / len(self.predictions)


@torch.inference_mode()
def evaluate(
    net: nn.Module, labelled: Labelled, single_view: Callable[[Tensor], Tensor], precision: str
) -> Evaluation | None:
    """Evaluate a net on images uint8 (N, 32, 32, 3) that `single_view` normalises; None without images.

    The net is left in the mode that it was in.
    """
    if not len(labelled.labels):
        return None
    device = labelled.labels.device
    training = net.training
    net.eval()
    predictions, losses = [], torch.zeros((), dtype=torch.float64, device=device)
    with arithmetic(precision, device):
        for start in range(0, len(labelled.labels), BATCH_SIZE):
            part = slice(start, start + BATCH_SIZE)
            images, labels = labelled.images[part], labelled.labels[part]
            logits = net(single_view(images)).float()
            losses += F.cross_entropy(logits, labels, reduction="sum").double()
            predictions.append(logits.argmax(1))
    net.train(training)
    predicted = torch.cat(predictions)
    wrong = int((predicted != labelled.labels).sum())
    return Evaluation(predicted.to("cpu", torch.uint8), wrong, float(losses) / len(predicted))
