"""Results that DVC has not made itself, recorded by `adopt` in a real repository."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from resnet.data import Data, save
from resnet.errors import UserError
from resnet.params import load
from resnet.runs.adopt import adopt, unfinished
from resnet.runs.seeds import train_seeds
from resnet.system import choose_machine
from tests.conftest import Command
from tests.pipeline.project import PARAMS, ROOT, clone, commit, run, running

NETS = ("resnet-8", "plain-8")


def train(project: Path, data: Data, *seeds: int, net: str = "resnet-8", assignments: tuple[str, ...] = ()) -> None:
    """As on a machine without DVC."""
    out, weights = project / "runs/train" / net, project / "weights" / net
    settings = load(project / "params.yaml", assignments).settings(net)
    train_seeds(settings, seeds, data, out, choose_machine(settings.train), weights=weights)


def plan_seeds(project: Path, seeds: int) -> None:
    path = project / "params.yaml"
    path.write_text(path.read_text().replace("seeds: 1", f"seeds: {seeds}"))


def entry(project: Path, stage: str, kind: str, path: str) -> dict[str, Any]:
    lock = yaml.safe_load((project / "dvc.lock").read_text())["stages"]
    return next(file for file in lock[stage][kind] if file["path"] == path)


@pytest.mark.slow
def test_a_clone_of_a_plan_that_has_hardly_begun_has_nothing_to_do(project: Path, digits: Data, tmp_path: Path) -> None:
    plan_seeds(project, 2)
    run(project, "dvc", "config", "--local", "cache.type", "symlink")
    save(digits, project / "data/digits")
    train(project, digits, 0, net="plain-8")
    states = adopt(project / "dvc.yaml")
    assert (states["data"], states["latency"]) == ("complete", "without runs/latency")
    assert (states["train@resnet-8"], states["train@plain-8"]) == ("0 of 2 seeds", "1 of 2 seeds")
    assert not {"describe", "report"} & set(states)

    # As if no weights were there. They are, and no link into the cache, of which `dvc gc` removes what no lock names.
    assert "md5" not in entry(project, "train@plain-8", "outs", "weights/plain-8")
    assert "md5" not in entry(project, "responses@plain-8", "deps", "weights/plain-8")
    assert "md5" in entry(project, "train@plain-8", "outs", "runs/train/plain-8")
    run(project, "dvc", "gc", "--workspace", "--force")
    weights = project / "weights/plain-8/seed-0/model.safetensors"
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
        train(project, digits, 0, net=net)
    states = adopt(project / "dvc.yaml")
    assert {states[f"train@{net}"] for net in NETS} == {"complete"}
    # Without any forecast nothing is left to train.
    assert run(project, "dvc", "status", "train@resnet-8", "train@plain-8").stdout.strip().endswith("up to date.")
    weights = entry(project, "train@resnet-8", "outs", "weights/resnet-8")
    assert weights == entry(project, "responses@resnet-8", "deps", "weights/resnet-8")
    (project / "weights/resnet-8/seed-0/model.safetensors").unlink()
    run(project, "dvc", "checkout", "train@resnet-8")
    assert (project / "weights/resnet-8/seed-0/model.safetensors").exists()


def test_results_of_other_settings_are_refused(tmp_path: Path, digits: Data) -> None:
    for name, text in (("params.yaml", PARAMS), ("dvc.yaml", (ROOT / "dvc.yaml").read_text())):
        (tmp_path / name).write_text(text)
    train(tmp_path, digits, 0, assignments=("train.momentum=0.5",))
    with pytest.raises(
        UserError, match=r"metrics.json: .*train.momentum is 0.5 there and 0.9 here"
    ):
        adopt(tmp_path / "dvc.yaml")
    assert not (tmp_path / "dvc.lock").exists()


def test_a_seed_that_the_plan_does_not_ask_for_is_not_counted(tmp_path: Path, digits: Data) -> None:
    (tmp_path / "params.yaml").write_text(PARAMS)
    train(tmp_path, digits, 3)
    assert unfinished(load(tmp_path / "params.yaml"), tmp_path / "runs/train") == dict.fromkeys(NETS, "0 of 1 seeds")


def test_what_is_no_plan_is_one_clear_line(command: Command, tmp_path: Path) -> None:
    done = command("adopt")
    assert (done.returncode, done.stderr) == (
        1,
        "resnet: dvc.yaml: there is no such file: give the dvc.yaml of a plan\n",
    )
    for name in ("dvc.yaml", "params.yaml"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    done = command("adopt", "dvc.yaml")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert done.stderr.startswith("resnet: dvc.yaml: you are not inside of a DVC repository")
