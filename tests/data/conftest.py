"""Images of no meaning, the order they must come in, and their split."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from resnet import data
from resnet.data import Data, Source
from tests.data.makers import Numbered, batch_files, image_files, make_official, read, zipped


@pytest.fixture(autouse=True)
def no_source_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CIFAR10_SOURCE", raising=False)


@pytest.fixture(scope="module")
def numbered() -> Numbered:
    """50 training and 10 test images of ten classes."""
    generator = np.random.default_rng(1)

    def some(count: int) -> list[tuple[int, np.ndarray]]:
        return [(i % 10, generator.integers(0, 256, (3, 32, 32)).astype(np.uint8)) for i in range(count)]

    return {"train": some(50), "test": some(10)}


@pytest.fixture(scope="module")
def expected(numbered: Numbered) -> dict[str, list[bytes]]:
    """The records of each set in the order that the definition of the canonical order gives."""
    return {
        name: sorted(
            (bytes([label]) + pixels.tobytes() for label, pixels in images),
            key=lambda record: hashlib.sha256(record).digest(),
        )
        for name, images in numbered.items()
    }


@pytest.fixture(scope="module")
def files(numbered: Numbered) -> dict[str, bytes]:
    """The images as a tree of PNG files."""
    return image_files(numbered)


@pytest.fixture
def batches(numbered: Numbered, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """The images as the members of an archive that is taken for the official one."""
    made = batch_files(numbered)
    make_official(monkeypatch, made)
    return made


@pytest.fixture
def source(tmp_path: Path, files: dict[str, bytes]) -> Source:
    return read(zipped(tmp_path / "some.zip", files))


@pytest.fixture
def split(source: Source) -> Data:
    return data.split(source, 10, 0)
