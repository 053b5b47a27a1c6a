"""What `data.source` and CIFAR10_SOURCE name; the digits; the real data."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from resnet import data
from resnet.data import sources
from resnet.errors import UserError
from tests.data.makers import Numbered, image_files, read, refusal, tree, zipped


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


@pytest.mark.parametrize("source", ["https://example.org/cifar-10-python.tar.gz", "s3://data/cifar10.zip"])
def test_an_address_is_refused_as_one(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "an address" in refusal(source)
    monkeypatch.setenv("CIFAR10_SOURCE", source)
    with pytest.raises(UserError, match="an address") as caught:
        read("official")
    assert source in str(caught.value)


def test_a_home_folder_is_found_or_said_to_be_unknown(
    tmp_path: Path, numbered: Numbered, monkeypatch: pytest.MonkeyPatch
) -> None:
    zipped(tmp_path / "one.zip", image_files(numbered))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read("~/one.zip").name == "one"
    assert "no home folder" in refusal("~nobody-of-that-name/one.zip")


def test_what_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "neither a file nor a folder" in refusal(tmp_path / "pipe")
    assert "neither a file nor a folder" in refusal("/dev/zero")
    assert "too long" in refusal(tmp_path / ("x" * 300))
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    refusal(tmp_path / "loop")


def test_a_source_whose_name_cannot_be_printed_gets_one_that_can(tmp_path: Path, numbered: Numbered) -> None:
    assert read(tree(tmp_path / "od\x1b[31md", image_files(numbered))).name == r"'od\x1b[31md'"
