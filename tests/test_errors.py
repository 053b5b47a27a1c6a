"""Every mistake is one line and exit code 1; a defect of this program is a traceback."""

from __future__ import annotations

import errno
import os
import shlex
from pathlib import Path
from unittest.mock import Mock

import pytest
import torch
from safetensors import SafetensorError

from resnet.cli import options, run
from resnet.errors import LINE, Interrupted, UserError, explained, one_line


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "a/b"), "a/b: No space left on device: free some"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "Disk quota exceeded: free some"),
        (PermissionError(errno.EACCES, "Permission denied", b"x"), "Permission denied"),
        (FileNotFoundError(errno.ENOENT, "No such file", "x", None, "y"), "x: y: No such file"),
        (OSError(errno.ENAMETOOLONG, "File name too long", "x" * 5000), "File name too long"),
        (OSError("a library's own"), "a library's own"),
        (MemoryError(), "out of memory: a smaller batch"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 9 bytes.\nmore"), "out of memory"),
        (RuntimeError("std::bad_alloc"), "out of memory"),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB.\nmore"), "Tried to allocate 20 GiB"),
        (SafetensorError("I/O error: No space left on device (os error 28)"), "free some"),
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
MISTAKES: list[tuple[str, str]] = [
    ("", ""),
    ("nothing", "nothing"),
    ("describe --depth x", "--depth"),
    ("train", "--out"),
    ("describe --set " + "x" * 10**5, "--set xxx"),
    (f"report '{NETS}' --out /proc/nowhere", "/proc/nowhere"),
    (f"report '{NETS}' --out file/x", "file/x: Not a directory"),
    (f"report '{NETS}' --out {'x' * 300}", "File name too long"),
    (f"report '{NETS}' --out loop/x", "loop/x"),
    ("report", "the parameters have no models"),
    ("report --params nowhere.yaml", "nowhere.yaml: cannot be read"),
    ("describe --params loop", "loop"),
    ("describe --name ../x", "name: String should match"),
    ("describe --depth 21", "the nearest are 20 and 26"),
    ("describe --part block", "--draw FILE.svg"),
    ("describe --draw x.svg", "have no models: name a net"),
    ("describe --draw x.svg --set 'models={a: {net: plain, depth: 8}}'", "draws one net"),
    ("evaluate --weights file --mean 1,2", "--mean 1,2"),
    ("evaluate --weights file --mean nan,0,0", "--mean nan,0,0"),
    ("evaluate --weights file --std 0,0,0", "--std 0,0,0"),
    ("train --net vgg --out x", "net"),
    ("train --out x --set train.lr=1", "train.lr: unknown key"),
    ("train --out x --set train.milestones=[0.5,1.0]", "train.milestones.1"),
    ("train --out x --seeds 0,-1", "seeds"),
    ("train --out x --seeds a", "--seeds a"),
    ("train --out x", "run `resnet data`"),
    ("data --set data.source=nowhere.zip", "nowhere.zip: no such file"),
    ("throughput", "have no models: name a net"),
    ("throughput --depth 8 --set train.device=cuda:9999", "train.device is cuda:9999"),
]


@pytest.mark.parametrize(("arguments", "says"), MISTAKES)
def test_a_mistake_is_one_line_and_leaves_nothing(
    arguments: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CIFAR10_SOURCE", raising=False)
    monkeypatch.setattr("resnet.cli.making.outlive_terminal", lambda: None)  # it would be this process's for good
    Path("file").write_text("text")
    os.symlink("loop", "loop")
    assert run(shlex.split(arguments)) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("resnet: ")
    assert says in printed.err
    assert printed.err.count("\n") == 1
    assert len(printed.err) < LINE + 100
    assert sorted(os.listdir()) == ["file", "loop"]


def test_a_variable_shows_the_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("RESNET_TRACEBACK", "1")
    assert run(["describe", "--depth", "21"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("Traceback")
    assert lines[-1].startswith("resnet: depth")


def test_a_defect_keeps_its_traceback_and_ctrl_c_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    read = Mock(side_effect=[KeyError("a defect"), KeyboardInterrupt(), Interrupted()])
    monkeypatch.setattr(options, "read_params", read)
    with pytest.raises(KeyError):
        run(["report"])
    assert run(["report"]) == run(["report"]) == 130


def test_a_home_folder_behind_an_option(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir("/")
    assert run(["describe", NETS, "--out=~/x"]) == 0
    assert run(["describe", NETS, "--out", "~/y"]) == 0
    assert (tmp_path / "x/resnet-8.json").exists()
    assert (tmp_path / "y/resnet-8.json").exists()
