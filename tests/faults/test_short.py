"""The short form of `python -m tests.faults`: a few faults of each kind do no harm."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.faults.tally import Outcome, page
from tests.pipeline.project import ROOT


@pytest.mark.slow
def test_a_few_faults_of_each_kind_do_no_harm() -> None:
    few = [sys.executable, "-m", "tests.faults", "--kills", "10", "--inputs", "76"]
    done = subprocess.run(few, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]


def test_harm_is_counted_and_named() -> None:
    text = page([Outcome("kind"), Outcome("kind", "lost", "a `file`\nis gone")], "one version")
    assert "| kind | 2 | 1 | 0 | 0 | 0 | 0 |" in text
    assert "| all | 2 | 1 | 0 | 0 | 0 | 0 |" in text
    assert text.endswith("- kind: lost: 'a `file`\\nis gone'\n")
