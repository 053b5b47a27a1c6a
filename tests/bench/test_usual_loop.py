"""bench/usual_loop.py as a user types it, with tiny sizes."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from resnet.records import UsualLoopRecord

SCRIPT = Path(__file__).parent.parent.parent / "bench" / "usual_loop.py"
TINY = ("--depth", "8", "--rounds", "2", "--steps", "1", "--batch-size", "4", "--images", "8", "--device", "cpu")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_both_loops_and_their_ratio(tmp_path: Path) -> None:
    done = run(*TINY, "--format", "json", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    record = UsualLoopRecord.read(tmp_path / "cpu-resnet-8.json")
    assert printed["ratio"]["rounds"] == record.ratios
    assert len(record.ratios) == 2
    assert printed["ratio"]["min"] <= printed["ratio"]["median"] <= printed["ratio"]["max"]
    assert printed["images_per_second"]["ours"] == statistics.median(record.images_per_second)
    assert printed["images_per_second"]["usual"] == statistics.median(record.usual_images_per_second)
    assert (record.batch_size, record.steps, record.usual_precision) == (4, 1, "fp32")


def test_a_mistake_is_named() -> None:
    done = run("--depth", "21")
    assert done.returncode == 2
    assert "the nearest are 20 and 26" in done.stderr
