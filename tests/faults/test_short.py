"""The short form of `python -m tests.faults`: a few faults of each kind do no harm."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.tally import Tally


@pytest.mark.slow
def test_a_few_faults_of_each_kind_do_no_harm() -> None:
    root = Path(__file__).parent.parent.parent
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults", "--short"], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]


def test_harm_is_counted_and_named() -> None:
    tally, other = Tally(), Tally()
    tally.add("kind")
    other.add("kind", "lost", "a `file`\nis gone")
    tally.merge(Tally.parse(other.dump()))
    page = tally.page(version="1", seed=0, kills=1, inputs=1, patience=1, length=1)
    assert "| kind | 2 | 1 | 0 | 0 | 0 | 0 |" in page
    assert "| all | 2 | 1 | 0 | 0 | 0 | 0 |" in page
    assert page.endswith("- kind: lost: `a 'file' is gone`\n")
