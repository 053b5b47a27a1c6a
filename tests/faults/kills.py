"""Kills at random moments: a command, given again, must end with the bits that it has without a kill."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from resnet.results import SweepRecord
from tests.faults.processes import Process, resnet
from tests.faults.tally import Outcome, digest
from tests.pipeline.project import environment, make_project

SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
ROUNDS = 3
"""Kills in a row before a command may end."""

SETTINGS = (
    "--set=data={source: small.zip, dir: data, validation: 10}",
    "--set=train={iterations: 12, batch_size: 8, log_every: 2, evaluate_every: 4, checkpoint_every: 2, seeds: 1}",
    "--set=train.precision=fp32",
    "--set=train.device=cpu",
    "--set=models={resnet-8: {net: resnet, depth: 8}}",
)
SWEEP = "--set=sweep={nets: [resnet-8], trials: 3, iterations: 6, evaluate_every: 2, dead_after: 5}"


class Victim(NamedTuple):
    """A command that is killed."""

    name: str
    call: Callable[[], object]
    folder: Path
    """Where it runs."""
    result: Callable[[], Mapping[str, object]]
    """What must be there after it, as it is without a kill."""
    made: tuple[Path, ...]
    """Removed, they leave the folder as it was before the command ran first."""
    grows: bool = False
    """Whether a part of the result may be there before its end."""

    def clean(self) -> None:
        for path in self.made:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def damage(self, wanted: Mapping[str, object]) -> str:
        """What is wrong with what a kill has left; empty if nothing is."""
        for record in self.folder.rglob("*.json"):
            try:
                json.loads(record.read_bytes())
            except ValueError as error:
                return f"{record}: {error}"
        there = {} if self.grows else self.result()
        return next((f"{name}: another content" for name in there if there[name] != wanted.get(name)), "")


def kill(victim: Victim, kills: int, chance: random.Random, output: Path) -> list[Outcome]:
    """Kill a command so many times, `ROUNDS` in a row, then let it end and compare."""
    kind, outcomes = f"kill: {victim.name}", list[Outcome]()

    def add(harm: str | None = None, example: str = "") -> None:
        outcomes.append(Outcome(kind, harm, example))

    def start() -> Process:
        return Process(victim.call, victim.folder, output)

    victim.clean()
    began = time.monotonic()
    code = start().end()
    lasted, wanted = time.monotonic() - began, victim.result() if code == 0 else {}
    if code != 0:
        add("hung" if code is None else "lost", f"it fails without a kill ({code})")
        return outcomes
    for number in range(kills):
        if number % ROUNDS == 0:
            victim.clean()
        process, chosen = start(), chance.choice(SIGNALS)
        time.sleep(chance.uniform(0, lasted))
        process.send(chosen)
        if process.end() is None:
            add("hung", f"by signal {chosen}")
        elif "Traceback" in process.printed():
            add("tracebacks", process.printed()[-300:])
        else:
            wrong = victim.damage(wanted)
            add("lost" if wrong else None, wrong)
        if number % ROUNDS != ROUNDS - 1 and number != kills - 1:
            continue
        process = start()
        code = process.end()
        left = [str(path) for path in victim.folder.rglob("*.partial")]
        if code != 0:
            add("hung" if code is None else "lost", f"started again: {code}: {process.printed()[-300:]}")
        elif victim.result() != wanted:
            add("lost", f"started again it ends with other results: {process.printed()[-200:]}")
        elif left:
            add("lost", f"temporary files stay: {left}")
    return outcomes


def files(folder: Path, *endings: str) -> dict[str, object]:
    """The files of some endings below a folder, with their content."""
    return {name: content for name, content in digest(folder).items() if name.endswith(endings)}


def prepared(folder: Path) -> Victim:
    """`resnet data`."""
    data = folder / "data"
    return Victim("resnet data", resnet("data", *SETTINGS), folder, lambda: files(data, ".npy", ".json"), (data,))


def trained(folder: Path) -> Victim:
    """`resnet train`."""
    out = folder / "runs/train"
    call = resnet("train", "--depth", 8, "--out", out / "resnet-8", *SETTINGS)
    return Victim("resnet train", call, folder, lambda: files(out, ".npy", ".csv", "model.safetensors"), (out,), True)


def reported(folder: Path) -> Victim:
    """`resnet report` over an earlier report of the same files."""
    call = resnet("report", *SETTINGS)
    return Victim("resnet report", call, folder, lambda: files(folder / "reports", ""), ())


def swept(folder: Path) -> Victim:
    """`resnet sweep`: all its trials, in as many attempts as it takes.

    A killed trial is made again later, and what is drawn after it differs: the plan's own values alone are compared.
    """

    def result() -> dict[str, object]:
        trials = [x for x in SweepRecord.read(folder / "sweep/resnet-8.json").trials if x.state == "complete"]
        own = [trial.validation_errors for trial in trials if trial.values and trial.values.learning_rate == 0.1]
        return {"own": own[:1], "complete": min(len(trials), 3)}

    call = resnet("sweep", "--out", "sweep", *SETTINGS, SWEEP)
    return Victim("resnet sweep", call, folder, result, (folder / "sweep",), True)


def pipeline(folder: Path) -> Victim:
    """`dvc repro` of a net of a plan of seconds, and of all that it depends on."""
    project = make_project(folder / "project")
    made = tuple(project / name for name in ("runs", "weights", "reports", "data", "dvc.lock"))

    def call() -> None:
        os.execvpe("dvc", ["dvc", "repro", "train@resnet-8"], environment(project))

    def result() -> dict[str, object]:
        return files(project / "runs/train", ".npy", ".csv") | files(project / "weights", ".safetensors")

    return Victim("dvc repro", call, project, result, made, True)


VICTIMS = {"train": trained, "sweep": swept, "report": reported, "data": prepared}
"""But for `dvc repro`, of which fewer are killed."""
