"""Files are complete or absent."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest

from resnet.errors import UserError
from resnet.files import complete_or_absent, expanded, is_locked, locked, remove_partials, write_text


def test_a_failing_writer_leaves_the_earlier_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "a" / "result.json"
    write_text(path, "first")
    with pytest.raises(RuntimeError), complete_or_absent(path) as partial:
        partial.write_text("half")
        raise RuntimeError
    assert path.read_text() == "first"
    path.with_name("ordinary").touch()
    assert path.stat().st_mode == path.with_name("ordinary").stat().st_mode
    path.with_name("ordinary").unlink()
    assert [entry.name for entry in path.parent.iterdir()] == ["result.json"]


HOLD = """
import sys, time
from pathlib import Path
from resnet.files import complete_or_absent, locked
with locked(Path(sys.argv[1]), "holding"), complete_or_absent(Path(sys.argv[1]) / "r.json") as partial:
    partial.write_text("half")
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the folder and has written half a file there."""
    with subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_folder_is_one_process_s_until_that_ends_however_it_does(
    holder: subprocess.Popen[str], tmp_path: Path
) -> None:
    assert is_locked(tmp_path) is True
    with pytest.raises(UserError, match="another run is busy"), locked(tmp_path, "busy"):
        pass
    holder.send_signal(signal.SIGSTOP)
    assert is_locked(tmp_path) is True
    holder.kill()
    holder.wait()
    assert is_locked(tmp_path) is False
    with locked(tmp_path, "the test"):
        pass
    assert is_locked(tmp_path / "nowhere") is False
    assert not list(tmp_path.parent.glob(f".{tmp_path.name}.lock"))


def test_half_files_of_the_killed_are_removed(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    write_text(tmp_path / "r.json", "whole")
    assert len(list(tmp_path.glob(".r.json.*.partial"))) == 1  # the other one is alive
    (tmp_path / ".r.json.elsewhere-1.partial").write_text("another machine's")
    holder.kill()
    holder.wait()
    write_text(tmp_path / "r.json", "whole")
    assert sorted(os.listdir(tmp_path)) == [".r.json.elsewhere-1.partial", "r.json"]


def test_under_its_lock_a_folder_s_half_files_go_at_once(tmp_path: Path) -> None:
    (tmp_path / ".checkpoint.safetensors.1.partial").write_text("half")
    (tmp_path / "mine.partial").write_text("the user's")
    remove_partials(tmp_path)
    assert os.listdir(tmp_path) == ["mine.partial"]


def test_a_lock_is_of_a_name_whatever_moves(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with locked(folder, "the test"):
        folder.rename(tmp_path / "elsewhere")
        assert (is_locked(folder), is_locked(tmp_path / "elsewhere")) == (True, False)
    assert os.listdir(tmp_path) == ["elsewhere"]


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_without_locks_work_goes_on_and_says_so_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    monkeypatch.setattr(fcntl, "flock", Mock(side_effect=OSError(number, os.strerror(number))))
    for _ in range(2):
        with locked(tmp_path / "a", "the test"):
            assert is_locked(tmp_path / "a") is False
    (line,) = capsys.readouterr().err.splitlines()
    assert line.split(": ")[1] == "a file system without locks"


@pytest.mark.parametrize("wait", [False, True])
def test_a_lock_that_the_system_forbids_is_an_error_and_no_wait(
    wait: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcntl, "flock", Mock(side_effect=PermissionError(errno.EACCES, "Permission denied")))
    with pytest.raises(PermissionError), locked(tmp_path / "a", "the test", wait=wait):
        pass


def test_without_a_folder_s_sync_files_are_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "open", Mock(side_effect=PermissionError))  # as some network file systems do
    write_text(tmp_path / "x", "text")
    assert (tmp_path / "x").read_text() == "text"


def test_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    assert expanded("~/x") == Path.home() / "x"
    monkeypatch.setattr(Path, "expanduser", Mock(side_effect=RuntimeError))
    with pytest.raises(UserError, match="no home folder is known"):
        expanded("~/x")
