"""Labelled images, their order, and the fingerprint that says what they are.

Images are sorted by the SHA-256 of their record, so split and batches do not depend on the source.
An order-independent fingerprint decides whether the data are the official CIFAR-10.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resnet.errors import UserError
from resnet.results import DataRecord

Bytes = NDArray[np.uint8]

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
"""The official names, in the order of the labels 0 to 9."""

PIXEL_MEAN = Path(__file__).with_name("pixel_mean.npy")
"""float32 (32, 32, 3) in 0..255: the mean image of the 45,000 training images of the official split, whose weights
from before they carried it need it."""
PIXEL_MEAN_OF = "fcec94baed99eec82d713e789b1087f46c5c45ea3f728108333c2b51f1ac492b"
"""`DataRecord.digest` of those data."""

OFFICIAL_FINGERPRINTS = {
    "train": "55a61f79a40ece2ceda9fb5f9f7078f6ea2fc4952489cef56682bcf92cfcc260",
    "test": "325704b01eb92e1e2a6215ae6a916bb7db7de054af0c496be1c7be2e0fcfbf5f",
}
"""Of the official binary version's 50,000 and 10,000 records."""

SHAPE = (3, 32, 32)
"""Channels (red, green, blue), rows, columns."""


@dataclass(frozen=True)
class Images:
    """Labelled images. Indexing takes an array of indices or a mask and gives another set."""

    images: Bytes
    """uint8 (N, 3, 32, 32)."""
    labels: Bytes
    """uint8 (N,)."""

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, indices: NDArray[Any] | slice) -> Images:
        return Images(self.images[indices], self.labels[indices])


@dataclass(frozen=True)
class Source:
    """What a source gives: both sets in canonical order, not yet split."""

    name: str
    classes: tuple[str, ...]
    train: Images
    test: Images


@dataclass(frozen=True, eq=False)
class Data:
    """What training reads."""

    record: DataRecord
    train: Images
    validation: Images
    test: Images


def digests(images: Images) -> list[bytes]:
    """The SHA-256 of each record: the label's byte, then its 3,072 pixels, channel by channel, row by row."""
    records = np.concatenate([images.labels[:, None], images.images.reshape(len(images), np.prod(SHAPE))], axis=1)
    return [hashlib.sha256(record).digest() for record in records]


def fingerprint(*sets: Images) -> str:
    """The SHA-256 (hex) of all records' digests in ascending order: free of image order and file format."""
    return hashlib.sha256(b"".join(sorted(digest for images in sets for digest in digests(images)))).hexdigest()


def canonical(images: Images) -> Images:
    """Sort by record digest. Equal records are interchangeable, so the order is unique."""
    order = digests(images)
    return images[np.array(sorted(range(len(order)), key=order.__getitem__), dtype=np.int64)]


def held_out(train: Images, count: int, seed: int) -> NDArray[np.bool_]:
    """Choose `count` training images for validation: those of the smallest SHA-256(seed, record digest).

    No random generator's version bears on it. It is not stratified: the paper says no more than "45k/5k".

    Returns:
        bool (N,), in the order of `train`.

    Raises:
        UserError: no image would be left for training.
    """
    if not 0 <= count < len(train):
        raise UserError(f"data.validation is {count}, but there are only {len(train)} training images")
    keys = [hashlib.sha256(f"{seed}:".encode() + digest).digest() for digest in digests(train)]
    chosen = np.zeros(len(train), dtype=bool)
    chosen[sorted(range(len(keys)), key=keys.__getitem__)[:count]] = True
    return chosen
