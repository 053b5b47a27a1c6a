"""The script for machines without DVC, stopped in the midst of a net and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from resnet.params import load
from resnet.records import TrainingRecord

ROOT = Path(__file__).parent.parent.parent

PARAMS = """
data: {source: digits, dir: data/digits, validation: 200}
train:
  seeds: 1
  iterations: 300
  batch_size: 16
  precision: fp32
  device: cpu
  evaluate_every: 100
  checkpoint_every: 20
responses: {images: 50}
models:
  resnet-8-option-b: {net: resnet, depth: 8, model: {shortcut: B}}
  plain-8: {net: plain, depth: 8}
"""


@pytest.mark.slow
def test_it_stops_when_asked_and_goes_on_to_the_end(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(PARAMS)
    environment = os.environ | {"PYTHON": sys.executable, "PYTHONPATH": str(ROOT)}
    command = ["bash", str(ROOT / "bench/paper_runs.sh"), "resnet-8-option-b", "plain-8"]
    metrics = tmp_path / "runs/train/resnet-8-option-b/seed-0/metrics.json"
    checkpoint = metrics.with_name("checkpoint.safetensors")

    with subprocess.Popen(command, cwd=tmp_path, env=environment, start_new_session=True) as script:
        while not metrics.exists():
            assert script.poll() is None
            time.sleep(0.02)
        os.killpg(script.pid, signal.SIGTERM)  # as `timeout` does
    assert script.returncode == 130
    interrupted = TrainingRecord.read(metrics)
    assert interrupted.status == "interrupted"
    assert 20 <= interrupted.iteration < 300
    assert checkpoint.exists()

    subprocess.run(command, cwd=tmp_path, env=environment, check=True)
    done = TrainingRecord.read(metrics)
    assert (done.status, done.iteration, len(done.segments)) == ("done", 300, 2)
    assert not checkpoint.exists()
    for name in ("resnet-8-option-b", "plain-8"):
        assert (tmp_path / f"weights/{name}/seed-0/model.safetensors").exists()
        assert (tmp_path / f"runs/responses/{name}.json").exists()


def test_it_runs_every_net_of_the_papers_plan() -> None:
    script = (ROOT / "bench/paper_runs.sh").read_text()
    listed = script.split("names=(\n")[1].split(")\n")[0].split()
    assert sorted(listed) == sorted(load(ROOT / "params.yaml").models)
