"""Every mistake is one line and exit code 1; a defect of this program is a traceback."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError

from resnet.cli import reporting, run
from resnet.errors import LINE, UserError, explained, one_line

OUT_OF_MEMORY = (
    "[enforce fail at alloc_cpu.cpp:121] . DefaultCPUAllocator: can't allocate memory: you tried to allocate"
)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "a/b"), "a/b: no space is left"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "quota"),
        (OSError(errno.EROFS, "Read-only file system", "x"), "x: the file system is read-only"),
        (PermissionError(errno.EACCES, "Permission denied", b"x"), "not permitted"),
        (FileNotFoundError(errno.ENOENT, "No such file", "x", None, "y"), "x: y: no such file or folder"),
        (NotADirectoryError(errno.ENOTDIR, "Not a directory", "x"), "x: a file stands where a folder must be"),
        (IsADirectoryError(errno.EISDIR, "Is a directory", "x"), "x: a folder stands where a file must be"),
        (OSError(errno.ENAMETOOLONG, "File name too long", "x" * 5000), "the name is too long"),
        (OSError(errno.ELOOP, "Too many levels", "x"), "links that lead to themselves"),
        (OSError("a library's own"), "a library's own"),
        (MemoryError(), "out of memory: a smaller batch"),
        (RuntimeError(f"{OUT_OF_MEMORY} 9999999 bytes.\nmore"), "out of memory"),
        (RuntimeError("std::bad_alloc"), "out of memory"),
        (
            torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.\nmore"),
            "Tried to allocate 20.00 GiB",
        ),
        (SafetensorError("I/O error: No space left on device (os error 28)"), "no space is left"),
        (RecursionError("maximum recursion depth exceeded"), "nested too deeply"),
        (UserError("two\nlines"), "two lines"),
    ],
)
def test_what_a_user_can_mend_is_one_line(error: Exception, says: str) -> None:
    line = explained(error)
    assert line is not None
    assert says in line
    assert line.isprintable()
    assert len(line) <= LINE


@pytest.mark.parametrize(
    "error", [ValueError("x"), RuntimeError("x"), AssertionError(), KeyError("x"), SafetensorError("x")]
)
def test_a_defect_is_not_explained_away(error: Exception) -> None:
    assert explained(error) is None


def test_a_line_is_printable_and_no_longer_than_it_may_be() -> None:
    assert one_line(" a\n\tb\r\n\x1b[31m\u202e ") == "a b \\x1b[31m\\u202e"
    assert one_line("x" * 10**6).startswith("xxx")
    assert len(one_line("\x00" * 10**6, 100)) <= 100


NETS = "--set=models={resnet-8: {net: resnet, depth: 8}}"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nothing"],
        ["describe", "--nothing"],
        ["describe", "--depth"],
        ["describe", "--depth", "x"],
        ["describe", "surplus"],
        ["train"],
        ["describe", "--format", "xml"],
        ["describe", "--set", "x" * 10**5],
        ["report", NETS, "--out", "/proc/nowhere"],
        ["report", NETS, "--out", "file/x"],
        ["report", NETS, "--out", "x" * 300],
        ["report", NETS, "--out", "loop/x"],
        ["report"],
        ["report", "--runs", "loop"],
        ["describe", "--params", "loop"],
        ["evaluate", "--weights", "file", "--mean", "nan,0,0"],
        ["evaluate", "--weights", "file", "--std", "0,0,0"],
        ["evaluate", "--weights", "file", "--mean", "125.3,123.0,113.9"],
        ["describe", "--name", "../x"],
    ],
)
def test_a_mistake_of_any_kind(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("text")
    os.symlink("loop", "loop")
    assert run(arguments) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("resnet: ")
    assert printed.err.count("\n") == 1
    assert len(printed.err) < LINE + 100
    assert sorted(os.listdir()) == ["file", "loop"]


def test_the_traceback_is_there_for_whoever_asks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RESNET_TRACEBACK", "1")
    assert run(["describe", "--depth", "21"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("Traceback")
    assert lines[-1].startswith("resnet: depth")


def test_a_defect_keeps_its_traceback_and_ctrl_c_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def raising(error: BaseException) -> None:
        def read(*_: object) -> None:
            raise error

        monkeypatch.setattr(reporting, "read_params", read)

    raising(KeyError("a defect"))
    with pytest.raises(KeyError):
        run(["report"])
    raising(KeyboardInterrupt())
    assert run(["report"]) == 130


def test_a_home_folder_behind_an_option(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir("/")
    arguments = ["describe", "--set=models={a: {net: resnet, depth: 8}}"]
    assert run([*arguments, "--out=~/x"]) == 0
    assert run([*arguments, "--out", "~/y"]) == 0
    assert (tmp_path / "x/a.json").exists()
    assert (tmp_path / "y/a.json").exists()
