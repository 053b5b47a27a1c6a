"""The bench of busy machines trains as it says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent.parent / "bench" / "busy.py"


@pytest.mark.slow
def test_a_process_of_its_own_trains_and_says_how_fast() -> None:
    command = [sys.executable, str(SCRIPT), "--depth", "8", "--precision", "fp32", "--threads", "1", "--rounds", "1"]
    command += ["--seconds", "0.01", "--busy", "1", "--ways", "GOMP_SPINCOUNT=1000"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("| GOMP_SPINCOUNT=1000")]
    assert float(line.split("|")[2].replace(",", "")) > 0
