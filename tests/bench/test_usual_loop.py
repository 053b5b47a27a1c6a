"""bench/usual_loop.py as a user types it, with tiny sizes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from resnet.results import UsualLoopRecord

SCRIPT = Path(__file__).parent.parent.parent / "bench" / "usual_loop.py"
TINY = ("--depth", "8", "--rounds", "2", "--steps", "1", "--batch-size", "4", "--images", "8")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_both_loops_their_ratio_and_a_mistake(tmp_path: Path) -> None:
    done = run(*TINY, "--precision", "fp32", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    (file,) = tmp_path.iterdir()
    record = UsualLoopRecord.read(file)
    assert file.name == f"{record.system.device}-resnet-8.json"
    assert done.stdout.splitlines()[-1].startswith("ratio")
    assert len(record.ratios) == 2
    assert (record.batch_size, record.steps) == (4, 1)
    assert (record.usual_precision, record.precision) == ("fp32", "fp32")
    mistaken = run("--depth", "21")
    assert mistaken.returncode == 2
    assert "the nearest are 20 and 26" in mistaken.stderr
