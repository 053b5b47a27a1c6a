"""DVC's experiments in copies: they leave the workspace alone, and run the code that they were queued with."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.pipeline.project import PARAMS, ROOT, add_plan, run

pytestmark = pytest.mark.slow

COMMAND = ("dvc", "exp", "run", "quickstart/dvc.yaml:train@plain-20", "-S", "quickstart/params.yaml:train.iterations=4")
EDIT = ("        classes=classes,\n        layers", "        classes=classes + {},\n        layers")
"""Of `nets/layers.py`: an edited net has classes that no net here has."""


def of_experiment(project: Path, name: str, file: str) -> str:
    """What a file holds after an experiment."""
    references = run(project, "git", "for-each-ref", "--format=%(refname)", "refs/exps").stdout.split()
    (reference,) = (each for each in references if each.endswith(f"/{name}"))
    return run(project, "git", "show", f"{reference}:{file}").stdout


def queued(project: Path) -> list[str]:
    """The states of the experiments in the queue."""
    rows = run(project, "dvc", "queue", "status").stdout.splitlines()
    return [row.split()[-1] for row in rows[1:] if row and not row.startswith("Worker")]


def test_an_experiment_in_a_copy(project: Path) -> None:
    add_plan(project, "quickstart", (ROOT / "quickstart/params.yaml").read_text())
    run(project, *COMMAND, "--temp", "--name", "short")
    assert not (project / "quickstart/runs").exists()
    assert run(project, "git", "status", "--porcelain").stdout == ""
    assert "iterations: 4\n" in of_experiment(project, "short", "quickstart/dvc.lock")


def test_two_workers_run_the_edits_that_were_queued_and_reverted(project: Path) -> None:
    add_plan(project, "small", PARAMS)
    module = project / "resnet/nets/layers.py"
    text = module.read_text()
    asked = {"a": ("dvc.yaml:describe", "", 90), "b": ("small/dvc.yaml:describe", "small/", 290)}
    for name, (target, folder, more) in asked.items():
        module.write_text(text.replace(EDIT[0], EDIT[1].format(more)))
        run(project, "dvc", "exp", "run", "--queue", "-n", name, "-S", f"{folder}params.yaml:model.shortcut=B", target)
    module.write_text(text)
    assert run(project, "git", "status", "--porcelain", "resnet").stdout == ""

    run(project, "dvc", "queue", "start", "--jobs", "2")
    began = time.monotonic()
    while not set(queued(project)) <= {"Success", "Failed"} and time.monotonic() - began < 300:
        time.sleep(2)
    assert queued(project) == ["Success", "Success"], run(project, "dvc", "queue", "logs", "a", check=False).stdout
    for name, (_, folder, more) in asked.items():
        result = json.loads(of_experiment(project, name, f"{folder}runs/describe/resnet-8.json"))
        assert (result["classes"], result["shortcut"]) == (10 + more, "B")
