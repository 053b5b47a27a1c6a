"""Two at once in one folder: the second waits, and nothing is mixed."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from resnet import data
from resnet.data import Data
from resnet.files import locked

SAVE = """
import sys
from pathlib import Path
from resnet import data
from resnet.params import DataParams
source, folder, seed = sys.argv[1:]
data.save(data.read(source, DataParams(validation=10, split_seed=int(seed)), progress=False), Path(folder))
"""


def test_of_two_that_save_at_once_the_second_waits(tmp_path: Path, split: Data) -> None:
    folder = tmp_path / "prepared"
    command = [sys.executable, "-c", SAVE, str(tmp_path / "some.zip"), str(folder)]
    with locked(tmp_path, "the test", wait=True):
        waiting = [subprocess.Popen([*command, seed], stderr=subprocess.PIPE, text=True) for seed in ("1", "2")]
        for process in waiting:
            assert process.stderr is not None
            assert "waiting for another process" in process.stderr.readline()
        assert not folder.exists()
    for process in waiting:
        assert process.communicate(timeout=60)[1] == ""
        assert process.returncode == 0
    assert data.load(folder).record.split_seed in (1, 2)
    assert sorted(os.listdir(tmp_path)) == ["prepared", "some.zip"]


def test_a_file_system_without_locks_is_said(
    tmp_path: Path, split: Data, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", missing)
    data.save(split, tmp_path / "prepared")
    data.load(tmp_path / "prepared")
    assert "without locks" in capsys.readouterr().err
