"""The pipeline, run by DVC for real: one stage at a time, interrupted, cloned, and changed by -S."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from resnet.results import TrainingRecord
from tests.pipeline.project import PARAMS, ROOT, clone, commit, environment, run, running

pytestmark = pytest.mark.slow


def stage_dates(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("metrics.json")}


def test_from_start_to_summary_then_clone_then_change(project: Path, tmp_path: Path) -> None:
    run(project, "dvc", "repro")
    summary = (project / "reports/summary.md").read_text()
    assert "resnet-8" in summary
    assert "Not CIFAR-10" in summary
    metrics = json.loads(run(project, "dvc", "metrics", "show", "--json").stdout)
    shown: dict[str, Any] = metrics[""]["data"]["reports/metrics.json"]["data"]
    assert (shown["done"], shown["planned"], set(shown["error"])) == (2, 2, {"resnet-8", "plain-8"})
    plots = run(project, "dvc", "plots", "show")
    page = Path(plots.stdout.strip().removeprefix("file://"))
    assert "vega" in page.read_text().lower()
    assert running(run(project, "dvc", "repro").stdout) == {"report"}

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
    commit(project, "results")
    tracked = run(project, "git", "ls-files").stdout.splitlines()
    assert "runs/train/plain-8/seed-1/metrics.json" in tracked
    assert not [name for name in tracked if name.endswith((".safetensors", "_images.npy"))]

    # A fresh clone without a remote trains and measures nothing again, and rebuilds the report.
    copy = clone(project, tmp_path / "clone")
    (copy / "reports/summary.md").unlink()
    assert running(run(copy, "dvc", "repro", "--allow-missing").stdout) == {"report"}
    assert run(copy, "git", "status", "--porcelain").stdout == ""

    # An experiment with another schedule takes the place of its seeds' results, keeps them, and says what it is.
    kept = (project / "runs/train/resnet-8/seed-1/metrics.json").read_bytes()
    run(project, "dvc", "exp", "run", "-q", "-S", "train.iterations=6", "-S", "train.seeds=1", "-S", "~models.plain-8")
    record = TrainingRecord.read(project / "runs/train/resnet-8/seed-0/metrics.json")
    assert record.iterations == 6
    (aside,) = (project / "runs/train/resnet-8/.aside").glob("*/seed-0/metrics.json")
    assert TrainingRecord.read(aside).iterations == 4
    assert (project / "runs/train/resnet-8/seed-1/metrics.json").read_bytes() == kept
    assert "6 of the paper's 64,000 iterations" in (project / "reports/statistics.md").read_text()


def order(output: str) -> list[str]:
    """The stages that ran, in their order, without their items."""
    lines = [line for line in output.splitlines() if line.startswith("Running stage '")]
    return [line.split("'")[1].rpartition(":")[2].split("@")[0] for line in lines]


@pytest.mark.parametrize("plan", [".", "small"])
def test_a_plan_beyond_the_limit_ends_with_its_forecast(project: Path, plan: str) -> None:
    """Where the plan is most of what is there, DVC goes by the order of dvc.yaml."""
    folder = project / plan
    if plan == "small":
        folder.mkdir()
        shutil.copy(ROOT / "quickstart/dvc.yaml", folder)
        (folder / "params.yaml").write_text(PARAMS)
    (folder / "params.yaml").write_text(PARAMS.replace("limits: {hours: 1}", "limits: {hours: 0.000001}"))
    for targets in [[f"{plan}/dvc.yaml"], *([[]] if plan == "." else [])]:
        done = run(project, "dvc", "repro", *targets, check=False)
        assert done.returncode != 0
        assert "forecast to take" in done.stdout + done.stderr
        assert order(done.stdout)[-1] == "forecast"
        assert not {"train", "throughput", "responses"} & {*order(done.stdout)}
    assert not (folder / "runs/train").exists()
    assert not (folder / "weights").exists()
    # Within the limit it goes on from there. (A dry run ends where weights are missing.)
    (folder / "params.yaml").write_text(PARAMS)
    planned = order(run(project, "dvc", "repro", "--dry", f"{plan}/dvc.yaml", check=False).stdout)
    assert planned[:2] == ["forecast", "train"]


OWN = """
data: {source: digits, dir: data/digits, validation: 200}
model: {}
train: {seeds: 1, iterations: 4, batch_size: 16}
throughput: {batch_size: 4, steps: 1, repeats: 1}
responses: {images: 50}
evaluate: {}
latency: {nets: [], depths: [], batch_sizes: [2], modes: [eager], seconds: 0.01}
limits: {}
models:
  resnet-8: {net: resnet, depth: 8}
"""


def test_a_plan_of_ones_own_leaves_out_what_has_the_papers_value(project: Path) -> None:
    own = project / "mine"
    own.mkdir()
    shutil.copy(ROOT / "quickstart/dvc.yaml", own)
    (own / "params.yaml").write_text(OWN.replace("limits: {}\n", ""))
    refused = run(project, "dvc", "repro", "mine/dvc.yaml:data", check=False)
    assert "which may be empty: add `limits: {}`" in refused.stderr
    assert not (own / "data").exists()
    (own / "params.yaml").write_text(OWN)
    run(project, "dvc", "repro", "mine/dvc.yaml")
    assert running(run(project, "dvc", "repro", "mine/dvc.yaml").stdout) == {"mine/dvc.yaml:report"}
    throughput = own / "runs/throughput/resnet-8.json"
    before = throughput.read_bytes()
    with (own / "params.yaml").open("a") as file:
        file.write("  plain-8: {net: plain, depth: 8}\n")
    added = running(run(project, "dvc", "repro", "mine/dvc.yaml").stdout)
    stages = ("describe", "forecast", "train@plain-8", "throughput", "responses", "report")
    assert added == {f"mine/dvc.yaml:{stage}" for stage in stages}
    assert throughput.read_bytes() == before
    for kind in ("throughput", "responses"):
        assert (own / f"runs/{kind}/plain-8.json").exists()


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
    assert stage_dates(project / "runs/train/plain-8") == {}


def test_a_plan_beyond_the_limit_stops_before_training(project: Path) -> None:
    done = run(project, "dvc", "exp", "run", "-S", "limits.hours=0.000001", check=False)
    assert done.returncode != 0
    assert "forecast to take" in done.stdout + done.stderr
    assert stage_dates(project / "runs/train") == {}


def test_an_interrupted_measurement_leaves_the_earlier_result(project: Path) -> None:
    run(project, "dvc", "repro", "throughput")
    commit(project, "measured")
    params = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(params.replace("repeats: 2", "repeats: 1000000"))
    commit(project, "measured for days")
    with subprocess.Popen(
        ["dvc", "repro", "throughput"],
        cwd=project,
        env=environment(project) | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A shell starts its background jobs, and what they start, deaf to this signal.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as repro:
        assert repro.stdout is not None
        next(line for line in repro.stdout if line.startswith("> python -m resnet throughput"))
        os.killpg(repro.pid, signal.SIGINT)  # as Ctrl-C does
    assert repro.returncode != 0
    assert run(project, "git", "status", "--porcelain").stdout == ""
    assert running(run(project, "dvc", "repro", "--dry", "throughput").stdout) == {"throughput"}
