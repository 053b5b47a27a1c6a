"""A Git and DVC repository of this project's sources with a plan of seconds, for tests that run DVC for real."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

SHORT = """
model: {shortcut: A, zero_padding: both}
train:
  seeds: 1
  iterations: 4
  batch_size: 16
  precision: fp32
  device: cpu
  log_every: 2
  evaluate_every: 2
  checkpoint_every: 2
throughput: {batch_size: 4, warmup_steps: 1, steps: 1, repeats: 2}
responses: {images: 50}
report: {}
latency: {nets: [resnet], depths: [8], batch_sizes: [2], modes: [eager], seconds: 0.01}
limits: {hours: 1}
"""
"""What makes a plan one of seconds, whatever its data and nets."""

PARAMS = f"""
data: {{source: digits, dir: data/digits, validation: 100, split_seed: 0}}
evaluate: {{published: []}}
{SHORT}
models:
  resnet-8: {{net: resnet, depth: 8}}
  plain-8: {{net: plain, depth: 8}}
"""


def environment(folder: Path) -> dict[str, str]:
    """This environment's tools with the sources of `folder`, compiled once, and no variable of another CIFAR-10."""
    tools = Path(sys.executable).parent
    own = {"PATH": f"{tools}:{os.environ['PATH']}", "PYTHONPATH": str(folder), "DVC_NO_ANALYTICS": "1"}
    without = ("CIFAR10_SOURCE", "PYTHONDONTWRITEBYTECODE")
    return {key: value for key, value in os.environ.items() if key not in without} | own


def run(
    folder: Path, *arguments: str | Path, check: bool = True, sources: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command in `folder`, with the sources that lie there or those of `sources`."""
    done = subprocess.run(
        arguments, cwd=folder, env=environment(sources or folder), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 or not check, done.stdout + done.stderr
    return done


def commit(folder: Path, message: str) -> None:
    run(folder, "git", "add", "-A")
    run(folder, "git", "-c", "user.name=tester", "-c", "user.email=tester@example.org", "commit", "-qm", message)


def add_plan(project: Path, name: str, params: str) -> Path:
    """A plan in a folder of its own, in Git."""
    (project / name).mkdir()
    shutil.copy(ROOT / "quickstart/dvc.yaml", project / name)
    (project / name / "params.yaml").write_text(params)
    commit(project, f"the plan {name}")
    return project / name


def clone(folder: Path, copy: Path) -> Path:
    """A fresh clone: without data, weights, or DVC's cache."""
    if not (folder / ".git").exists():
        pytest.skip("not a clone of a repository: there is nothing to clone")
    run(folder, "git", "clone", "-q", folder, copy)
    return copy


def running(output: str) -> set[str]:
    """The stages that `dvc repro` ran, or with `--dry` would run; of another plan `tenth/dvc.yaml:report`."""
    return {line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage '")}


def make_project(folder: Path) -> Path:
    folder.mkdir()
    for name in ("resnet", "dvc.yaml", ".dvcignore", ".gitignore", "pyproject.toml"):
        run(folder, "cp", "-a", ROOT / name, name)  # with what is compiled, and the dates that it is valid for
    (folder / "params.yaml").write_text(PARAMS)
    run(folder, "git", "init", "-q")
    run(folder, "dvc", "init", "-q")
    shutil.copytree(ROOT / ".dvc/plots", folder / ".dvc/plots")
    commit(folder, "start")
    return folder
