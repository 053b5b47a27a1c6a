"""What many runs on many devices cost beside their training, part by part: `python bench/coordination.py`.

docs/limits.md adds the parts up for a thousand runs. Each figure is the median of a few, in seconds, on this machine as
it is.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from resnet.data import read
from resnet.params import DataParams, Params, Settings, load
from resnet.runs.folders import seed_folders
from resnet.runs.locks import SeedLocks
from resnet.runs.run import Run
from resnet.runs.status import plan_status
from resnet.system import Machine

REPEATS = 5
SEEDS = 20
"""Of each net of the plan that is looked at: with 50 nets, a thousand runs."""


def seconds(work: Callable[[], Any], repeats: int = REPEATS) -> float:
    """Median time of a piece of work."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def take_and_leave(folder: Path) -> None:
    with SeedLocks([folder]) as locks:
        locks.take()


def checkpoint(settings: Settings, folder: Path) -> tuple[float, int]:
    """Time of a checkpoint with its results, and its bytes."""
    data = read("digits", DataParams(validation=200))
    run = Run(settings, 0, data, seed_folders(folder, 0), Machine(torch.device("cpu"), "fp32"))
    run.start()
    run.advance(lambda progress, learning_rate: None)
    return seconds(run.save), run.folders.checkpoint_file.stat().st_size


def thousand_runs(folder: Path, record: str) -> Params:
    """A plan of 50 nets whose 20 seeds each are all there: copies of one record."""
    nets = {f"resnet-8-{number}": {"net": "resnet", "depth": 8} for number in range(50)}
    for net in nets:
        for seed in range(SEEDS):
            path = folder / f"train/{net}/seed-{seed}/metrics.json"
            path.parent.mkdir(parents=True)
            path.write_text(record)
    return load(None, (f"models={json.dumps(nets)}", f"train.seeds={SEEDS}"))


def main() -> None:
    parts: dict[str, Any] = {}
    command = [sys.executable, "-c", "import resnet.runs.seeds"]
    parts["start of a process that trains"] = seconds(lambda: subprocess.run(command, check=True), 3)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parts["a seed's lock, taken and left"] = seconds(lambda: take_and_leave(folder / "seed-0"), 100)
        for depth in (20, 110):
            settings = load(None, ("train.batch_size=16",)).settings_for("resnet", depth)
            took, size = checkpoint(settings, folder / str(depth))
            parts[f"a checkpoint of ResNet-{depth}, of {size / 1e6:.1f} MB"] = took
        record = (folder / "20/seed-0/metrics.json").read_text()
        plan = thousand_runs(folder / "runs", record)
        parts["a look at the status of 1,000 runs"] = seconds(lambda: plan_status(plan, folder / "runs"), 3)
    for part, taken in parts.items():
        print(f"{taken:10.4f} s  {part}", flush=True)


if __name__ == "__main__":
    main()
