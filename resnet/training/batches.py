"""Mini-batches made on the device: the images stay there as bytes, and no Python runs per image.

Section 4.2: the per-pixel mean is subtracted, 4 pixels are padded on each side, and a 32x32 crop is
taken from the padded image or its horizontal flip; testing takes the single view of the original.

What the paper leaves open:
1. Padding comes after the subtraction: padded pixels are zero, the mean image's value.
2. Pixels are scaled to 0..1. Batch norm follows the first convolution, so the scale bears on nothing
   but its epsilon.
3. Epochs follow one another without a gap: every batch has 128 images, one that reaches the end of an
   epoch goes on in the next, so that all images are seen equally often. 64k iterations of 128 are
   182.04 epochs of 45,000 images.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import PIL.Image
import PIL.ImageOps
import torch
import torch.nn.functional as F
from torch import Tensor

from resnet.data import Data, Images
from resnet.training.draws import generator

PADDING = 4
SCALE = 255.0
"""Pixels are divided by it."""


class Labelled(NamedTuple):
    """Images on the device: uint8 (N, H, W, 3), and their labels: int64 (N,)."""

    images: Tensor
    labels: Tensor


def draw_epoch(images: int, seed: int, epoch: int) -> Tensor:
    """Draw the order and the augmentation of an epoch, on the CPU.

    Returns:
        int64 (images, 4): which image, the crop's first row and column in the padded image, 1 to flip or 0.
    """
    order = torch.randperm(images, generator=generator(seed, "order", epoch))
    augmentation = generator(seed, "augmentation", epoch)
    shift = torch.randint(0, 2 * PADDING + 1, (images, 2), generator=augmentation)
    flip = torch.randint(0, 2, (images, 1), generator=augmentation)
    return torch.cat([order[:, None], shift, flip], dim=1)


def pixel_mean(images: np.ndarray) -> Tensor:
    """The per-pixel mean of uint8 images (N, 3, 32, 32), as float32 (32, 32, 3) in 0..255."""
    total = images.sum(axis=0, dtype=np.int64)
    return torch.from_numpy((total / len(images)).astype(np.float32)).permute(1, 2, 0).contiguous()


def on_device(images: Images, device: torch.device) -> Labelled:
    """Move images (N, 3, 32, 32) to the device as bytes in channels-last order."""
    last = np.ascontiguousarray(np.moveaxis(images.images, 1, -1))
    labels = torch.from_numpy(images.labels.astype(np.int64))
    return Labelled(torch.from_numpy(last).to(device), labels.to(device))


def all_crops(images: Tensor) -> Tensor:
    """Pad images (..., H, W, 3) and view all their crops: (..., top, left, H, W, 3), of the padded images' memory."""
    height, width = images.shape[-3:-1]
    padded = F.pad(images, (0, 0, PADDING, PADDING, PADDING, PADDING))
    return padded.unfold(-3, height, 1).unfold(-3, width, 1).movedim(-3, -1)


def normalise(images: Tensor, mean: Tensor, scale: float | Tensor = SCALE) -> Tensor:
    """Subtract the mean (in 0..255) and divide by the scale: uint8 (B, H, W, 3) to float32 (B, 3, H, W)."""
    return (images.float() - mean).div_(scale).permute(0, 3, 1, 2)


def preprocess(images: Any, mean: Tensor) -> Tensor:
    """Prepare an image or several as testing does: float32 (N, 3, 32, 32).

    Args:
        images: a PIL image, whose middle square is scaled to 32 x 32 pixels, or an array or tensor,
            uint8 (32, 32, 3) or (N, 32, 32, 3).
        mean: float32 (32, 32, 3) in 0..255, of the images that the net was trained on.

    Raises:
        ValueError: an array is of another shape or type.
    """
    if isinstance(images, PIL.Image.Image):
        images = np.array(PIL.ImageOps.fit(images.convert("RGB"), (32, 32)))
    pixels = torch.as_tensor(images)
    if pixels.dtype != torch.uint8 or pixels.dim() not in (3, 4) or pixels.shape[-3:] != mean.shape:
        raise ValueError(f"{pixels.dtype} {tuple(pixels.shape)}, where uint8 (N, 32, 32, 3) are taken")
    return normalise(pixels.reshape(-1, *mean.shape), mean)


@lru_cache(maxsize=1)
class _DeviceData:
    """A data set on a device, once however many seeds train there; nothing in it changes."""

    def __init__(self, data: Data, device: torch.device) -> None:
        self.mean = pixel_mean(data.train.images).to(device)
        self.mean_crops = all_crops(self.mean)
        train = on_device(data.train, device)
        self.train_crops, self.train_labels = all_crops(train.images), train.labels
        self.validation, self.test = on_device(data.validation, device), on_device(data.test, device)
        if device.type == "cuda":  # others read it on streams of their own
            torch.cuda.current_stream(device).synchronize()


class Batches:
    """The training batches of one seed, and the evaluation batches, of one data set on one device."""

    def __init__(self, data: Data, seed: int, batch_size: int, device: torch.device) -> None:
        self.seed, self.batch_size, self.device = seed, batch_size, device
        shared = _DeviceData(data, device)
        self.mean, self.mean_crops = shared.mean, shared.mean_crops
        self.train_crops, self.train_labels = shared.train_crops, shared.train_labels
        self.validation, self.test = shared.validation, shared.test
        self.train_images = len(data.train)
        self._epochs: dict[int, Tensor] = {}

    def _epoch(self, epoch: int) -> Tensor:
        if epoch not in self._epochs:
            # A batch spans two epochs at most (or more, of a set smaller than a batch): keep few.
            while len(self._epochs) >= 3:
                self._epochs.pop(next(iter(self._epochs)))
            drawn = draw_epoch(self.train_images, self.seed, epoch)
            if self.device.type == "cuda":
                drawn = drawn.pin_memory()  # so that the copy need not be waited for
            self._epochs[epoch] = drawn.to(self.device, non_blocking=True)
        return self._epochs[epoch]

    def draws(self, iteration: int) -> Tensor:
        """The rows of `draw_epoch` of an iteration's batch, on the device: a function of seed and iteration alone."""
        parts = []
        position, end = iteration * self.batch_size, (iteration + 1) * self.batch_size
        while position < end:
            epoch, start = divmod(position, self.train_images)
            stop = min(start + end - position, self.train_images)
            parts.append(self._epoch(epoch)[start:stop])
            position += stop - start
        return torch.cat(parts)

    def augmented(self, draws: Tensor) -> tuple[Tensor, Tensor]:
        """Pad, crop and flip: float32 images (B, 3, 32, 32) in channels-last memory, and labels (B,)."""
        image, top, left, flip = draws.unbind(1)
        x = normalise(self.train_crops[image, top, left], self.mean_crops[top, left])
        return torch.where(flip[:, None, None, None] == 1, x.flip(3), x), self.train_labels[image]

    def single_view(self, images: Tensor) -> Tensor:
        """Prepare uint8 images (B, 32, 32, 3) for testing: float32 (B, 3, 32, 32)."""
        return normalise(images, self.mean)
