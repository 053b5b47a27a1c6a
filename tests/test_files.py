"""Files are complete or absent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from resnet.files import complete_or_absent, write_text


def test_a_failing_writer_leaves_the_earlier_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "a" / "result.json"
    write_text(path, "first")
    with pytest.raises(RuntimeError), complete_or_absent(path) as partial:
        partial.write_text("half")
        raise RuntimeError
    assert path.read_text() == "first"
    assert [entry.name for entry in path.parent.iterdir()] == ["result.json"]


def test_a_file_has_ordinary_permissions(tmp_path: Path) -> None:
    mask = os.umask(0o022)
    try:
        write_text(tmp_path / "x", "text")
    finally:
        os.umask(mask)
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o644
