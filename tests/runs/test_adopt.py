"""Results that DVC has not made itself, recorded by `adopt` in a real repository."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from resnet.data import Data, save
from resnet.errors import UserError
from resnet.params import load
from resnet.runs.adopt import adopt
from resnet.runs.seeds import train_seeds
from tests.conftest import CPU
from tests.pipeline.project import PARAMS, ROOT, clone, commit, run, running

NETS = ("resnet-8", "plain-8")


def train(project: Path, data: Data, net: str = "resnet-8") -> None:
    """Train seed 0, as on a machine without DVC."""
    out, weights = project / "runs/train" / net, project / "weights" / net
    train_seeds(load(project / "params.yaml").settings(net), [0], data, out, CPU, weights=weights)


def write(project: Path, name: str, text: str) -> None:
    (project / name).parent.mkdir(parents=True, exist_ok=True)
    (project / name).write_text(text)


def entry(project: Path, stage: str, kind: str, path: str) -> dict[str, Any]:
    lock = yaml.safe_load((project / "dvc.lock").read_text())["stages"]
    return next(file for file in lock[stage][kind] if file["path"] == path)


@pytest.mark.slow
def test_a_clone_of_a_plan_that_has_hardly_begun_has_nothing_to_do(project: Path, digits: Data, tmp_path: Path) -> None:
    write(project, "params.yaml", PARAMS.replace("seeds: 1", "seeds: 2"))
    run(project, "dvc", "config", "--local", "cache.type", "symlink")
    save(digits, project / "data/digits")
    train(project, digits, "plain-8")
    states = adopt(project / "dvc.yaml")
    assert (states["data"], states["latency"]) == ("complete", "without runs/latency")
    assert (states["train@resnet-8"], states["train@plain-8"]) == ("0 of 2 seeds", "1 of 2 seeds")
    assert not {"describe", "report"} & set(states)

    # If the cache has them, the net would count as done. `dvc gc` removes from it what no lock names.
    weights = project / "weights/plain-8/seed-0/model.safetensors"
    run(project, "dvc", "commit", "--force", "train@plain-8")
    assert weights.is_symlink()
    assert adopt(project / "dvc.yaml") == states
    assert "md5" not in entry(project, "train@plain-8", "outs", "weights/plain-8")
    run(project, "dvc", "gc", "--workspace", "--force")
    assert (weights.is_file(), weights.is_symlink()) == (True, False)
    # If it has not, they are recorded as they are.
    assert adopt(project / "dvc.yaml") == states
    assert "md5" in entry(project, "train@plain-8", "outs", "weights/plain-8")
    run(project, "dvc", "gc", "--workspace", "--force")
    assert (weights.is_file(), weights.is_symlink()) == (True, False)

    commit(project, "one seed")
    copy = clone(project, tmp_path / "clone")
    assert running(run(copy, "dvc", "repro", "--allow-missing").stdout) == {"describe", "report"}
    commit(copy, "described")
    assert running(run(copy, "dvc", "repro", "--allow-missing").stdout) == {"report"}
    assert run(copy, "git", "status", "--porcelain").stdout == ""
    assert "1 of 2" in (copy / "reports/summary.md").read_text()

    # Where data and weights are, a plain repro goes on with the second seed.
    first, second = (project / f"runs/train/plain-8/seed-{seed}/metrics.json" for seed in (0, 1))
    made = first.stat().st_mtime_ns
    assert running(run(project, "dvc", "repro", "train@plain-8").stdout) == {"train@plain-8"}
    assert (first.stat().st_mtime_ns, second.exists()) == (made, True)

    # Adopted again without data: what the lock says of them stays.
    prepared = entry(copy, "data", "outs", "data/digits")
    assert adopt(copy / "dvc.yaml")["data"] == "without data/digits"
    assert entry(copy, "data", "outs", "data/digits") == prepared
    assert entry(copy, "train@resnet-8", "deps", "data/digits") == prepared


@pytest.mark.slow
def test_a_finished_net_is_recorded_with_its_weights(project: Path, digits: Data) -> None:
    save(digits, project / "data/digits")
    for net in NETS:
        train(project, digits, net)
    states = adopt(project / "dvc.yaml")
    assert {states[f"train@{net}"] for net in NETS} == {"complete"}
    # Without any forecast nothing is left to train.
    assert run(project, "dvc", "status", "train@resnet-8", "train@plain-8").stdout.strip().endswith("up to date.")
    (project / WEIGHTS).unlink()
    run(project, "dvc", "checkout", "train@resnet-8")
    assert (project / WEIGHTS).exists()


WEIGHTS = "weights/resnet-8/seed-0/model.safetensors"
SEED = "runs/train/resnet-8/seed-0"


@pytest.mark.parametrize(
    ("harm", "line"),
    [
        (lambda project: write(project, WEIGHTS, "x"), "model.safetensors: 1 bytes"),
        (lambda project: shutil.copytree(project / SEED, project / "runs/train/plain-8/seed-0"), "holds resnet-8"),
        (lambda project: write(project, "runs/latency/cpu.json", "no JSON"), "cpu.json: not a LatencyRecord"),
        (lambda project: write(project, "params.yaml", PARAMS + "  more: {net: no}\n"), "models.more.net"),
        (lambda project: write(project, "dvc.yaml", ""), "dvc.yaml: has no stage"),
        (lambda project: write(project, "dvc.yaml", "stages: {x"), "dvc.yaml"),
        (lambda project: (project / "dvc.yaml").unlink(), "dvc.yaml: there is no such file"),
        (lambda project: shutil.rmtree(project / ".dvc"), "not inside of a DVC repository"),
    ],
)
def test_if_anything_is_wrong_nothing_is_recorded(
    harm: Callable[[Path], object], line: str, trained: Path, tmp_path: Path
) -> None:
    project = tmp_path / "plan"
    shutil.copytree(trained, project)
    (project / "dvc.lock").write_text("schema: '2.0'\nstages: {}\n")
    harm(project)
    before = (project / "dvc.lock").read_bytes()
    with pytest.raises(UserError, match=re.escape(line)):
        adopt(project / "dvc.yaml")
    assert (project / "dvc.lock").read_bytes() == before


@pytest.fixture(scope="module")
def trained(digits: Data, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plan in a DVC repository, one of its two nets trained."""
    project = tmp_path_factory.mktemp("trained")
    for name, text in (("params.yaml", PARAMS), ("dvc.yaml", (ROOT / "dvc.yaml").read_text())):
        write(project, name, text)
    run(project, "dvc", "init", "--no-scm", "-q")
    train(project, digits)
    return project


def test_results_of_other_settings_are_refused_and_other_seeds_do_not_count(trained: Path, tmp_path: Path) -> None:
    project = tmp_path / "plan"
    shutil.copytree(trained, project)
    write(project, "params.yaml", PARAMS.replace("seeds: 1", "seeds: [3]"))
    assert adopt(project / "dvc.yaml")["train@resnet-8"] == "0 of 1 seeds"
    lock = (project / "dvc.lock").read_bytes()
    write(project, "params.yaml", PARAMS.replace("train:", "train:\n  momentum: 0.5"))
    with pytest.raises(UserError, match=r"metrics.json: .*train.momentum is 0.9 there and 0.5 here"):
        adopt(project / "dvc.yaml")
    assert (project / "dvc.lock").read_bytes() == lock
