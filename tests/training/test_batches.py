"""Batches: every image once an epoch, the crops and flips that section 4.2 describes, no history."""

from __future__ import annotations

import weakref

import numpy as np
import pytest
import torch

from resnet.data import Data, Images
from resnet.training.batches import PADDING, Batches, draw_epoch, pixel_mean

CPU = torch.device("cpu")

PIXEL = 2**-22
"""Fused and separate arithmetic may round a pixel, a number below 1, by this much."""


def test_every_image_is_seen_once_an_epoch_across_batch_borders(digits: Data) -> None:
    batches = Batches(digits, seed=0, batch_size=100, device=CPU)
    n = batches.train_images
    orders = torch.cat([batches.draws(iteration).order for iteration in range(2 * n // 100 + 1)])
    for epoch in range(2):
        assert sorted(orders[epoch * n : (epoch + 1) * n].tolist()) == list(range(n))
    assert not torch.equal(orders[:n], orders[n : 2 * n])


def test_a_batch_is_a_function_of_seed_and_iteration(digits: Data) -> None:
    one = Batches(digits, seed=3, batch_size=100, device=CPU)
    other = Batches(digits, seed=3, batch_size=100, device=CPU)
    for iteration in range(40):
        one.batch(iteration)
    for iteration in (0, 12, 39):  # 12 spans two epochs of 1,237 images
        x, labels = one.batch(iteration)
        y, same = other.batch(iteration)
        assert torch.equal(x, y)
        assert torch.equal(labels, same)
    x, _ = Batches(digits, seed=4, batch_size=100, device=CPU).batch(0)
    assert not torch.equal(x, one.batch(0)[0])


def test_a_batch_is_what_the_paper_describes(digits: Data, device: torch.device) -> None:
    """Against a slow, literal version: subtract the mean, pad with zeros, crop, flip."""
    batches = Batches(digits, seed=0, batch_size=32, device=device)
    draws = batches.draws(5)
    x, labels = batches.batch(5)
    mean = digits.train.images.astype(np.float64).mean(axis=0)
    for at, index in enumerate(draws.order.tolist()):
        image = np.pad(digits.train.images[index] - mean, ((0, 0), (PADDING,) * 2, (PADDING,) * 2))
        top, left = int(draws.top[at]), int(draws.left[at])
        crop = image[:, top : top + 32, left : left + 32]
        expected = crop[:, :, ::-1] if draws.flipped[at] else crop
        np.testing.assert_allclose(x[at].cpu().numpy(), expected / 255, atol=1e-6)
        assert labels[at] == digits.train.labels[index]
    assert x.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.gpu
def test_a_gpus_batches_are_the_cpus(digits: Data) -> None:
    there, here = (Batches(digits, seed=1, batch_size=128, device=device) for device in (torch.device("cuda"), CPU))
    for iteration in (0, 7, 9):  # 9 spans two epochs of 1,237 images
        assert torch.equal(there.draws(iteration).packed.cpu(), here.draws(iteration).packed)
        (x, labels), (y, expected) = there.batch(iteration), here.batch(iteration)
        assert torch.equal(labels.cpu(), expected)
        assert float((x.cpu() - y).abs().max()) <= PIXEL


def test_the_images_lie_on_a_device_once_however_many_seeds_train_there(digits: Data) -> None:
    one, other = (Batches(digits, seed=seed, batch_size=100, device=CPU) for seed in (0, 1))
    for name in ("train_crops", "train_labels", "mean", "mean_crops"):
        assert getattr(one, name) is getattr(other, name)
    assert one.test.images is other.test.images
    twin = Data(digits.record, digits.train, digits.validation, digits.test)
    assert Batches(twin, seed=0, batch_size=100, device=CPU).train_crops is not one.train_crops
    image = weakref.ref(one.train_crops)
    del one
    assert image() is not None
    del other
    assert image() is None, "the last one takes them with it"


def test_draws_cover_all_crops_and_both_flips_evenly() -> None:
    draws = draw_epoch(20_000, seed=0, epoch=0)
    for first in (draws.top, draws.left):
        places, counts = first.unique(return_counts=True)
        assert places.tolist() == list(range(9))
        assert counts.min() > 20_000 / 9 * 0.9
    assert draws.flipped.float().mean().item() == pytest.approx(0.5, abs=0.02)


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
    _, labels = batches.batch(0)
    assert sorted(labels.tolist()[:10]) == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
