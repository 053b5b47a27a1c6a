"""Kills at random moments: a command, given again, must end with the bits that it has without a kill."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from resnet.data.sources import download
from resnet.results import SweepRecord
from tests.faults.processes import Process, resnet
from tests.faults.tally import Tally, digest
from tests.pipeline.project import environment, make_project

SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
ARCHIVE = b"0123456789abcdef" * 2**16
"""What the mirror sends."""
ROUNDS = 3
"""Kills in a row before a command may end."""


@dataclass
class Victim:
    """A command that is killed.

    Args:
        name: for the table.
        call: what runs.
        folder: where.
        result: what must be there after it, as it is without a kill.
        whole: what is wrong with what a kill has left; empty if nothing is.
        clean: makes the folder as it was before the command ran first.
    """

    name: str
    call: Callable[[], object]
    folder: Path
    result: Callable[[], object]
    whole: Callable[[], str]
    clean: Callable[[], object]


def remove(*paths: Path) -> None:
    """Remove files and folders, as far as they are there."""
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def files(folder: Path, *endings: str) -> dict[str, bytes]:
    """The files of some endings below a folder, with their content."""
    return {name: content for name, content in digest(folder).items() if name.endswith(endings)}


def leftovers(folder: Path) -> list[str]:
    """Temporary files below a folder."""
    return [str(path.relative_to(folder)) for path in folder.rglob("*.partial")]


def kill(victim: Victim, tally: Tally, kills: int, chance: random.Random, output: Path) -> None:
    """Kill a command so many times, `ROUNDS` in a row, then let it end and compare."""
    victim.clean()
    began = time.monotonic()
    code = Process(victim.call, victim.folder, output).wait()
    lasted, wanted = time.monotonic() - began, victim.result()
    kind = f"kill: {victim.name}"
    if code != 0:
        tally.add(kind, "hung" if code is None else "lost", f"it fails without a kill ({code})")
        return
    while kills > 0:
        victim.clean()
        harms: list[tuple[str, str]] = []
        in_a_row = min(ROUNDS, kills)
        for _ in range(in_a_row):
            number = chance.choice(SIGNALS)
            process = Process(victim.call, victim.folder, output)
            time.sleep(chance.uniform(0, lasted))
            process.send(number)
            code = process.wait()
            if code is None:
                harms.append(("hung", f"by signal {number}"))
            elif "Traceback" in process.printed():
                harms.append(("tracebacks", process.printed()[-300:]))
            elif wrong := victim.whole():
                harms.append(("lost", wrong))
            else:
                tally.add(kind)
        process = Process(victim.call, victim.folder, output)
        code = process.wait()
        if code != 0:
            harms.append(("hung" if code is None else "lost", f"started again: {code}: {process.printed()[-300:]}"))
        elif victim.result() != wanted:
            harms.append(("lost", f"started again it ends with other results: {process.printed()[-200:]}"))
        elif left := leftovers(victim.folder):
            harms.append(("lost", f"temporary files stay: {left}"))
        for harm, example in harms:
            tally.add(kind, harm, example)
        kills -= in_a_row


SETTINGS = (
    "--set=data={source: small.zip, dir: data, validation: 10}",
    "--set=train={iterations: 12, batch_size: 8, log_every: 2, evaluate_every: 4, checkpoint_every: 2, seeds: 1}",
    "--set=train.precision=fp32",
    "--set=train.device=cpu",
)
SWEEP = "--set=sweep={nets: [resnet-8], trials: 3, iterations: 6, evaluate_every: 2, dead_after: 30}"
NETS = "--set=models={resnet-8: {net: resnet, depth: 8}}"
PREPARE = resnet("data", *SETTINGS)
TRAIN = resnet("train", "--depth", 8, "--out", "runs/train/resnet-8", *SETTINGS, NETS)


def unreadable(record: Path) -> str:
    """What is wrong with a record, if it is there."""
    try:
        json.loads(record.read_bytes())
    except FileNotFoundError:
        return ""
    except ValueError as error:
        return f"{record}: {error}"
    return ""


def prepared(folder: Path) -> Victim:
    """`resnet data`."""
    return Victim(
        "resnet data",
        PREPARE,
        folder,
        lambda: files(folder / "data", ".npy", ".json"),
        lambda: unreadable(folder / "data/data.json"),
        lambda: remove(folder / "data"),
    )


def downloaded(folder: Path, url: str) -> Victim:
    """A download."""
    target = folder / "cache/archive.tar.gz"

    def fetch() -> None:
        md5 = hashlib.md5(ARCHIVE, usedforsecurity=False).hexdigest()
        try:
            download([url], target, md5)
        except KeyboardInterrupt:  # as the command does
            sys.exit(130)

    def whole() -> str:
        return "" if not target.exists() or target.read_bytes() == ARCHIVE else f"{target}: half"

    return Victim("a download", fetch, folder, target.read_bytes, whole, lambda: remove(folder / "cache"))


def trained(folder: Path) -> Victim:
    """`resnet train`."""
    return Victim(
        "resnet train",
        TRAIN,
        folder,
        lambda: files(folder / "runs/train", ".npy", ".csv", "model.safetensors"),
        lambda: unreadable(folder / "runs/train/resnet-8/seed-0/metrics.json"),
        lambda: remove(folder / "runs"),
    )


def reported(folder: Path) -> Victim:
    """`resnet report` over an earlier report of the same files."""
    earlier: dict[str, bytes] = {}

    def result() -> object:
        earlier.update(digest(folder / "reports"))
        return digest(folder / "reports")

    def whole() -> str:
        now = digest(folder / "reports")
        return next((name for name, content in now.items() if earlier.get(name, content) != content), "")

    call = resnet("report", *SETTINGS, NETS, "--set=report.bootstrap_samples=100")
    return Victim("resnet report", call, folder, result, whole, lambda: None)


def swept(folder: Path) -> Victim:
    """`resnet sweep`: all its trials, in as many attempts as it takes.

    A killed trial is made again later, and what is drawn after it differs: the plan's own values alone are compared.
    """
    record = folder / "sweep/resnet-8.json"

    def result() -> object:
        trials = [trial for trial in SweepRecord.read(record).trials if trial.state == "complete"]
        own = [trial.validation_errors for trial in trials if trial.values and trial.values.learning_rate == 0.1]
        return own[:1], min(len(trials), 3)

    call = resnet("sweep", "--out", "sweep", *SETTINGS, NETS, SWEEP)
    return Victim("resnet sweep", call, folder, result, lambda: unreadable(record), lambda: remove(folder / "sweep"))


def pipeline(folder: Path) -> Victim:
    """`dvc repro` of a net of a plan of seconds, and of all that it depends on."""
    project = make_project(folder / "project")

    def call() -> None:
        os.execvpe("dvc", ["dvc", "repro", "train@resnet-8"], environment(project))

    def result() -> object:
        return files(project / "runs/train", ".npy", ".csv") | files(project / "weights", ".safetensors")

    def clean() -> None:
        remove(project / "runs", project / "weights", project / "reports", project / "data", project / "dvc.lock")

    return Victim("dvc repro", call, project, result, lambda: "", clean)


@contextmanager
def mirror(content: bytes) -> Iterator[str]:
    """A server, in a process of its own, that sends a file slowly."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            for piece in range(0, len(content), 2**15):
                self.wfile.write(content[piece : piece + 2**15])
                time.sleep(0.01)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    process = Process(server.serve_forever, Path("/"), Path(os.devnull))
    server.server_close()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/archive.tar.gz"
    finally:
        process.send(signal.SIGKILL)
        process.wait()
