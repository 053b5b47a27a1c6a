"""`python -m tests.faults`: kills real processes, tries bad inputs, and prints what they did as a page."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # a process with threads cannot be copied

# Loaded once, before the copies are made.
import resnet.measuring.evaluate
import resnet.report.pages
import resnet.runs.seeds
import resnet.tuning.sweep  # noqa: F401
from resnet import __version__
from resnet.files import remove_partials
from tests.faults.inputs import KINDS, try_kind
from tests.faults.kills import VICTIMS, end, kill, send, start
from tests.faults.sources import make_sources
from tests.faults.tally import Outcome, page
from tests.pipeline.project import ROOT, environment

PARAMS = """
data: {source: small.zip, dir: data, validation: 10}
model: {}
train: {iterations: 4, batch_size: 8, log_every: 2, evaluate_every: 2, checkpoint_every: 2, seeds: 1}
throughput: {}
responses: {}
evaluate: {}
latency: {}
limits: {}
report: {}
models: {resnet-8: {net: resnet, depth: 8, train: {precision: fp32, device: cpu}}}
"""


def main() -> None:
    """Try faults and print what they did; exit code 1 if any did harm."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="of real processes at random moments [200]")
    parser.add_argument("--inputs", type=int, default=1000, help="bad inputs [1000]")
    parser.add_argument("--seed", type=int, default=0, help="of everything that is random [0]")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="at once [one a core]")
    chosen = parser.parse_args()
    os.environ.pop("CIFAR10_SOURCE", None)
    with tempfile.TemporaryDirectory() as name:
        folder, outcomes = Path(name), list[Outcome]()
        _make_ground(folder)
        tasks = {f"kill {name}": partial(kill, name, n) for name, n in shares(chosen.kills, VICTIMS).items()}
        tasks |= {kind: partial(try_kind, kind, count) for kind, count in shares(chosen.inputs, [*KINDS]).items()}
        # Kills come first: inputs leave threads, and a process with threads cannot be copied.
        with ProcessPoolExecutor(chosen.jobs, mp_context=get_context("fork")) as pool:
            for done in [pool.submit(_timed, key, task, folder, chosen.seed) for key, task in tasks.items()]:
                outcomes += done.result()
    print(page(outcomes, f"version {__version__}, seed {chosen.seed}"))
    sys.exit(1 if any(outcome.harm for outcome in outcomes) else 0)


def shares(count: int, names: Sequence[str]) -> dict[str, int]:
    """Divide a count among names as equally as can be."""
    numbers = {name: (count + i) // len(names) for i, name in enumerate(names)}
    return {name: number for name, number in numbers.items() if number > 0}


def _timed(name: str, task: Callable[[Path, int], list[Outcome]], folder: Path, seed: int) -> list[Outcome]:
    began = time.monotonic()
    outcomes = task(folder / f"work {name}", seed)
    print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return outcomes


def _make_ground(folder: Path) -> None:
    """What commands need: a source, prepared data, weights, results in DVC's books, and an unfinished run."""
    ground, log = folder / "ground", folder / "steps.log"
    ground.mkdir()
    (folder / "resnet").symlink_to(ROOT / "resnet")  # the parameters that ../resnet/... of the plan's stages name
    shutil.copy(ROOT / "quickstart/dvc.yaml", ground)
    subprocess.run(["dvc", "init", "--quiet", "--no-scm"], cwd=folder, env=environment(folder), check=True)
    make_sources(ground)
    (ground / "params.yaml").write_text(PARAMS)
    train = ("train", "--depth", 8, "--params", "params.yaml", "--out")
    for arguments in (("data",), ("describe",), (*train, "runs/train/resnet-8"), ("check",), ("adopt",)):
        code = end(start(arguments, ground, log))
        assert code == 0, log.read_text()
    # An unfinished run of the same settings, stopped as soon as it has left a checkpoint.
    file = ground / "unfinished/seed-0/checkpoint.safetensors"
    process = start((*train, "unfinished"), ground, log)
    while not file.exists():
        assert process.is_alive(), log.read_text()
        time.sleep(0.002)
    send(process, signal.SIGKILL)
    process.join()
    assert file.exists(), "it ended before it was stopped"
    remove_partials(file.parent)


if __name__ == "__main__":
    main()
