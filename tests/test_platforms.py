"""Where the system lacks what Unix has, the commands say so or do without."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from resnet import system

WITHOUT = """
import filelock, psutil  # have their own ways there
import sys
for name in ("fcntl", "resource", "pwd", "grp", "termios"):
    sys.modules[name] = None
import os
del os.sched_getaffinity, os.getuid
opened = os.open
def folders_cannot_be_opened(path, flags, *rest, **more):
    if os.path.isdir(path):
        raise PermissionError(13, "Permission denied", str(path))
    return opened(path, flags, *rest, **more)
os.open = folders_cannot_be_opened
from resnet.cli import run
import json
for arguments in json.loads(sys.argv[1]):
    status = run(arguments)
    assert status == 0, (arguments, status)
"""
"""Windows as far as it can be played here."""


@pytest.mark.slow
def test_commands_without_what_only_unix_has(tmp_path: Path) -> None:
    small = [
        "--set=data={source: digits, dir: data, validation: 1200}",
        "--set=train={iterations: 2, batch_size: 4, seeds: 1, precision: fp32, log_every: 1}",
    ]
    commands = [
        ["describe", "--depth", "8"],
        ["data", *small],
        ["train", "--depth", "8", "--out", "runs/train/resnet-8", *small],
        ["evaluate", "--depth", "8", "--weights", "runs/train/resnet-8/seed-0/model.safetensors", *small],
        ["report", "--set=models={resnet-8: {net: resnet, depth: 8}}", *small],
    ]
    code = [sys.executable, "-c", WITHOUT, json.dumps(commands)]
    subprocess.run(code, cwd=tmp_path, env=os.environ | {"RESNET_FUSED": "0"}, check=True)
    assert (tmp_path / "reports/summary.md").exists()


def test_the_report_opens_no_window_and_loads_no_pytorch(tmp_path: Path) -> None:
    code = "from resnet.report import build; from resnet.params import load; from pathlib import Path as P; "
    code += "build(load(None, ['models={plain-8: {net: plain, depth: 8}}']), P('runs'), P('reports')); "
    code += "import sys; sys.exit('torch' in sys.modules)"
    environment = os.environ | {"MPLBACKEND": "module://matplotlib_inline.backend_inline", "DISPLAY": ""}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)


def test_a_clone_of_another_owner_has_its_commit_named(monkeypatch: pytest.MonkeyPatch) -> None:

    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    system._checkout.cache_clear()
    system._output.cache_clear()
    commit, _ = system._checkout()
    assert commit is not None
