"""The fingerprint and the canonical order."""

from __future__ import annotations

import hashlib

import numpy as np

from resnet import data
from resnet.data import Images
from tests.data.makers import records


def test_the_fingerprint_is_what_its_definition_says() -> None:
    pixels = np.zeros((3, 3, 32, 32), dtype=np.uint8)
    pixels[1, 0, 0, 1] = 7  # red, first row, second column: byte 1 of the pixels
    pixels[2, 2, 31, 31] = 9  # blue, last row, last column: the last byte
    first = bytes([4]) + bytes(3072)
    second = bytes([0, 0, 7]) + bytes(3070)
    third = bytes([9]) + bytes(3071) + bytes([9])
    digests = sorted(hashlib.sha256(record).digest() for record in (first, second, third))
    images = Images(pixels, np.array([4, 0, 9], dtype=np.uint8))
    assert data.fingerprint(images) == hashlib.sha256(digests[0] + digests[1] + digests[2]).hexdigest()
    assert data.fingerprint(images[np.array([2, 0, 1])]) == data.fingerprint(images)
    assert records(data.canonical(images)) == sorted(
        (first, second, third), key=lambda record: hashlib.sha256(record).digest()
    )


def test_a_label_or_one_pixel_changes_the_fingerprint() -> None:
    images = Images(np.zeros((2, 3, 32, 32), dtype=np.uint8), np.array([0, 1], dtype=np.uint8))
    pixel = images.images.copy()
    pixel[0, 1, 5, 5] = 1
    prints = {
        data.fingerprint(images),
        data.fingerprint(Images(pixel, images.labels)),
        data.fingerprint(Images(images.images, np.array([0, 2], dtype=np.uint8))),
    }
    assert len(prints) == 3
