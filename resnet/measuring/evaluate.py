"""Test error of a net: the single view of each image, batch norm by its running statistics.

The learning curve, the last iterate and `resnet evaluate` have the same pixels, batches and kernels, so that an image
between two classes falls to one side in all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet.data import Data
from resnet.nets.model import DepthNet, build
from resnet.nets.weights import check_record, load_weights
from resnet.params import Settings
from resnet.results import EvaluationRecord
from resnet.system import Machine
from resnet.training.batches import SCALE, Labelled, normalise, on_device, pixel_mean

VERSION = 1
"""Of how weights are evaluated: raised with a change beyond rounding, it lets DVC evaluate anew."""

CPU_BATCH_SIZE, GPU_BATCH_SIZE = 500, 2500
"""Both divide 5,000 and 10,000. A CPU's caches like few images; many small batches on a GPU slow down other runs."""


def evaluation_batch_size(machine: Machine) -> int:
    """How many images a forward pass takes whenever a net is evaluated on this device."""
    return GPU_BATCH_SIZE if machine.gpu else CPU_BATCH_SIZE


def as_written(net: nn.Module) -> AbstractContextManager[object]:
    """The context in which a net that trains with `train.compile` runs the operations of any other net."""
    compiled = any(module._compiled_call_impl is not None for module in net.modules())
    return torch.compiler.set_stance("force_eager") if compiled else nullcontext()


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
    net: nn.Module, labelled: Labelled, single_view: Callable[[Tensor], Tensor], machine: Machine
) -> Evaluation | None:
    """Evaluate a net on images uint8 (N, 32, 32, 3) that `single_view` normalises; None without images.

    Net and images are on the machine's device. The net is left in the mode that it was in.
    """
    if not len(labelled.labels):
        return None
    training = net.training
    net.eval()
    predictions, losses = [], []
    batch_size = evaluation_batch_size(machine)
    with machine.arithmetic(), as_written(net):
        for start in range(0, len(labelled.labels), batch_size):
            part = slice(start, start + batch_size)
            images, labels = labelled.images[part], labelled.labels[part]
            logits = net(single_view(images)).float()
            losses.append(F.cross_entropy(logits, labels, reduction="sum"))
            predictions.append(logits.argmax(1))
    net.train(training)
    predicted = torch.cat(predictions)
    wrong = int((predicted != labelled.labels).sum())
    loss = math.fsum(torch.stack(losses).tolist()) / len(predicted)  # not every device has float64
    return Evaluation(predicted.to("cpu", torch.uint8), wrong, loss)


def load_net(settings: Settings, weights: Path, classes: int, machine: Machine, finite: bool = True) -> DepthNet:
    """The settings' net with weights from a file, on the machine's device; `finite` refuses those that are not.

    Raises:
        UserError: the weights are not this net's, or cannot be read without running code.
    """
    net = build(settings, classes)
    check_record(weights, net)
    load_weights(net, weights, finite=finite)
    return net.to(machine.device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def normalisation(
    data: Data, machine: Machine, mean: Sequence[float] | None = None, std: Sequence[float] | None = None
) -> Callable[[Tensor], Tensor]:
    """What prepares images uint8 (N, 32, 32, 3) for a net; mean and std as `evaluate_weights` takes them."""
    subtracted = pixel_mean(data.train.images) if mean is None else 255 * torch.tensor(mean)
    # By the same number as in training: a device may divide by one otherwise than by a tensor of it.
    scale = SCALE if std is None else (255 * torch.tensor(std)).to(machine.device)
    return partial(normalise, mean=subtracted.to(machine.device), scale=scale)


def evaluate_weights(
    settings: Settings,
    weights: Path,
    data: Data,
    machine: Machine,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> EvaluationRecord:
    """Measure the test error of a file of weights.

    Args:
        settings: the net that the weights are for.
        weights: a state dict, ours or as others publish them.
        data: prepared or freshly read; its test set is evaluated.
        machine: where, and in which precision: fp32 for every number that is reported.
        mean: of red, green and blue in 0..1, subtracted [the per-pixel mean of the training images].
        std: of red, green and blue in 0..1, divided by [1].

    Raises:
        UserError: the weights are not this net's, or cannot be read without running code.
    """
    net = load_net(settings, weights, len(data.record.classes), machine)
    single_view = normalisation(data, machine, mean, std)
    evaluation = evaluate(net, on_device(data.test, machine.device), single_view, machine)
    assert evaluation is not None, "data always have a test set"
    return EvaluationRecord(
        net=settings.net,
        depth=settings.depth,
        shortcut="none" if settings.net == "plain" else settings.model.shortcut,
        weights=weights.name,
        data=data.record.name,
        official=data.record.official,
        data_fingerprint=data.record.fingerprint["test"],
        images=len(data.test),
        wrong=evaluation.wrong,
        test_error=evaluation.error,
        test_loss=evaluation.loss,
        normalisation=_described(mean, std),
    )


def _described(mean: Sequence[float] | None, std: Sequence[float] | None) -> str:
    subtracted, divided = (", ".join(f"{value:g}" for value in values or ()) for values in (mean, std))
    return (
        (f"the mean {subtracted}" if mean else "our per-pixel mean")
        + " subtracted"
        + (f", divided by {divided}" if std else "")
    )
