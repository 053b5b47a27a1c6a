"""What many runs on many devices cost beside their training, part by part: `python bench/coordination.py`.

docs/limits.md adds the parts up for a thousand runs. Each figure is the median of a few: seconds by the clock, and of
processor time, which other programs on the machine do not lengthen much.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch

from resnet.data import read
from resnet.params import DataParams, Params, Settings, load
from resnet.results import HistoryRow
from resnet.runs.folders import seed_folders
from resnet.runs.live import EVENTS, LiveCurve
from resnet.runs.locks import SeedLocks
from resnet.runs.run import Run
from resnet.runs.status import plan_status
from resnet.system import Machine

REPEATS = 3
SEEDS = 20
"""Of each net of the plan that is looked at: with 50 nets, a thousand runs."""


class Cost(NamedTuple):
    seconds: float
    processor: float


def processor_time() -> float:
    """Seconds that this process and its ended children computed or read and wrote."""
    return sum(os.times()[:4])


def cost(work: Callable[[], Any], repeats: int = REPEATS) -> Cost:
    """Median cost of a piece of work; where it is short, of many in a row."""
    costs = []
    for _ in range(REPEATS):
        began, computed = time.perf_counter(), processor_time()
        for _ in range(repeats):
            work()
        costs.append(((time.perf_counter() - began) / repeats, (processor_time() - computed) / repeats))
    return Cost(*(statistics.median(column) for column in zip(*costs, strict=True)))


def take_and_leave(folder: Path) -> None:
    with SeedLocks([folder]) as locks:
        locks.take()


def checkpoint(settings: Settings, folder: Path) -> tuple[Cost, int]:
    """Cost of a checkpoint with its results, and its bytes."""
    data = read("digits", DataParams(validation=200))
    run = Run(settings, 0, data, seed_folders(folder, 0), Machine(torch.device("cpu"), "fp32"))
    run.start()
    run.advance(lambda progress, learning_rate: None)
    return cost(run.save, 1), run.folders.checkpoint_file.stat().st_size


def curve(folder: Path) -> tuple[Cost, int]:
    """Cost and bytes of what a checkpoint adds for TensorBoard: 10 rows, the last of them with all errors."""
    live = LiveCurve(folder, 128)
    rows: list[HistoryRow] = []

    def save() -> None:
        for end in range(len(rows) + 1, len(rows) + 11):
            test_error = 10.0 if end % 10 == 0 else None
            rows.append(HistoryRow(100 * end, end / 4, 0.1, 1 / end, 50 / end, test_error, test_error))
        live.write(rows, ())

    save()  # which loads TensorBoard
    taken = cost(save, 20)  # in all the rows of a run
    (events,) = folder.glob(f"{EVENTS}*")
    return taken, 10 * events.stat().st_size // len(rows)


def thousand_runs(folder: Path, record: str) -> Params:
    """A plan of 50 nets whose 20 seeds each are all there: copies of one record."""
    nets = {f"resnet-8-{number}": {"net": "resnet", "depth": 8} for number in range(50)}
    for net in nets:
        for seed in range(SEEDS):
            path = folder / f"train/{net}/seed-{seed}/metrics.json"
            path.parent.mkdir(parents=True)
            path.write_text(record)
    return load(None, (f"models={json.dumps(nets)}", f"train.seeds={SEEDS}"))


def parts(folder: Path) -> Iterator[tuple[str, Cost]]:
    yield "a seed's lock, taken and left", cost(lambda: take_and_leave(folder / "seed-0"), 5_000)
    for depth in (20, 110):
        settings = load(None, ("train.batch_size=16",)).settings_for("resnet", depth)
        taken, size = checkpoint(settings, folder / str(depth))
        yield f"a checkpoint of ResNet-{depth} and its results, {size / 1e6:.1f} MB", taken
    taken, size = curve(folder / "20/seed-0")
    yield f"a checkpoint's curves for TensorBoard, {size / 1e3:.1f} kB", taken
    record = (folder / "20/seed-0/metrics.json").read_text()
    plan = thousand_runs(folder / "runs", record)
    yield "a look at the status of 1,000 runs", cost(lambda: plan_status(plan, folder / "runs"), 1)
    command = [sys.executable, "-c", "import resnet.runs.seeds"]
    yield "the start of a process that trains", cost(lambda: subprocess.run(command, check=True), 1)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        for part, (seconds, processor) in parts(Path(name)):
            print(f"{1e3 * seconds:10.3f} ms  {1e3 * processor:10.3f} ms of a processor  {part}", flush=True)


if __name__ == "__main__":
    main()
