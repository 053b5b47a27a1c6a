"""The files beside a record: read whole, or refused in one line with what is wrong."""

from __future__ import annotations

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
    read_predictions,
    write_history,
)

CURVE = [
    HistoryRow(100, 0.5, 0.1, 2.0, 50.0, None, None),
    HistoryRow(200, 1.0, 0.1, 1.0, 40.0, 30.0, 31.0),
    HistoryRow(300, 1.5, 0.01, 0.5, 20.0, None, 25.5),
]


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("\n200,", "\n\n200,", "line 3: 0 cells"),
        ("\n200,", "\n200,1.0,", "line 3: 8 cells"),
        ("\n300,", "\n200,", "line 4: its iterations do not ascend"),
        ("\n100,", "\n0,", "a number that none can be"),
        ("\n100,", "\n1e2,", "invalid literal"),
        (",50.0,", ",150.0,", "a number that none can be"),
        (",31.0", ",-5.0", "a number that none can be"),
        (",31.0", ",nan", "a number that none can be"),
        (",0.01,", ",inf,", "a number that none can be"),
        (",2.0,", ",1e300,", "a number that none can be"),
        ("25.5\n", "25", "cut off in its last line"),
        ("iteration", "step", "the columns are not iteration"),
        (",31.0", ",\x00", "line 3"),
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


def test_predictions_are_read_as_far_as_they_are_there(tmp_path: Path) -> None:
    path = tmp_path / "test_predictions.npy"
    pairs = np.arange(200, dtype=np.uint8).reshape(100, 2)
    np.save(path, pairs)
    assert np.array_equal(read_predictions(path), pairs)  # type: ignore[arg-type]
    whole = path.read_bytes()
    for damaged in (whole[:-1], whole + b"\x00", whole[:60], whole[1:], b"", whole.replace(b"100, 2", b"900, 2")):
        path.write_bytes(damaged)
        with pytest.raises(DamagedFile, match="not an array of predictions"):
            read_predictions(path)
    with path.open("wb") as file:
        np.savez(file, pairs)
    with pytest.raises(DamagedFile, match="not an array of predictions"):
        read_predictions(path)
    np.save(path, pairs.astype(float))
    assert read_predictions(path) is None  # an earlier version's form


def test_what_is_no_file_is_not_opened_and_nothing_is_read_of_what_is_too_large(tmp_path: Path) -> None:
    def readers(path: Path) -> None:
        for read in (EvaluationRecord.read, read_history, read_predictions, StoredFile.describe):
            with pytest.raises(DamagedFile) as caught:
                read(path)
            assert caught.value.problem.isprintable()

    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "broken").symlink_to("nowhere")
    (tmp_path / "zero").symlink_to("/dev/zero")
    for name in ("pipe", "loop", "broken", "zero", "absent", "."):
        readers(tmp_path / name)
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(DamagedFile, match="1,099,511,627,776 bytes, too large"):
        EvaluationRecord.read(tmp_path / "huge")
    with pytest.raises(DamagedFile, match="too large"):
        read_history(tmp_path / "huge")


@pytest.mark.parametrize(
    "contents", [b"[" * 100_000, b'{"a":' * 100_000, b"\xff\x00", b'{"wrong": 1e999}', b"8" * 9999]
)
def test_strange_json_is_one_line(contents: bytes, tmp_path: Path) -> None:
    (tmp_path / "e.json").write_bytes(contents)
    with pytest.raises(DamagedFile) as caught:
        EvaluationRecord.read(tmp_path / "e.json")
    assert caught.value.problem.isprintable()
    assert len(caught.value.problem) < 250


def test_a_stored_file_is_known_by_size_and_digest(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    stored = StoredFile.describe(path)
    assert stored.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    stored.check(path)
    path.write_bytes(b"xyz")
    with pytest.raises(DamagedFile, match="another digest"):
        stored.check(path)
    path.write_bytes(b"ab")
    with pytest.raises(DamagedFile, match="2 bytes instead of the 3"):
        stored.check(path)
    path.unlink()
    with pytest.raises(DamagedFile, match="missing"):
        stored.check(path)
