"""One call to a lent machine: its place, its time limit, its steps and the archive that it leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ORDER = ("steps.json", "runs", "rates", "profiles", "logs", "weights", "checkpoints")
"""What the archive takes, first things first."""
RESERVE = 10.0
"""Seconds at a call's end for the archive."""
GRACE = 20.0
"""Seconds from the request to stop, at which a training saves its checkpoints, to the kill."""
SHORTEST = 5.0
"""A step that has fewer seconds is not begun."""


class Call:
    """One call: its place, its time limit, its steps and its archive.

    Args:
        place: where everything lies.
        archive: the archive's path.
        archive_bytes: what the archive may have.
        seconds: the call's time limit.
        every: seconds after which the archive is written anew during a step.
        patience: by which the time limits of steps are multiplied, on a machine slower than a GPU's.
    """

    def __init__(
        self, place: Path, archive: Path, archive_bytes: int, seconds: float, every: float = 60.0, patience: float = 1.0
    ) -> None:
        self.place, self.archive, self.archive_bytes = place.resolve(), archive.resolve(), archive_bytes
        self.every, self.patience = every, patience
        self.ends = time.monotonic() + seconds
        self.steps: list[dict[str, Any]] = []
        self.asked_to_stop = False
        self.place.mkdir(parents=True, exist_ok=True)
        self._earlier = self._read_steps()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.asked_to_stop = True

    def _read_steps(self) -> list[dict[str, Any]]:
        path = self.place / "steps.json"
        steps: list[dict[str, Any]] = json.loads(path.read_text()) if path.exists() else []
        return steps

    def done_before(self) -> set[str]:
        """Steps that an earlier call has done."""
        return {step["step"] for step in self._earlier if step["ended"] == "done"}

    def left(self) -> float:
        """Seconds for steps; none once somebody asked to stop."""
        return 0.0 if self.asked_to_stop else self.ends - time.monotonic() - RESERVE

    def note(self, name: str, ended: str, seconds: float = 0.0) -> None:
        """Say how a step ended, here and in the archive."""
        print(f"{ended:12} {name}  ({seconds:.0f} s, {max(self.left(), 0):.0f} s left)", flush=True)
        self.steps.append({"step": name, "ended": ended, "seconds": round(seconds, 1)})
        (self.place / "steps.json").write_text(json.dumps(self._earlier + self.steps, indent=2) + "\n")
        self.pack()

    def run(self, name: str, command: Sequence[object], seconds: float = 1e9, **environment: str) -> bool:
        """Run a step in a process of its own, for at most `seconds` and what is left; give whether it succeeded."""
        seconds *= self.patience
        grace = min(GRACE, seconds / 4)
        if min(seconds, self.left() - grace) < SHORTEST:
            self.note(name, "no time")
            return False
        log = self.place / "logs" / f"{name.replace(' ', '-')}.txt"
        log.parent.mkdir(exist_ok=True)
        began = packed = time.monotonic()
        with log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, *map(str, command)],
                cwd=ROOT,
                env=self._environment() | environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=0,  # stopped together with what it starts
            )
            while process.poll() is None and time.monotonic() - began < seconds and self.left() > grace:
                if time.monotonic() - packed > self.every:
                    self.pack()
                    packed = time.monotonic()
                time.sleep(0.1)
            in_time = process.poll() is not None
            if not in_time:
                os.killpg(process.pid, signal.SIGTERM)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(grace)
            with suppress(ProcessLookupError):  # what it started goes with it
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        ended = f"exit code {process.returncode}" if process.returncode else "done"
        self.note(name, ended if in_time else "stopped", time.monotonic() - began)
        if ended != "done":
            print("    " + "\n    ".join(log.read_text(errors="replace").splitlines()[-5:]), flush=True)
        return in_time and not process.returncode

    def _environment(self) -> dict[str, str]:
        paths = [str(ROOT), str(self.place / "site"), os.environ.get("PYTHONPATH", "")]
        return os.environ | {
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "PYTHONUNBUFFERED": "1",
            "PYTHONPYCACHEPREFIX": str(self.place / "pycache"),
            "TRITON_CACHE_DIR": str(self.place / "triton"),
            "TORCHINDUCTOR_CACHE_DIR": str(self.place / "inductor"),
        }

    def _files(self) -> Iterator[Path]:
        for name in ORDER:
            path = self.place / name
            yield from [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())

    def pack(self) -> None:
        """Write the archive anew: complete or as it was, and within its size whatever compression brings."""
        partial = self.archive.with_name(self.archive.name + ".partial")
        partial.parent.mkdir(parents=True, exist_ok=True)
        room = self.archive_bytes - 20 * 1024  # the end of the archive, and compression that brings nothing
        left_out = []
        with tarfile.open(partial, "w:gz", compresslevel=1) as archive:
            for path in self._files():
                try:
                    size = path.stat().st_size + 2 * 1024  # its headers and the padding
                    if path.name.startswith("."):  # half a file
                        continue
                    if size > room:
                        left_out.append(str(path.relative_to(self.place)))
                        continue
                    archive.add(path, str(path.relative_to(self.place)), recursive=False)
                    room -= size
                except FileNotFoundError:  # a checkpoint that its run has ended
                    continue
        os.replace(partial, self.archive)
        if left_out:
            print(f"             the archive has no room for {', '.join(left_out)}", flush=True)

    def resume(self, archive: Path) -> None:
        """Take up what an earlier call brought home, where it is not here."""
        with tarfile.open(archive) as earlier:
            for member in earlier:
                if not (self.place / member.name).exists():
                    earlier.extract(member, self.place, filter="data")
        self._earlier = self._read_steps()
