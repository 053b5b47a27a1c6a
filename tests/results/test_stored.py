"""The files beside a record: read as written, or refused in one line with what is wrong."""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
import pytest

from resnet.results import (
    DamagedFile,
    EvaluationRecord,
    HistoryRow,
    StoredFile,
    read_history,
    write_history,
)
from resnet.results.consistency import read_predictions

CURVE = [
    HistoryRow(100, 0.1 + 0.2, 0.1, 1 / 3, 50.0, None, None),
    HistoryRow(200, 1.0, 0.1, math.inf, 40.0, 30.0, 31.25),
]


def test_a_learning_curve_is_exact(tmp_path: Path) -> None:
    write_history(tmp_path / "history.csv", CURVE)
    assert read_history(tmp_path / "history.csv") == CURVE


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("\n200,", "\n\n200,", "line 3: not enough values"),
        ("\n200,", "\n200,1.0,", "line 3: "),
        ("\n100,", "\n1e2,", "line 2: invalid literal"),
        (",31.25", ",\x00", "line 3"),
        ("iteration", "step", "the columns are not iteration"),
    ],
)
def test_a_damaged_curve_is_named_with_its_line(old: str, new: str, what: str, tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    write_history(path, CURVE)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(DamagedFile) as caught:
        read_history(path)
    assert what in caught.value.problem
    assert str(caught.value) == f"{path}: {caught.value.problem}"


def test_predictions_are_read_whole_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "test_predictions.npy"
    pairs = np.arange(200, dtype=np.uint8).reshape(100, 2)
    np.save(path, pairs)
    assert np.array_equal(read_predictions(path), pairs)
    whole = path.read_bytes()
    np.save(path, pairs.astype(float))
    for damaged in (path.read_bytes(), whole[:-1], whole[:60], whole[1:], b"", whole.replace(b"100, 2", b"900, 2")):
        path.write_bytes(damaged)
        with pytest.raises(DamagedFile, match="not an array of predictions"):
            read_predictions(path)


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "broken").symlink_to("nowhere")
    (tmp_path / "zero").symlink_to("/dev/zero")
    for name in ("pipe", "loop", "broken", "zero", "absent", "."):
        for read in (EvaluationRecord.read, read_history, read_predictions, StoredFile.describe):
            with pytest.raises(DamagedFile) as caught:
                read(tmp_path / name)
            assert caught.value.problem.isprintable()


def test_a_stored_file_is_known_by_size_and_digest(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    stored = StoredFile.describe(path)
    assert stored.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    stored.check(path)
    for contents, problem in ((b"xyz", "another digest"), (b"ab", "2 bytes instead of the 3")):
        path.write_bytes(contents)
        with pytest.raises(DamagedFile, match=problem):
            stored.check(path)
    path.unlink()
    with pytest.raises(DamagedFile, match="missing"):
        stored.check(path)
