"""What `data.source` and CIFAR10_SOURCE name; the digits; the real data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from resnet import data
from resnet.data import sources
from tests.data.makers import Numbered, image_files, read, zipped


def test_digits() -> None:
    source = read("digits")
    assert (source.name, source.classes) == ("digits", tuple("0123456789"))
    assert (len(source.train), len(source.test)) == (1437, 360)
    images = np.concatenate([source.train.images, source.test.images])
    assert (images.min(), images.max()) == (0, 255)
    assert np.array_equal(images, images[:, :1, ::4, ::4].repeat(3, 1).repeat(4, 2).repeat(4, 3))
    assert np.array_equal(np.bincount(source.train.labels) + np.bincount(source.test.labels), DIGITS)


DIGITS = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
"""Images of each class, from the data set's description."""


def test_the_variable_stands_for_official_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, numbered: Numbered
) -> None:
    one = zipped(tmp_path / "one.zip", image_files(numbered))
    two = zipped(tmp_path / "two.zip", image_files(numbered))
    monkeypatch.setenv("CIFAR10_SOURCE", str(one))
    assert read("official").name == "one"
    assert read(two).name == "two"
    assert read("digits").name == "digits"
    monkeypatch.setenv("CIFAR10_SOURCE", "digits")
    assert read("official").name == "digits"


def test_an_empty_variable_counts_as_unset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, numbered: Numbered) -> None:
    asked = []
    path = zipped(tmp_path / "downloaded.zip", image_files(numbered))

    def download(cache: Path | None, *, progress: bool) -> Path:
        asked.append(cache)
        return path

    monkeypatch.setattr(sources, "official_archive", download)
    monkeypatch.setenv("CIFAR10_SOURCE", "")
    assert data.read_source("official", cache=tmp_path, progress=False).name == "downloaded"
    assert asked == [tmp_path]
