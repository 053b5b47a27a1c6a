"""Kills at random moments: a command, given again, must end with the bits that it has without a kill."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import NamedTuple

from resnet.cli import main
from resnet.files import PARTIAL
from resnet.results import SweepRecord
from tests.faults.tally import Outcome, digest

SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
ROUNDS = 3
"""Kills in a row before a command may end."""
PATIENCE = 300.0
"""Seconds after which a command counts as hung."""

SETTINGS = (
    "--set=data={source: small.zip, dir: data, validation: 10}",
    "--set=train={iterations: 12, batch_size: 8, log_every: 2, evaluate_every: 4, checkpoint_every: 2, seeds: 1}",
    "--set=train.precision=fp32",
    "--set=train.device=cpu",
    "--set=models={resnet-8: {net: resnet, depth: 8}}",
)
SWEEP = "--set=sweep={nets: [resnet-8], trials: 3, iterations: 6, evaluate_every: 2, dead_after: 5}"


def start(arguments: tuple[object, ...], folder: Path, output: Path) -> ForkProcess:
    """Start `resnet` in a copy of this process, which has loaded everything and started no threads.

    The copy has a process group of its own; its standard output and error are in a file.
    """

    def run() -> None:
        os.setsid()
        os.chdir(folder)
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        sys.argv = ["resnet", *map(str, arguments)]
        main()

    process = get_context("fork").Process(target=run)
    process.start()
    return process


def send(process: ForkProcess, number: int) -> None:
    """Send a signal to a process and to all that it has started."""
    assert process.pid is not None
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def end(process: ForkProcess) -> int | None:
    """Wait for an exit code, negative for a signal; None of a process that has hung, and then it is killed."""
    process.join(PATIENCE)
    code = process.exitcode
    if code is None:
        send(process, signal.SIGKILL)
        process.join()
    return code


class Victim(NamedTuple):
    """A command that is killed."""

    arguments: tuple[object, ...]
    result: Callable[[], Mapping[str, object]]
    """What must be there after it, as it is without a kill."""
    made: str | None
    """A folder whose absence leaves everything as it was before the command ran first."""
    grows: bool = False
    """Whether a part of the result may be there before its end."""


def victim(name: str, folder: Path) -> Victim:
    """The command of this name in a folder that holds what it needs."""

    def files(place: str, *endings: str) -> dict[str, object]:
        there = digest(folder / place).items()
        return {name: x for name, x in there if name.endswith(endings) and not name.endswith(PARTIAL)}

    def swept() -> dict[str, object]:
        """A killed trial is made again, and what is drawn after it differs: the plan's own values are compared.

        Others may diverge or be pruned, and a kill may make one more.
        """
        trials = [x for x in SweepRecord.read(folder / "sweep/resnet-8.json").trials if x.state != "unfinished"]
        return {"own": trials[:1] and trials[0].validation_errors, "ended": min(len(trials), 3)}

    train = ("train", "--depth", 8, "--out", "runs/train/resnet-8", *SETTINGS)
    endings = (".npy", ".csv", "model.safetensors")
    return {
        "train": Victim(train, lambda: files("runs/train", *endings), "runs/train", True),
        "sweep": Victim(("sweep", "--out", "sweep", *SETTINGS, SWEEP), swept, "sweep", True),
        "report": Victim(("report", *SETTINGS), lambda: files("reports", ""), None),
        "data": Victim(("data", *SETTINGS), lambda: files("data", ".npy", ".json"), "data"),
    }[name]


def kill(name: str, kills: int, folder: Path, seed: int) -> list[Outcome]:
    """Kill a command so many times, `ROUNDS` in a row, then let it end and compare."""
    shutil.copytree(folder.parent / "ground", folder)
    killed, output, chance = victim(name, folder), folder.with_suffix(".log"), random.Random(f"{seed} {name}")
    outcomes: list[Outcome] = []

    def add(harm: str | None = None, example: str = "") -> None:
        outcomes.append(Outcome(f"kill: resnet {name}", harm, example))

    def clean() -> None:
        if killed.made is not None:
            shutil.rmtree(folder / killed.made, ignore_errors=True)

    def damage() -> str:
        """What is wrong with what a kill has left; empty if nothing is."""
        for record in folder.rglob("*.json"):
            try:
                json.loads(record.read_bytes())
            except ValueError as error:
                return f"{record}: {error}"
        there = {} if killed.grows else killed.result()
        return next((f"{file}: another content" for file in there if there[file] != wanted.get(file)), "")

    clean()
    began = time.monotonic()
    code = end(start(killed.arguments, folder, output))
    lasted, wanted = time.monotonic() - began, killed.result() if code == 0 else {}
    if code != 0:
        add("hung" if code is None else "lost", f"it fails without a kill ({code})")
        return outcomes
    for number in range(kills):
        if number % ROUNDS == 0:
            clean()
        process, chosen = start(killed.arguments, folder, output), chance.choice(SIGNALS)
        time.sleep(chance.uniform(0, lasted))
        send(process, chosen)
        if end(process) is None:
            add("hung", f"by signal {chosen}")
        elif output.exists() and "Traceback" in (printed := output.read_text("utf-8", "replace")):
            add("tracebacks", printed[-300:])
        else:
            wrong = damage()
            add("lost" if wrong else None, wrong)
        if number % ROUNDS != ROUNDS - 1 and number != kills - 1:
            continue
        code = end(start(killed.arguments, folder, output))
        left = [str(path) for path in folder.rglob(f"*{PARTIAL}")]
        if code != 0 or killed.result() != wanted or left:
            add(
                "hung" if code is None else "lost",
                f"again: {code}, {left}: {output.read_text('utf-8', 'replace')[-300:]}",
            )
    return outcomes


VICTIMS = ("train", "sweep", "report", "data")
