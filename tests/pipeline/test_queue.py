"""Queued experiments run the code that they were queued with, not what is installed or edited since."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest

from tests.pipeline.project import PARAMS, ROOT, commit, run

pytestmark = pytest.mark.slow

EDIT = ("        classes=classes,\n        layers", "        classes=classes + {},\n        layers")
"""Of `nets/layers.py`: an edited net has classes that no net here has."""


def queued(project: Path) -> list[str]:
    """The states of the experiments in the queue."""
    rows = run(project, "dvc", "queue", "status").stdout.splitlines()
    return [row.split()[-1] for row in rows[1:] if row and not row.startswith("Worker")]


def test_two_workers_run_the_edits_that_were_queued_and_reverted(project: Path) -> None:
    plan = project / "small"
    plan.mkdir()
    shutil.copy(ROOT / "quickstart/dvc.yaml", plan)
    (plan / "params.yaml").write_text(PARAMS)
    commit(project, "a plan in a folder of its own")
    module = project / "resnet/nets/layers.py"
    text = module.read_text()
    asked = {"a": ("dvc.yaml:describe", "", 90), "b": ("small/dvc.yaml:describe", "small/", 290)}
    for name, (target, folder, more) in asked.items():
        module.write_text(text.replace(EDIT[0], EDIT[1].format(more)))
        run(project, "dvc", "exp", "run", "--queue", "-n", name, "-S", f"{folder}params.yaml:model.shortcut=B", target)
    module.write_text(text)
    assert run(project, "git", "status", "--porcelain", "resnet").stdout == ""

    run(project, "dvc", "queue", "start", "--jobs", "2")
    for _ in range(240):
        time.sleep(0.5)
        if set(queued(project)) <= {"Success", "Failed"}:
            break
    assert queued(project) == ["Success", "Success"], run(project, "dvc", "queue", "logs", "a", check=False).stdout
    references = run(project, "git", "for-each-ref", "--format=%(refname)", "refs/exps").stdout.split()
    for name, (_, folder, more) in asked.items():
        (reference,) = (each for each in references if each.endswith(f"/{name}"))
        result = run(project, "git", "show", f"{reference}:{folder}runs/describe/resnet-8.json").stdout
        assert json.loads(result)["classes"] == 10 + more
        assert json.loads(result)["shortcut"] == "B"
