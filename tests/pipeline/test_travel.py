"""Results travel from a machine without DVC or Git by the recipe of docs/machines.md."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from resnet.params import load
from resnet.runs.status import plan_status
from tests.pipeline.project import ROOT, run, running

pytestmark = pytest.mark.slow


def recipe() -> list[str]:
    """The scripts of the page: what is done there, and what is done here."""
    page = (ROOT / "docs/machines.md").read_text()
    return re.findall(r"^```sh\n(.*?)^```$", page, flags=re.DOTALL | re.MULTILINE)


def test_the_recipe_brings_results_from_a_machine_without_dvc_and_git(project: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    shutil.copytree(project, there, ignore=shutil.ignore_patterns(".git", ".dvc"))
    there_script, here_script = (script.replace("32", "8") for script in recipe())
    assert "--depth 8 --name resnet-8" in there_script
    run(there, "bash", "-euc", there_script)
    shutil.copy(there / "results.tar", project)
    run(project, "git", "config", "user.name", "tester")
    run(project, "git", "config", "user.email", "tester@example.org")
    run(project, "bash", "-euc", here_script)
    (project / "results.tar").unlink()
    assert run(project, "git", "status", "--porcelain").stdout == ""
    resnet, plain = plan_status(load(project / "params.yaml"), project / "runs").nets
    assert [seed.state for seed in (*resnet.seeds, *plain.seeds)] == ["done", "not begun"]
    assert running(run(project, "dvc", "repro", "--dry", "--allow-missing").stdout) == {"report"}
