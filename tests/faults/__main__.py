"""`python -m tests.faults`: kills real processes, tries bad inputs, and writes reliability.md."""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # a process with threads cannot be copied

# Loaded once, before the copies are made.
import resnet.measuring.evaluate
import resnet.report.pages
import resnet.runs.seeds
import resnet.tuning.sweep  # noqa: F401
from resnet import __version__
from resnet.files import remove_partials
from tests.faults import inputs, kills, sources
from tests.faults.processes import PATIENCE, Process
from tests.faults.processes import resnet as command
from tests.faults.tally import Tally

PARAMS = """
data: {source: small.zip, dir: data, validation: 10}
train: {iterations: 4, batch_size: 8, log_every: 2, evaluate_every: 2, checkpoint_every: 2, seeds: 1}
report: {bootstrap_samples: 100}
models: {resnet-8: {net: resnet, depth: 8, train: {precision: fp32, device: cpu}}}
"""
SHARES = {"data": 0.33, "download": 0.27, "train": 0.22, "report": 0.08, "sweep": 0.1}
"""Of the kills but those of `dvc repro`."""

Task = Callable[[Tally], None]


def main() -> None:
    """Try faults and write what they did; exit code 1 if any did harm."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="of real processes at random moments [200]")
    parser.add_argument("--repro", type=int, default=6, help="of them of `dvc repro` [6]")
    parser.add_argument("--inputs", type=int, default=1000, help="bad inputs [1000]")
    parser.add_argument("--short", action="store_true", help="a few of each kind")
    parser.add_argument("--seed", type=int, default=0, help="of everything that is random [0]")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="at once [one a core]")
    parser.add_argument("--out", type=Path, help="the page [reliability.md; with --short none]")
    chosen = parser.parse_args()
    if chosen.short:
        chosen.kills, chosen.repro, chosen.inputs = 10, 0, 100
    out = chosen.out or (None if chosen.short else Path("reliability.md"))
    os.environ.pop("CIFAR10_SOURCE", None)
    with tempfile.TemporaryDirectory() as name, kills.mirror(kills.ARCHIVE) as url:
        folder = Path(name)
        ground = _ground(folder)
        tasks = _kills(folder, ground, url, chosen.kills, chosen.repro, chosen.seed)
        tally = _together(tasks + _inputs(folder, ground, chosen.inputs, chosen.seed), folder, chosen.jobs)
    facts = {"version": __version__, "seed": chosen.seed, "patience": PATIENCE, "length": inputs.LENGTH}
    killed = sum(count for kind, count in tally.tried.items() if kind.startswith("kill"))
    page = tally.page(kills=killed, inputs=tally.tried.total() - killed, **facts)
    if out is not None:
        out.write_text(page, encoding="utf-8")
    print(page)
    sys.exit(1 if tally.failures else 0)


def _ground(folder: Path) -> Path:
    """What commands need: a source, prepared data, weights, results, and an unfinished run."""
    ground = folder / "ground"
    ground.mkdir()
    sources.make_sources(ground)
    (ground / "params.yaml").write_text(PARAMS)
    train = ("train", "--depth", 8, "--params", "params.yaml", "--out")
    steps: tuple[tuple[object, ...], ...] = (
        ("data", "--params", "params.yaml"),
        ("describe", "--params", "params.yaml", "--out", "runs/describe"),
        (*train, "runs/train/resnet-8"),
    )
    for arguments in steps:
        code = Process(command(*arguments), ground, folder / "steps.log").wait()
        assert code == 0, (folder / "steps.log").read_text()
    _leave_a_checkpoint(ground, folder)
    return ground


def _kills(folder: Path, ground: Path, url: str, count: int, repro: int, seed: int) -> list[tuple[str, Task]]:
    makers: dict[str, Callable[[Path], kills.Victim]] = {
        "train": kills.trained,
        "sweep": kills.swept,
        "report": kills.reported,
        "data": kills.prepared,
        "download": lambda place: kills.downloaded(place, url),
    }

    def task(name: str, make: Callable[[Path], kills.Victim], number: int) -> Task:
        def run(tally: Tally) -> None:
            place = shutil.copytree(ground, folder / f"kill-{name}")
            kills.kill(make(place), tally, number, random.Random(f"{seed} {name}"), folder / f"{name}.log")

        return run

    numbers = {name: max(1, round(SHARES[name] * (count - repro))) if count else 0 for name in makers}
    tasks = [(name, task(name, make, numbers[name])) for name, make in makers.items() if numbers[name]]
    return [("repro", task("repro", kills.pipeline, repro)), *tasks] if repro else tasks


def _inputs(folder: Path, ground: Path, count: int, seed: int) -> list[tuple[str, Task]]:
    def task(kind: str, number: int) -> Task:
        return lambda tally: inputs.try_kind(kind, ground, folder / f"work {kind.strip('-')}", tally, number, seed)

    numbers = {kind: max(1, round(share * count)) if count else 0 for kind, (_, share) in inputs.KINDS.items()}
    return [(kind, task(kind, number)) for kind, number in numbers.items() if number]


def _together(tasks: list[tuple[str, Task]], folder: Path, jobs: int) -> Tally:
    """Do tasks in processes of their own, some at once, and add up what they have counted, in their order."""
    results = {name: folder / f"tally {number}" for number, (name, _) in enumerate(tasks)}
    waiting, running = list(tasks), dict[str, Process]()
    while waiting or running:
        while waiting and len(running) < jobs:
            name, task = waiting.pop(0)
            running[name] = Process(partial(_count, task, results[name]), folder, folder / f"{results[name].name}.log")
        for name, process in list(running.items()):
            code = process.ended()
            if code is not None:
                print(f"{name}: {time.monotonic() - process.began:.0f} s", file=sys.stderr, flush=True)
                assert code == 0, f"{name}: {process.printed()}"
                del running[name]
        time.sleep(0.05)
    tally = Tally()
    for path in results.values():
        tally.merge(Tally.parse(path.read_text()))
    return tally


def _count(task: Task, result: Path) -> None:
    tally = Tally()
    task(tally)
    result.write_text(tally.dump())


def _leave_a_checkpoint(ground: Path, folder: Path) -> None:
    """An unfinished run of the same settings, stopped as soon as it has left a checkpoint."""
    file = ground / "unfinished/seed-0/checkpoint.safetensors"
    arguments = ("train", "--depth", 8, "--params", "params.yaml", "--out", "unfinished")
    process = Process(command(*arguments), ground, folder / "steps.log")
    while not file.exists():
        assert time.monotonic() - process.began < PATIENCE, (folder / "steps.log").read_text()
        time.sleep(0.002)
    process.send(signal.SIGKILL)
    process.wait()
    assert file.exists(), "it ended before it was stopped"
    remove_partials(file.parent)


if __name__ == "__main__":
    main()
