"""The pipelines, run by DVC for real: one stage at a time, killed, cloned, and changed by -S."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from resnet.params import load
from resnet.records import TrainingRecord

ROOT = Path(__file__).parent.parent.parent
pytestmark = pytest.mark.slow

PARAMS = """
data: {source: digits, dir: data/digits, validation: 200, split_seed: 0}
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
evaluate: {published: []}
report: {bootstrap_samples: 200}
latency: {nets: [resnet], depths: [8], batch_sizes: [2], modes: [eager], seconds: 0.01}
limits: {hours: 1}
models:
  resnet-8: {net: resnet, depth: 8}
  plain-8: {net: plain, depth: 8}
"""


def run(folder: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    tools = Path(sys.executable).parent
    environment = os.environ | {"PATH": f"{tools}:{os.environ['PATH']}", "DVC_NO_ANALYTICS": "1"}
    done = subprocess.run(arguments, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0 or not check, done.stdout + done.stderr
    return done


def stage_dates(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("metrics.json")}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A Git and DVC repository of this project's sources with a plan of seconds."""
    folder = tmp_path / "project"
    folder.mkdir()
    for name in ("resnet", "dvc.yaml", ".dvcignore", ".gitignore", "pyproject.toml"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    (folder / "params.yaml").write_text(PARAMS)
    for name in ("train", "throughput", "responses"):
        (folder / "runs" / name).mkdir(parents=True)
        (folder / "runs" / name / ".gitkeep").touch()
    run(folder, "git", "init", "-q")
    run(folder, "git", "config", "user.name", "tester")
    run(folder, "git", "config", "user.email", "tester@example.org")
    run(folder, "dvc", "init", "-q")
    run(folder, "git", "add", "-A")
    run(folder, "git", "commit", "-qm", "start")
    return folder


def test_from_start_to_summary_then_clone_then_change(project: Path, tmp_path: Path) -> None:
    run(project, "dvc", "repro")
    summary = (project / "reports/summary.md").read_text()
    assert "resnet-8" in summary
    assert "not the official CIFAR-10" in summary
    metrics = json.loads(run(project, "dvc", "metrics", "show", "--json").stdout)
    shown: dict[str, Any] = metrics[""]["data"]["reports/metrics.json"]["data"]
    assert set(shown) == {"resnet-8", "plain-8"}
    plots = run(project, "dvc", "plots", "show")
    page = Path(plots.stdout.strip().removeprefix("file://"))
    assert "vega" in page.read_text().lower()
    again = run(project, "dvc", "repro").stdout
    assert "resnet report" in again  # always rebuilt
    assert not [line for line in again.splitlines() if line.startswith("> ") and "report" not in line]

    # One seed more trains that seed alone.
    before = stage_dates(project / "runs/train")
    run(project, "dvc", "repro", "-q", "train@resnet-8")
    assert stage_dates(project / "runs/train") == before
    params = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(params.replace("seeds: 1", "seeds: 2"))
    run(project, "dvc", "repro", "train@resnet-8")
    after = stage_dates(project / "runs/train")
    assert {name: after[name] for name in before} == before
    assert "resnet-8/seed-1/metrics.json" in after
    assert "plain-8/seed-1/metrics.json" not in after
    run(project, "dvc", "repro")
    run(project, "git", "add", "-A")
    run(project, "git", "commit", "-qm", "results")
    tracked = run(project, "git", "ls-files").stdout.splitlines()
    assert "runs/train/plain-8/seed-1/metrics.json" in tracked
    assert not [name for name in tracked if name.endswith((".safetensors", "_images.npy"))]

    # A fresh clone without a remote trains nothing again and rebuilds the report.
    clone = tmp_path / "clone"
    run(tmp_path, "git", "clone", "-q", str(project), str(clone))
    summary_file = clone / "reports/summary.md"
    expected = summary_file.read_text()
    summary_file.unlink()
    before = stage_dates(clone / "runs/train")
    done = run(clone, "dvc", "repro", "--allow-missing")
    assert "resnet train" not in done.stdout
    assert "resnet throughput" not in done.stdout
    assert "resnet responses" not in done.stdout
    assert stage_dates(clone / "runs/train") == before
    assert summary_file.read_text() == expected

    # An experiment with another schedule replaces the results of all nets, and says what it is.
    run(project, "dvc", "exp", "run", "-q", "-S", "train.iterations=6", "-S", "train.seeds=1", "-S", "~models.plain-8")
    record = TrainingRecord.read(project / "runs/train/resnet-8/seed-0/metrics.json")
    assert record.iterations == 6
    assert not (project / "runs/train/resnet-8/seed-1").exists()
    assert "6 of the paper's 64,000 iterations" in (project / "reports/summary.md").read_text()


def test_a_plan_beyond_the_limit_stops_before_training(project: Path) -> None:
    done = run(project, "dvc", "exp", "run", "-S", "limits.hours=0.000001", check=False)
    assert done.returncode != 0
    assert "forecast to take" in done.stdout + done.stderr
    assert stage_dates(project / "runs/train") == {}


def test_the_quickstart_has_the_same_stages_and_commands() -> None:
    root, quick = ((ROOT / path).read_text() for path in ("dvc.yaml", "quickstart/dvc.yaml"))
    assert yaml.safe_load(quick.replace("../resnet", "resnet")) == yaml.safe_load(root)


def test_so_has_the_short_report_but_for_where_it_lies() -> None:
    root, short = ((ROOT / path).read_text() for path in ("dvc.yaml", "reports/short/dvc.yaml"))
    expected = yaml.safe_load(root.replace("--out reports", "--out .").replace("reports/", ""))
    assert yaml.safe_load(short.replace("../../resnet", "resnet")) == expected


def test_the_short_plan_is_the_papers_but_for_its_length() -> None:
    short, root = load(ROOT / "reports/short/params.yaml"), load(ROOT / "params.yaml")
    asked = {"seeds": 3, "iterations": 640, "evaluate_every": 160, "log_every": 20, "checkpoint_every": 80}
    asked["learning_rate"] = 0.02  # in so few iterations a net that starts dead at 0.1 stays so
    assert short.train.model_dump() == root.train.model_dump() | asked
    for section in ("data", "model", "throughput", "responses", "evaluate", "report"):
        assert getattr(short, section) == getattr(root, section), section


def test_plain_repro_leaves_the_short_report_alone() -> None:
    planned = run(ROOT, "dvc", "repro", "--dry", "--allow-missing", check=False)
    assert "reports/short" not in planned.stdout + planned.stderr


def test_the_pipelines_are_whole() -> None:
    for file in ("dvc.yaml", "quickstart/dvc.yaml", "reports/short/dvc.yaml"):
        names = run(ROOT, "dvc", "stage", "list", "--name-only", file).stdout.split()
        assert {name.split(":")[-1].split("@")[0] for name in names} == {
            "data",
            "describe",
            "forecast",
            "train",
            "throughput",
            "responses",
            "published",
            "latency",
            "report",
        }
