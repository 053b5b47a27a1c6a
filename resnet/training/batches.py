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

from dataclasses import dataclass
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

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


class Draws(NamedTuple):
    """What is random in a batch or an epoch: for each position in it, the image and its augmentation."""

    packed: Tensor
    """int64 (N, 4): which image, the crop's first row and column in the padded image, 1 to flip or 0."""

    @property
    def order(self) -> Tensor:
        """int64 (N,): which image."""
        return self.packed[:, 0]

    @property
    def top(self) -> Tensor:
        """int64 (N,): the padded image's row that is the crop's first."""
        return self.packed[:, 1]

    @property
    def left(self) -> Tensor:
        """int64 (N,): its column that is the crop's first."""
        return self.packed[:, 2]

    @property
    def flipped(self) -> Tensor:
        """Bool (N,): whether the crop is flipped."""
        return self.packed[:, 3] == 1


def draw_epoch(images: int, seed: int, epoch: int) -> Draws:
    """Draw the order, the crops and the flips of an epoch, on the CPU."""
    order = torch.randperm(images, generator=generator(seed, "order", epoch))
    augmentation = generator(seed, "augmentation", epoch)
    shift = torch.randint(0, 2 * PADDING + 1, (images, 2), generator=augmentation)
    flip = torch.randint(0, 2, (images, 1), generator=augmentation)
    return Draws(torch.cat([order[:, None], shift, flip], dim=1))


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


@dataclass(frozen=True)
class Preprocessing:
    """Prepares images for a net as testing does, given the per-pixel mean of the images that it was trained on."""

    mean: Tensor
    """float32 (32, 32, 3), in 0..255."""

    def __call__(self, images: Any) -> Tensor:
        """Map an image or several to float32 (N, 3, 32, 32).

        Args:
            images: a PIL image, whose middle square is scaled to 32 x 32 pixels, or an array or tensor,
                uint8 (32, 32, 3) or (N, 32, 32, 3).

        Raises:
            ValueError: an array is of another shape or type.
        """
        if isinstance(images, PIL.Image.Image):
            images = np.array(PIL.ImageOps.fit(images.convert("RGB"), (32, 32)))
        pixels = torch.as_tensor(images)
        if pixels.dtype != torch.uint8 or pixels.dim() not in (3, 4) or pixels.shape[-3:] != self.mean.shape:
            raise ValueError(f"{pixels.dtype} {tuple(pixels.shape)}, where uint8 (N, 32, 32, 3) are taken")
        return normalise(pixels.reshape(-1, *self.mean.shape), self.mean)


class _Held:
    """A data set on a device; nothing in it changes."""

    def __init__(self, data: Data, device: torch.device) -> None:
        self.data = data
        self.mean = pixel_mean(data.train.images).to(device)
        self.mean_crops = all_crops(self.mean)
        train = on_device(data.train, device)
        self.train_crops = all_crops(train.images)
        self.train_labels = train.labels
        self.validation = on_device(data.validation, device)
        self.test = on_device(data.test, device)
        if device.type == "cuda":  # others read it on streams of their own
            torch.cuda.current_stream(device).synchronize()


_held: WeakValueDictionary[tuple[int, torch.device], _Held] = WeakValueDictionary()
"""By the data's identity and the device: what trainers side by side share, for as long as one of them is there."""


def _hold(data: Data, device: torch.device) -> _Held:
    held = _held.get((id(data), device))  # an entry keeps its data, so the number stands for no others
    if held is None:
        held = _held[id(data), device] = _Held(data, device)
    return held


class Batches:
    """The training batches of one seed, and the evaluation batches, of one data set on one device.

    The images lie there once, however many seeds train beside one another.
    """

    def __init__(self, data: Data, seed: int, batch_size: int, device: torch.device) -> None:
        self.seed = seed
        self.batch_size = batch_size
        self.device = device
        held = self._held = _hold(data, device)
        self.mean, self.mean_crops = held.mean, held.mean_crops
        self.train_crops, self.train_labels = held.train_crops, held.train_labels
        self.validation, self.test = held.validation, held.test
        self._draws: dict[int, Tensor] = {}

    @property
    def train_images(self) -> int:
        return len(self.train_labels)

    def _epoch(self, epoch: int) -> Tensor:
        if epoch not in self._draws:
            # A batch spans two epochs at most (or more, of a set smaller than a batch): keep few.
            while len(self._draws) >= 3:
                self._draws.pop(next(iter(self._draws)))
            drawn = draw_epoch(self.train_images, self.seed, epoch).packed
            if self.device.type == "cuda":
                drawn = drawn.pin_memory()  # so that the copy need not be waited for
            self._draws[epoch] = drawn.to(self.device, non_blocking=True)
        return self._draws[epoch]

    def draws(self, iteration: int) -> Draws:
        """The draws of `iteration`'s batch, counted from 0: a function of (seed, iteration) alone."""
        parts = []
        position, end = iteration * self.batch_size, (iteration + 1) * self.batch_size
        while position < end:
            epoch, start = divmod(position, self.train_images)
            stop = min(start + end - position, self.train_images)
            parts.append(self._epoch(epoch)[start:stop])
            position += stop - start
        return Draws(parts[0] if len(parts) == 1 else torch.cat(parts))

    def augmented(self, draws: Draws) -> tuple[Tensor, Tensor]:
        """Pad, crop and flip: float32 images (B, 3, 32, 32) in channels-last memory, and labels (B,)."""
        crops = self.train_crops[draws.order, draws.top, draws.left]
        x = normalise(crops, self.mean_crops[draws.top, draws.left])
        return torch.where(draws.flipped[:, None, None, None], x.flip(3), x), self.train_labels[draws.order]

    def batch(self, iteration: int) -> tuple[Tensor, Tensor]:
        """The augmented batch of `iteration`, counted from 0."""
        return self.augmented(self.draws(iteration))

    def single_view(self, images: Tensor) -> Tensor:
        """Prepare uint8 images (B, 32, 32, 3) for testing: float32 (B, 3, 32, 32)."""
        return normalise(images, self.mean)
