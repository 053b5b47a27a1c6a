"""The quickstart's experiments, by the commands of its page."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.pipeline.project import ROOT, commit, run

pytestmark = pytest.mark.slow

METRICS = "quickstart/runs/train/plain-20/seed-0/metrics.json"
COMMAND = ("dvc", "exp", "run", "quickstart/dvc.yaml:train@plain-20", "-S", "quickstart/params.yaml:train.iterations=4")


@pytest.fixture
def quickstart(project: Path) -> Path:
    """The project with the quickstart in it, of which nothing has run."""
    (project / "quickstart").mkdir()
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / "quickstart" / name, project / "quickstart")
    commit(project, "the quickstart")
    return project


def test_an_experiment_in_place(quickstart: Path) -> None:
    root = (quickstart / "params.yaml").read_text()
    run(quickstart, *COMMAND)
    assert json.loads((quickstart / METRICS).read_text())["iterations"] == 4
    assert "iterations: 4\n" in (quickstart / "quickstart/params.yaml").read_text()
    assert (quickstart / "params.yaml").read_text() == root
    assert not (quickstart / "runs").exists()


def test_an_experiment_in_a_copy(quickstart: Path) -> None:
    done = run(quickstart, *COMMAND, "--temp", "--name", "short")
    assert not (quickstart / METRICS).exists()
    assert run(quickstart, "git", "status", "--porcelain").stdout == ""
    references = run(quickstart, "git", "for-each-ref", "--format=%(refname)", "refs/exps").stdout.split()
    (reference,) = (each for each in references if each.endswith("/short"))
    lock = run(quickstart, "git", "show", f"{reference}:quickstart/dvc.lock").stdout
    assert "iterations: 4\n" in lock, done.stdout
