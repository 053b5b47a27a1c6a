"""Batches: every image once an epoch, the crops and flips that section 4.2 describes, no history."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from resnet.data import Data, Images
from resnet.training.batches import PADDING, Batches, draw_epoch, pixel_mean

CPU = torch.device("cpu")

PIXEL = 2**-22
"""Fused and separate arithmetic may round a pixel, a number below 1, by this much."""


def batch(batches: Batches, iteration: int) -> tuple[Tensor, Tensor]:
    return batches.augmented(batches.draws(iteration))


def test_every_image_is_seen_once_an_epoch_across_batch_borders(digits: Data) -> None:
    batches = Batches(digits, seed=0, batch_size=100, device=CPU)
    n = batches.train_images
    orders = torch.cat([batches.draws(iteration)[:, 0] for iteration in range(2 * n // 100 + 1)])
    for epoch in range(2):
        assert sorted(orders[epoch * n : (epoch + 1) * n].tolist()) == list(range(n))
    assert not torch.equal(orders[:n], orders[n : 2 * n])


def test_a_batch_is_a_function_of_seed_and_iteration(digits: Data) -> None:
    one, other, third = (Batches(digits, seed=seed, batch_size=100, device=CPU) for seed in (3, 3, 4))
    for iteration in range(40):
        one.draws(iteration)
    for iteration in (0, 13, 39):  # 13 spans two epochs of 1,337 images
        assert all(map(torch.equal, batch(one, iteration), batch(other, iteration)))
    assert not torch.equal(batch(one, 0)[0], batch(third, 0)[0])


def test_a_batch_is_what_the_paper_describes(digits: Data, device: torch.device) -> None:
    """Against a slow, literal version: subtract the mean, pad with zeros, crop, flip."""
    batches = Batches(digits, seed=0, batch_size=32, device=device)
    x, labels = batch(batches, 5)
    mean = digits.train.images.astype(np.float64).mean(axis=0)
    for at, (index, top, left, flip) in enumerate(batches.draws(5).tolist()):
        image = np.pad(digits.train.images[index] - mean, ((0, 0), (PADDING,) * 2, (PADDING,) * 2))
        crop = image[:, top : top + 32, left : left + 32]
        expected = crop[:, :, ::-1] if flip else crop
        np.testing.assert_allclose(x[at].cpu().numpy(), expected / 255, atol=1e-6)
        assert labels[at] == digits.train.labels[index]
    assert x.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.gpu
def test_a_gpus_batches_are_the_cpus(digits: Data) -> None:
    there, here = (Batches(digits, seed=1, batch_size=128, device=device) for device in (torch.device("cuda"), CPU))
    for iteration in (0, 7, 10):  # 10 spans two epochs of 1,337 images
        assert torch.equal(there.draws(iteration).cpu(), here.draws(iteration))
        (x, labels), (y, expected) = batch(there, iteration), batch(here, iteration)
        assert torch.equal(labels.cpu(), expected)
        assert float((x.cpu() - y).abs().max()) <= PIXEL


def test_a_device_has_the_images_once_however_many_seeds_train_there(digits: Data) -> None:
    twin = Data(digits.record, digits.train, digits.validation, digits.test)
    one, other = (Batches(twin, seed=seed, batch_size=100, device=CPU) for seed in (0, 1))
    for name in ("train_crops", "train_labels", "mean", "mean_crops"):
        assert getattr(one, name) is getattr(other, name)
    assert one.test.images is other.test.images
    assert Batches(digits, seed=0, batch_size=100, device=CPU).train_crops is not one.train_crops


def test_draws_cover_all_crops_and_both_flips_evenly() -> None:
    _, top, left, flip = draw_epoch(20_000, seed=0, epoch=0).unbind(1)
    for first in (top, left):
        places, counts = first.unique(return_counts=True)
        assert places.tolist() == list(range(9))
        assert counts.min() > 20_000 / 9 * 0.9
    assert flip.float().mean().item() == pytest.approx(0.5, abs=0.02)


def test_the_mean_is_exact_and_of_the_training_images_alone(digits: Data) -> None:
    expected = digits.train.images.astype(np.float64).mean(axis=0).transpose(1, 2, 0)
    np.testing.assert_allclose(pixel_mean(digits.train.images).numpy(), expected, rtol=1e-6)


def test_a_set_smaller_than_a_batch_repeats_its_epochs() -> None:
    few = Images(
        np.arange(5 * 3072, dtype=np.uint32).astype(np.uint8).reshape(5, 3, 32, 32),
        np.arange(5, dtype=np.uint8),
    )
    none = Images(np.zeros((0, 3, 32, 32), np.uint8), np.zeros(0, np.uint8))
    data = Data(None, few, none, few)  # type: ignore[arg-type]
    batches = Batches(data, seed=0, batch_size=12, device=CPU)
    _, labels = batch(batches, 0)
    assert sorted(labels.tolist()[:10]) == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
