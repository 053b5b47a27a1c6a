"""The official archive's batches: read as they are, and nothing in them runs."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.data.makers import (
    Numbered,
    assert_same,
    batch_files,
    python2_pickle,
    python3_pickle,
    read,
    refusal,
    tarred,
    tree,
)


@pytest.mark.parametrize("dump", [python2_pickle, python3_pickle])
def test_the_official_archive(
    tmp_path: Path, numbered: Numbered, expected: dict[str, list[bytes]], dump: Callable[[Any], bytes]
) -> None:
    path = tarred(tmp_path / "some.tar.gz", batch_files(numbered, dump), "w:gz")
    source = read(path)
    assert_same(source, expected)
    assert source.name == "some"  # not CIFAR-10: its fingerprint is another


def test_the_official_archive_unpacked(tmp_path: Path, numbered: Numbered, expected: dict[str, list[bytes]]) -> None:
    tree(tmp_path, batch_files(numbered))
    assert_same(read(tmp_path), expected)
    assert_same(read(tmp_path / "cifar-10-batches-py"), expected)


class Marker:
    """When unpickled freely, makes the folder it names."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def test_a_pickle_cannot_run_code(tmp_path: Path, numbered: Numbered) -> None:
    marker = tmp_path / "it-ran"
    evil = pickle.dumps({b"data": Marker(marker), b"labels": []}, protocol=2)
    pickle.loads(evil)
    assert marker.exists()  # the pickle does what it should, without the restriction
    marker.rmdir()
    for member in ("data_batch_3", "batches.meta"):
        files = batch_files(numbered) | {f"cifar-10-batches-py/{member}": evil}
        message = refusal(tarred(tmp_path / "a.tar.gz", files, "w:gz"))
        assert member in message
        assert "mkdir" in message
    assert not marker.exists()


@pytest.mark.parametrize(
    "value",
    [
        {b"data": np.zeros((10, 3072), dtype=np.float32), b"labels": [0] * 10},
        {b"data": np.zeros((10, 3072), dtype=object), b"labels": [0] * 10},
        {b"data": np.zeros((10, 3071), dtype=np.uint8), b"labels": [0] * 10},
        {b"data": np.zeros((9, 3072), dtype=np.uint8), b"labels": [0] * 10},
        {b"data": np.zeros((10, 3072), dtype=np.uint8), b"labels": [10] * 10},
        {b"data": np.zeros((10, 3072), dtype=np.uint8), b"labels": [-1] * 10},
        {b"data": np.zeros((10, 3072), dtype=np.uint8), b"labels": [b"0"] * 10},
        {b"data": np.zeros((10, 3072), dtype=np.uint8)},
        {b"labels": []},
        [1, 2],
    ],
)
def test_a_pickle_of_something_else_is_refused(tmp_path: Path, numbered: Numbered, value: Any) -> None:
    files = batch_files(numbered) | {"cifar-10-batches-py/data_batch_2": python3_pickle(value)}
    assert "data_batch_2: not a batch" in refusal(tarred(tmp_path / "a.tar", files))


def test_a_damaged_pickle_or_a_missing_batch_is_refused(tmp_path: Path, numbered: Numbered) -> None:
    files = batch_files(numbered)
    name = "cifar-10-batches-py/data_batch_4"
    assert "data_batch_4" in refusal(tarred(tmp_path / "a.tar", files | {name: files[name][:2000]}))
    assert "data_batch_4" in refusal(tarred(tmp_path / "b.tar", files | {name: b""}))
    del files[name]
    assert "data_batch_4" in refusal(tarred(tmp_path / "c.tar", files))
    meta = "cifar-10-batches-py/batches.meta"
    for value in ({}, {b"label_names": 3}, {b"label_names": [1]}):
        path = tarred(tmp_path / "d.tar", batch_files(numbered) | {meta: python3_pickle(value)})
        assert "batches.meta" in refusal(path)
    few = {meta: python3_pickle({b"label_names": [b"cat", b"dog"]})}
    assert "data_batch_1" in refusal(tarred(tmp_path / "e.tar", batch_files(numbered) | few))


def test_an_empty_test_set_is_refused(tmp_path: Path, numbered: Numbered) -> None:
    empty = {b"data": np.zeros((0, 3072), dtype=np.uint8), b"labels": []}
    files = batch_files(numbered) | {"cifar-10-batches-py/test_batch": python2_pickle(empty)}
    assert "its test set is empty" in refusal(tarred(tmp_path / "a.tar", files))


def test_classes_that_a_byte_cannot_number_or_a_line_not_name_are_refused(tmp_path: Path, numbered: Numbered) -> None:
    meta = "cifar-10-batches-py/batches.meta"
    batch = {b"data": np.zeros((1, 3072), dtype=np.uint8), b"labels": [299]}
    files = batch_files(numbered) | {"cifar-10-batches-py/data_batch_3": python3_pickle(batch)}
    for names, says in (
        ([b"class %d" % number for number in range(300)], "2 to 256 classes"),
        ([b"cat"] * 10, "two classes of one name"),
        ([b"cat\n", b"dog"], "cannot be printed"),
        ([], "2 to 256 classes"),
    ):
        named = files | {meta: python3_pickle({b"label_names": names})}
        message = refusal(tarred(tmp_path / "a.tar", named))
        assert "batches.meta" in message
        assert says in message
