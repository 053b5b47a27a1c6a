"""Makers of sources: trees, zips and tars of images, and the official archive's batches."""

from __future__ import annotations

import hashlib
import io
import pickle
import random
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from torchvision.datasets import CIFAR10

from resnet.data import CLASSES, Images, Source
from resnet.data.sources import read_source
from resnet.errors import UserError

Numbered = dict[str, list[tuple[int, np.ndarray]]]
"""Set to (label, uint8 (3, 32, 32)), in the order of making."""


def records(images: Images) -> list[bytes]:
    return [bytes([label]) + pixels.tobytes() for label, pixels in zip(images.labels, images.images, strict=True)]


def assert_same(source: Source, expected: dict[str, list[bytes]]) -> None:
    assert source.classes == CLASSES
    for name, wanted in expected.items():
        images: Images = getattr(source, name)
        assert images.images.dtype == images.labels.dtype == np.uint8
        assert images.images.shape == (len(wanted), 3, 32, 32)
        assert records(images) == wanted


def encoded(pixels: np.ndarray, suffix: str, **options: Any) -> bytes:
    """Encode uint8 (3, 32, 32), without loss but for JPEG."""
    content = io.BytesIO()
    kind = {"png": "PNG", "webp": "WEBP", "jpg": "JPEG"}[suffix]
    options = {"lossless": True, "exact": True} if suffix == "webp" else options
    Image.fromarray(np.ascontiguousarray(np.moveaxis(pixels, 0, -1))).save(content, kind, **options)
    return content.getvalue()


def image_files(numbered: Numbered, suffix: str = "png", seed: int = 0) -> dict[str, bytes]:
    """The files of an ImageFolder, under names that shuffle their order."""
    names = [f"{i:03}" for i in range(100)]
    random.Random(seed).shuffle(names)
    return {
        f"{chosen}/{CLASSES[label]}/{names.pop()}.{suffix}": encoded(pixels, suffix)
        for chosen, images in numbered.items()
        for label, pixels in images
    }


def tree(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def zipped(path: Path, files: dict[str, bytes], kind: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", kind) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def tarred(path: Path, files: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def batch_files(numbered: Numbered) -> dict[str, bytes]:
    """The members of the official archive: five batches of training images, one of test images."""

    def batch(images: list[tuple[int, np.ndarray]]) -> bytes:
        rows = np.stack([pixels.reshape(3072) for _, pixels in images])
        return pickle.dumps({"data": rows, "labels": [label for label, _ in images]}, protocol=2)

    train = numbered["train"]
    files = {f"data_batch_{i + 1}": batch(train[i * 10 : i * 10 + 10]) for i in range(5)}
    files["test_batch"] = batch(numbered["test"])
    files["batches.meta"] = pickle.dumps({"label_names": list(CLASSES)}, protocol=2)
    files["readme.html"] = b"<html>"
    return {f"cifar-10-batches-py/{name}": content for name, content in files.items()}


def make_official(patch: pytest.MonkeyPatch, files: dict[str, bytes]) -> None:
    """Give torchvision the MD5 of these batches as the official ones."""
    sums = {Path(path).name: hashlib.md5(content).hexdigest() for path, content in files.items()}
    patch.setattr(CIFAR10, "train_list", [(f"data_batch_{i}", sums[f"data_batch_{i}"]) for i in range(1, 6)])
    patch.setattr(CIFAR10, "test_list", [("test_batch", sums["test_batch"])])
    patch.setattr(CIFAR10, "meta", CIFAR10.meta | {"md5": sums["batches.meta"]})


def read(path: Path | str) -> Source:
    return read_source(str(path))


def refusal(path: Path | str) -> str:
    """The message with which a source is refused: always one line that names the source."""
    with pytest.raises(UserError) as caught:
        read(path)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message
