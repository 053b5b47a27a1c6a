"""The pipeline, run by DVC for real: one stage at a time, interrupted, cloned, and changed by -S."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from resnet.results import TrainingRecord
from tests.pipeline.project import PARAMS, add_plan, clone, commit, environment, run, running

pytestmark = pytest.mark.slow

OWN = """
data: {source: digits, dir: data/digits, validation: 100}
model: {}
train: {seeds: 1, iterations: 4, batch_size: 16}
throughput: {batch_size: 4, steps: 1, repeats: 1}
responses: {images: 50}
evaluate: {}
latency: {nets: [], depths: [], batch_sizes: [2], modes: [eager], seconds: 0.01}
limits: {}
report: {}
models:
  resnet-8: {net: resnet, depth: 8}
"""
"""What has the paper's value is left out."""


def dates(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("metrics.json")}


def ran(folder: Path, *arguments: str) -> set[str]:
    """The stages of the plan `mine` that `dvc repro` runs."""
    return {stage.removeprefix("mine/dvc.yaml:") for stage in running(run(folder, "dvc", "repro", *arguments).stdout)}


def test_the_life_of_a_plan_of_ones_own(project: Path, tmp_path: Path) -> None:
    own = add_plan(project, "mine", OWN)
    run(project, "dvc", "repro", "mine/dvc.yaml")
    assert "Not CIFAR-10" in (own / "reports/summary.md").read_text()
    metrics = json.loads(run(project, "dvc", "metrics", "show", "--json").stdout)
    shown: dict[str, Any] = metrics[""]["data"]["mine/reports/metrics.json"]["data"]
    assert (shown["done"], shown["planned"], set(shown["error"])) == (1, 1, {"resnet-8"})
    assert ran(project, "--dry", "mine/dvc.yaml") == {"report"}

    # One seed more trains that seed alone, one net more that net; what was measured stays.
    throughput, before = own / "runs/throughput/resnet-8.json", dates(own / "runs/train")
    measured = throughput.read_bytes()
    more = OWN.replace("depth: 8}", "depth: 8, train: {seeds: 2}}") + "  plain-8: {net: plain, depth: 8}\n"
    (own / "params.yaml").write_text(more)
    stages = {"describe", "forecast", "train@resnet-8", "train@plain-8", "throughput", "responses", "report"}
    assert ran(project, "mine/dvc.yaml") == stages
    after = dates(own / "runs/train")
    assert after.keys() == {f"{run}/metrics.json" for run in ("resnet-8/seed-0", "resnet-8/seed-1", "plain-8/seed-0")}
    assert before.items() < after.items()
    assert throughput.read_bytes() == measured
    assert all((own / f"runs/{kind}/plain-8.json").exists() for kind in ("throughput", "responses"))

    # A fresh clone trains and measures nothing again, and rebuilds the report, without a remote and with one.
    run(project, "dvc", "remote", "add", "--default", "store", tmp_path / "store")
    commit(project, "results")
    tracked = run(project, "git", "ls-files").stdout.splitlines()
    assert "mine/runs/train/plain-8/seed-0/metrics.json" in tracked
    assert not [name for name in tracked if name.endswith((".safetensors", "_images.npy"))]
    run(project, "dvc", "push")
    copy = clone(project, tmp_path / "clone")
    (copy / "mine/reports/summary.md").unlink()
    assert ran(copy, "--allow-missing", "mine/dvc.yaml") == {"report"}
    weights = "mine/weights/resnet-8/seed-0/model.safetensors"
    assert not (copy / weights).exists()
    run(copy, "dvc", "pull", "mine/dvc.yaml")
    assert (copy / weights).read_bytes() == (project / weights).read_bytes()
    assert ran(copy, "--dry", "mine/dvc.yaml") == {"report"}
    assert run(copy, "git", "status", "--porcelain").stdout == ""

    # An experiment with another schedule takes the place of its seeds' results, keeps them, and says what it is.
    trained = own / "runs/train/resnet-8"
    kept = (trained / "seed-1/metrics.json").read_bytes()
    changes = ("train.iterations=6", "models.resnet-8.train.seeds=1", "~models.plain-8")
    sets = [part for change in changes for part in ("-S", f"mine/params.yaml:{change}")]
    run(project, "dvc", "exp", "run", "-q", "-s", *sets, "mine/dvc.yaml:train@resnet-8", "mine/dvc.yaml:report")
    assert TrainingRecord.read(trained / "seed-0/metrics.json").iterations == 6
    (aside,) = (trained / ".aside").glob("*/seed-0/metrics.json")
    assert TrainingRecord.read(aside).iterations == 4
    assert (trained / "seed-1/metrics.json").read_bytes() == kept
    assert "6 iterations (the paper: 64,000)" in (own / "reports/statistics.md").read_text()


def order(output: str) -> list[str]:
    """The stages that ran, in their order, without their items."""
    lines = [line for line in output.splitlines() if line.startswith("Running stage '")]
    return [line.split("'")[1].rpartition(":")[2].split("@")[0] for line in lines]


@pytest.mark.parametrize("plan", [".", "small"])
def test_a_plan_beyond_the_limit_ends_with_its_forecast(project: Path, plan: str) -> None:
    """If the plan is most of what is there, DVC goes by the order of dvc.yaml."""
    folder = project if plan == "." else add_plan(project, plan, PARAMS)
    (folder / "params.yaml").write_text(PARAMS.replace("limits: {hours: 1}", "limits: {hours: 0.000001}"))
    experiment = ["exp", "run", "-S", "train.iterations=5"]
    for arguments in [["repro", f"{plan}/dvc.yaml"], *([experiment] if plan == "." else [])]:
        done = run(project, "dvc", *arguments, check=False)
        assert done.returncode != 0
        assert "forecast to take" in done.stdout + done.stderr
        assert order(done.stdout)[-1] == "forecast"
        assert not {"train", "throughput", "responses"} & {*order(done.stdout)}
    assert not (folder / "runs/train").exists()
    assert not [*folder.rglob("*.safetensors")]
    # Within the limit it goes on from there. (A dry run ends where weights are missing.)
    (folder / "params.yaml").write_text(PARAMS)
    planned = order(run(project, "dvc", "repro", "--dry", f"{plan}/dvc.yaml", check=False).stdout)
    assert planned[:2] == ["forecast", "train"]


ENDLESS = "plain-8: {net: plain, depth: 8, train: {seeds: 1000, iterations: 640000}}"


def test_one_net_is_asked_for_and_no_other_is_measured(project: Path) -> None:
    """A net that would take days is none of its business; its own forecast is."""
    params = PARAMS.replace("plain-8: {net: plain, depth: 8}", ENDLESS)
    (project / "params.yaml").write_text(params)
    done = run(project, "dvc", "repro", "train@resnet-8")
    assert running(done.stdout) == {"data", "train@resnet-8"}
    assert "plain-8" not in done.stdout + done.stderr
    assert (project / "runs/train/resnet-8/seed-0/metrics.json").exists()
    assert not (project / "runs/forecast").exists()
    refused = run(project, "dvc", "repro", "train@plain-8", check=False)
    assert refused.returncode != 0
    assert "forecast to take" in refused.stdout + refused.stderr
    assert dates(project / "runs/train/plain-8") == {}


def test_an_interrupted_measurement_leaves_the_earlier_result(project: Path) -> None:
    run(project, "dvc", "repro", "throughput")
    params = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(params.replace("repeats: 2", "repeats: 1000000"))
    commit(project, "measured, and to be measured for days")
    with subprocess.Popen(
        ["dvc", "repro", "throughput"],
        cwd=project,
        env=environment(project) | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # A shell starts its background jobs, and what they start, deaf to this signal.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as repro:
        assert repro.stdout is not None
        # DVC names a command before it starts it: a signal in between would reach DVC alone.
        next(line for line in repro.stdout if line.startswith("0 of 2 nets are measured"))
        os.killpg(repro.pid, signal.SIGINT)  # as Ctrl-C does
        # To the output's end: nothing that DVC has started is left. Its exit code is that of a shell, each its own.
        assert "resnet: interrupted\n" in repro.stdout.read()
    assert repro.returncode != 0
    assert run(project, "git", "status", "--porcelain").stdout == ""
    assert running(run(project, "dvc", "repro", "--dry", "throughput").stdout) == {"throughput"}
