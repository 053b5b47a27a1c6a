"""The split, and the prepared folder: the same bytes, complete or absent, damage refused."""

from __future__ import annotations

import hashlib
import io
import json
import os
import resource
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from resnet import data
from resnet.data import CLASSES, Data, Source
from resnet.data.images import OFFICIAL_FINGERPRINTS
from resnet.errors import UserError
from resnet.params import DataParams
from tests.data.makers import read, records, tarred

Files = dict[str, bytes]


@pytest.fixture
def prepared(tmp_path: Path, split: Data) -> Path:
    data.save(split, tmp_path / "prepared")
    return tmp_path / "prepared"


def test_the_split_is_what_its_definition_says(source: Source) -> None:
    parts = data.split(source, 12, 34)

    def key(record: bytes) -> bytes:
        return hashlib.sha256(b"34:" + hashlib.sha256(record).digest()).digest()

    everything = records(source.train)
    held_out = set(sorted(everything, key=key)[:12])
    # Both keep the canonical order.
    assert records(parts.validation) == [record for record in everything if record in held_out]
    assert records(parts.train) == [record for record in everything if record not in held_out]
    assert records(parts.test) == records(source.test)
    digests = sorted(hashlib.sha256(record).digest() for record in held_out)
    record = parts.record
    assert record.split_fingerprint == hashlib.sha256(b"".join(digests)).hexdigest()
    assert (record.train_images, record.validation_images, record.test_images) == (38, 12, 10)
    assert not record.official


def test_the_split_depends_on_the_seed_and_a_larger_one_holds_the_smaller(source: Source) -> None:
    small, large, other = data.split(source, 5, 0), data.split(source, 12, 0), data.split(source, 12, 1)
    assert large.record.split_fingerprint != other.record.split_fingerprint
    assert set(records(small.validation)) < set(records(large.validation))


@pytest.mark.parametrize("count", [0, 49])
def test_sizes_of_the_split(count: int, tmp_path: Path, source: Source) -> None:
    data.save(data.split(source, count, 0), tmp_path / "prepared")
    loaded = data.load(tmp_path / "prepared")
    assert (len(loaded.train), loaded.validation.images.shape) == (50 - count, (count, 3, 32, 32))


@pytest.mark.parametrize("count", [50, -1])
def test_some_images_are_left_for_training(count: int, source: Source) -> None:
    with pytest.raises(UserError, match=r"data\.validation"):
        data.split(source, count, 0)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def dvc_sum(folder: Path) -> str:
    """The sum that DVC gives a folder of files: every byte and every name decides it."""
    files = [
        {"md5": hashlib.md5(path.read_bytes()).hexdigest(), "relpath": path.name} for path in sorted(folder.iterdir())
    ]
    return hashlib.md5(json.dumps(files).encode()).hexdigest()


def test_the_digits_are_prepared_byte_by_byte_as_ever(tmp_path: Path) -> None:
    """Other bytes would make DVC train everything again."""
    data.save(data.read("digits", DataParams(validation=200)), tmp_path / "digits")
    assert dvc_sum(tmp_path / "digits") == "5a01e537326277ce0e7121dcf9286c67"


def test_what_is_saved_is_loaded_and_the_same_images_leave_the_same_bytes(
    tmp_path: Path, split: Data, batches: Files
) -> None:
    one, two = tmp_path / "deep/one", tmp_path / "deep/two"
    data.save(split, one)
    loaded = data.load(one)
    assert loaded.record == split.record
    for name in ("train", "validation", "test"):
        assert records(getattr(loaded, name)) == records(getattr(split, name))
    data.save(split, one)  # in place of the first
    data.save(data.split(read(tarred(tmp_path / "some.tar.gz", batches, "w:gz")), 10, 0), two)
    assert contents(one) == contents(two)
    assert sorted(os.listdir(tmp_path / "deep")) == ["one", "two"]


def full(*_: Any) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("failing", ["save", "replace", "size"])
def test_a_failure_leaves_earlier_data_as_they_were(
    prepared: Path, split: Data, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    before, entries = contents(prepared), sorted(os.listdir(prepared.parent))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    if failing == "size":  # a file that may not grow
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    else:
        monkeypatch.setattr(*{"save": (np, "save"), "replace": (os, "replace")}[failing], full)
    try:
        with pytest.raises(UserError, match=r"No space left|the disk is full"):
            data.save(split, prepared)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert contents(prepared) == before
    assert sorted(os.listdir(prepared.parent)) == entries


def test_leftovers_of_a_killed_save_do_no_harm(tmp_path: Path, split: Data) -> None:
    (tmp_path / ".prepared.1234.partial/new").mkdir(parents=True)
    (tmp_path / ".prepared.1234.partial/new/train_images.npy").write_bytes(b"half")
    data.save(split, tmp_path / "prepared")
    data.load(tmp_path / "prepared")
    assert sorted(os.listdir(tmp_path)) == ["prepared", "some.zip"]


@pytest.mark.parametrize("name", ["embeddings.npy", "train_images.npy", "data.json"])
def test_the_users_own_files_stay(tmp_path: Path, split: Data, name: str) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / name).write_bytes(b"{}")
    with pytest.raises(UserError, match=f"{folder}.*name another data\\.dir"):
        data.save(split, folder)
    assert contents(folder) == {name: b"{}"}
    (folder / name).unlink()
    data.save(split, folder)  # an empty folder is nobody's
    (folder / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match=r"thesis\.tex"):
        data.save(split, folder)
    assert (folder / "thesis.tex").read_text() == "years of work"


def test_a_linked_folder_stays_linked(tmp_path: Path, split: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "large disk").mkdir()
    (tmp_path / "prepared").symlink_to(tmp_path / "large disk")
    data.save(split, Path("~/prepared"))
    data.save(split, tmp_path / "prepared")
    assert (tmp_path / "prepared").is_symlink()
    assert data.load(Path("~/prepared")).record == data.load(tmp_path / "large disk").record


def test_damaged_prepared_data_are_refused(tmp_path: Path, prepared: Path) -> None:
    whole, folder = prepared, tmp_path / "damaged"
    record = (whole / "data.json").read_text()

    def array(name: str, change: Callable[[np.ndarray], np.ndarray]) -> tuple[str, bytes]:
        content = io.BytesIO()
        np.save(content, change(np.load(whole / name)), allow_pickle=True)
        return name, content.getvalue()

    def changed(old: str, new: str) -> tuple[str, bytes]:
        assert record.count(old) == 1
        return "data.json", record.replace(old, new).encode()

    enormous = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({10**15}, 3, 32, 32), }}".ljust(117) + "\n"
    damages: list[tuple[str, bytes | None]] = [
        ("train_images.npy", None),
        ("train_images.npy", (whole / "train_images.npy").read_bytes()[:5000]),
        ("train_images.npy", b"\x93NUMPY\x01\x00" + len(enormous).to_bytes(2, "little") + enormous.encode()),
        array("train_images.npy", lambda a: a[1:]),
        array("train_images.npy", lambda a: a.astype(np.float32)),
        array("test_labels.npy", lambda a: a + 10),
        array("validation_labels.npy", lambda a: a[:-1]),
        array("test_labels.npy", lambda a: a.astype(object)),
        array("train_labels.npy", lambda a: a[::-1]),
        ("data.json", b"{}"),
        ("data.json", None),
        changed('"official": false', '"official": true'),
        changed('"train_images": 40', '"train_images": 41'),
        changed('"some"', '"some other"'),
        changed('"airplane"', '"plane"'),
        changed('"split_fingerprint": "', '"split_fingerprint": "0'),
    ]
    for name, content in damages:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(whole, folder)
        (folder / name).unlink() if content is None else (folder / name).write_bytes(content)
        with pytest.raises(UserError, match=str(folder)) as caught:
            data.load(folder)
        assert "\n" not in str(caught.value)


def test_another_split_than_the_settings_is_refused(source: Source, prepared: Path) -> None:
    data.load(prepared, DataParams(validation=10, split_seed=0))
    for validation, seed in ((10, 1), (9, 0), (0, 0)):
        params = DataParams(validation=validation, split_seed=seed)
        with pytest.raises(UserError, match=r"data\.validation = 10 .* run `resnet data` again"):
            data.load(prepared, params)
    data.save(data.split(source, 0, 0), prepared)
    data.load(prepared, DataParams(validation=0, split_seed=5))  # no seed chose anything


def test_an_evaluation_takes_any_split_and_few_training_images(tmp_path: Path, split: Data, prepared: Path) -> None:
    params, archive = DataParams(validation=5000), str(tmp_path / "some.zip")
    with pytest.raises(UserError, match="only 50 training images"):
        data.read(archive, params)
    everything = data.read(archive, params, any_split=True)
    assert (len(everything.train), len(everything.validation), len(everything.test)) == (50, 0, 10)
    assert data.read(str(prepared), params, any_split=True).record == split.record
    few = data.read(archive, DataParams(validation=10), any_split=True)
    assert few.record == split.record  # as training would have it


def test_what_the_system_refuses_is_one_line(tmp_path: Path, split: Data) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path in (tmp_path / "file", tmp_path / "file" / "below", tmp_path / ("x" * 300), tmp_path / "loop"):
        for failing in (lambda path=path: data.save(split, path), lambda path=path: data.load(path)):
            with pytest.raises((UserError, OSError), match=path.name):
                failing()


REAL = os.environ.get("CIFAR10_SOURCE")


@pytest.mark.slow
@pytest.mark.skipif(not REAL, reason="CIFAR10_SOURCE does not name the real data")
def test_the_real_data_are_the_official_ones(tmp_path: Path) -> None:
    assert REAL is not None
    source = read(REAL)
    assert np.array_equal(np.bincount(source.train.labels), [5000] * 10)
    assert np.array_equal(np.bincount(source.test.labels), [1000] * 10)
    # The published means of the channels: red, green and blue are where they belong.
    means = source.train.images.mean(axis=(0, 2, 3)) / 255
    assert means == pytest.approx([0.4914, 0.4822, 0.4465], abs=5e-5)
    data.save(data.split(source, 5000, 0), tmp_path / "prepared")
    assert dvc_sum(tmp_path / "prepared") == "a9de5c8d10602db45a4f7e42c357439f"
    record = data.load(tmp_path / "prepared").record
    assert (record.official, record.name, record.classes) == (True, "CIFAR-10", CLASSES)
    assert record.fingerprint == OFFICIAL_FINGERPRINTS
    assert (record.train_images, record.validation_images, record.test_images) == (45_000, 5_000, 10_000)
    assert record.split_fingerprint == "48f3a7bbff264c61d65aa0e09a657134c3105ad66313411a1cb4cc8c24164826"
