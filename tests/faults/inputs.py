"""Bad inputs by the hundred: each must be refused in one line that leaves everything as it was, or be harmless."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import shutil
import signal
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from resnet.cli import run
from tests.faults import sources
from tests.faults.tally import Tally, digest

LENGTH = 600
"""Characters of a line at most, its paths included."""
SECONDS = 60
"""After which an input has hung the command."""


class Case(NamedTuple):
    """A command with a bad input."""

    arguments: Sequence[object]
    must_fail: bool = True
    """False if the input may turn out to be harmless."""
    reports: bool = False
    """Whether the command prints what is wrong on standard output, a line each."""


Maker = Callable[[Path, random.Random], Case]
"""Spoils something in a folder that holds what commands need, and gives the command that meets it."""

HOSTILE = (
    "true",
    "false",
    ".nan",
    ".inf",
    "-.inf",
    "nan",
    "1e999",
    "-1",
    "9" * 60,
    "[]",
    "{}",
    "[[[]]]",
    "''",
    "text",
    "2026-01-01",
    "1:30",
    "!!binary eA==",
    "!!set {a}",
    "&a [*a]",
    "*a",
    "{a: 1, a: 2}",
    "- 1",
    "[1,",
    "!!python/object/apply:os.getcwd []",
    "[" * 200,
    "'" + "x" * 50_000 + "'",
    "[" + "0, " * 5000 + "0]",
    "é",
    "\U0001f600",
    '"\\0"',
)
NUMBERS = (
    "train.iterations",
    "train.batch_size",
    "train.learning_rate",
    "train.momentum",
    "train.weight_decay",
    "train.decay",
    "train.warmup_window",
    "data.validation",
    "data.split_seed",
    "throughput.steps",
    "limits.hours",
    "report.margin",
    "sweep.trials",
    "sweep.dead_after",
    "latency.seconds",
    "responses.images",
)


def _nested(key: str, value: str) -> str:
    section, name = key.split(".")
    return f"{section}:\n  {name}: {value}\n"


def params_value(folder: Path, chance: random.Random) -> Case:
    """A number of the parameters is something else."""
    value = chance.choice([value for value in HOSTILE if value != "0x10"])
    (folder / "p.yaml").write_text(_nested(chance.choice(NUMBERS), value), encoding="utf-8")
    return Case(("describe", "--params", "p.yaml", "--depth", 8))


def params_bytes(folder: Path, chance: random.Random) -> Case:
    """A file of parameters with flipped, lost and doubled bytes."""
    text = bytearray((folder / "params.yaml").read_bytes())
    for _ in range(chance.randint(1, 6)):
        place = chance.randrange(len(text))
        match chance.randrange(4):
            case 0:
                text[place] ^= 1 << chance.randrange(8)
            case 1:
                del text[place : place + chance.randint(1, 40)]
            case 2:
                text[place:place] = text[place : place + chance.randint(1, 200)]
            case _:
                text[place:place] = chance.choice(HOSTILE).encode()
        text = text or bytearray(b"x")
    (folder / "p.yaml").write_bytes(text)
    return Case(("describe", "--params", "p.yaml", "--depth", 8), must_fail=False)


def assignment(folder: Path, chance: random.Random) -> Case:
    """`--set` with a value or a key that is none."""
    key, value = chance.choice(NUMBERS), chance.choice([value for value in HOSTILE if value != "0x10"])
    match chance.randrange(4):
        case 0:
            key = chance.choice(
                ("", "train.", ".", "train..x", "nothing.x", f"{'a.' * 5000}b", "train.iterations.x", "\n")
            )
        case 1:
            key, value = (
                chance.choice(("train.seeds", "train.milestones", "models", "models.x")),
                chance.choice(HOSTILE[:20]),
            )
            value = "{a: b}" if value in ("[]", "{}") else value
        case _:
            pass
    return Case(("describe", "--depth", 8, "--set", f"{key}={value}"))


def usage(folder: Path, chance: random.Random) -> Case:
    """Options that are not there, lack their values, or have values of another type."""
    command = chance.choice(
        ("data", "describe", "train", "evaluate", "published", "responses", "throughput", "report", "sweep")
    )
    wrong = chance.choice(
        (
            ("--nothing",),
            ("--depth",),
            ("surplus",),
            ("--set",),
            ("--params",),
            ("--\x00",),
            ("-x",),
            ("--depth", "8.5"),
            ("--format", "xml"),
            ("--depth", "1" * 40),
            ("--seeds", "x", "--out", "o"),
            ("--depth", "-2"),
            ("--net=",),
        )
    )
    return (
        Case((command, *wrong)) if chance.random() < 0.9 else Case((chance.choice(("", "nothing", "--nothing", "tr")),))
    )


def hostile_name(folder: Path, chance: random.Random) -> Case:
    """A net called by what could be a path, markup or mathematics."""
    parts = [
        "..",
        "/",
        "\\",
        "`",
        "|",
        "$",
        "<b>",
        "\n",
        "](",
        ")",
        " ",
        "\x00",
        "é",
        "a",
        ".",
        "*",
        "%",
        "~",
        "\u202e",
        "'",
    ]
    name = "".join(chance.choices(parts, k=chance.randint(1, 8))) + chance.choice(("/", "|", "`", "$", " "))
    if chance.random() < 0.5:
        (folder / "p.yaml").write_text(json.dumps({"models": {name: {"net": "resnet", "depth": 8}}}))
        return Case(("describe", "--params", "p.yaml", "--out", "o"))
    return Case(("describe", "--depth", 8, f"--name={name}"))


def path(folder: Path, chance: random.Random) -> Case:
    """Where a file or a folder must be: nothing, the other of the two, a pipe, a loop, something read-only."""
    os.mkfifo(folder / "pipe")
    (folder / "loop").symlink_to("loop")
    (folder / "dangling").symlink_to("nowhere/at/all")
    (folder / "file").write_text("text")
    place = chance.choice(
        (
            "nowhere/x",
            "pipe",
            "loop",
            "loop/x",
            "file/x",
            "x" * 300,
            "/proc/x/y",
            "/dev/null/x",
            "/dev/full/x",
            "dangling/",
            "a\x00b",
        )
    )
    command = chance.choice(
        (
            ("describe", "--params", place),
            ("evaluate", "--depth", 8, "--weights", place),
            ("evaluate", "--depth", 8, "--weights", "w.pth", "--data", place),
            ("data", f"--set=data.source={place}"),
            ("describe", "--params", "params.yaml", "--out", place),
            ("report", "--params", place),
            ("responses", "--weights", place, "--out", "o.json", "--depth", 8, "--params", "params.yaml"),
        )
    )
    writes = "--out" in command and command[0] == "describe"
    return Case(command, must_fail=not (writes and place in ("nowhere/x", "dangling/")))


RUN = "runs/train/resnet-8"


def weights(folder: Path, chance: random.Random) -> Case:
    """Weights that are cut, of other things, not numbers, or of no net."""
    if chance.random() < 0.5:
        sources.spoil_weights(folder / "w.pth", chance)
        return Case(("evaluate", "--depth", 8, "--weights", "w.pth", "--data", "data", "--params", "params.yaml"))
    sources.spoil_weights(folder / RUN / "seed-0/model.safetensors", chance)
    return Case(("responses", "--depth", 8, "--weights", RUN, "--out", "o.json", "--params", "params.yaml"))


def record(folder: Path, chance: random.Random) -> Case:
    """A record with a field of another value: what reads its weights refuses it."""
    sources.spoil_json(folder / RUN / "seed-0/metrics.json", chance)
    commands: tuple[tuple[object, ...], ...] = (
        ("evaluate", "--depth", 8, "--weights", f"{RUN}/seed-0/model.safetensors", "--data", "data"),
        ("responses", "--depth", 8, "--weights", RUN, "--out", "o.json"),
    )
    return Case((*chance.choice(commands), "--params", "params.yaml"))


def checked(folder: Path, chance: random.Random) -> Case:
    """A damaged file beside a run's record: `check` finds it, but for weights that are absent, as in a clone."""
    file = chance.choice([x for x in sorted((folder / RUN / "seed-0").iterdir()) if x.name != "metrics.json"])
    sources.damage(file, chance)
    return Case(("check", "."), must_fail=file.exists() or file.name != "model.safetensors", reports=True)


def normalisation(folder: Path, chance: random.Random) -> Case:
    """Numbers by which no images can have been normalised."""
    numbers = [chance.choice(("nan", "inf", "-inf", "-1", "1e400", "125.3", "x", "", "1e9")) for _ in range(3)]
    if chance.random() < 0.3:
        numbers = ["0.5"] * chance.choice((0, 1, 2, 4, 500))
    return Case(
        (
            "evaluate",
            "--depth",
            8,
            "--weights",
            "w.pth",
            "--data",
            "data",
            f"{chance.choice(('--mean', '--std'))}={','.join(numbers)}",
        )
    )


def archive(folder: Path, chance: random.Random) -> Case:
    """Zips, tars and folders of images with members that cannot be right."""
    name = sources.spoil_archive(folder, chance)
    return Case(("data", f"--set=data={{source: '{name}', dir: new, validation: 10}}"))


def damaged_archive(folder: Path, chance: random.Random) -> Case:
    """Archives with flipped or lost bytes: refused, unless they hold what they held before."""
    name = sources.damage_archive(folder, chance)
    return Case(("data", f"--set=data={{source: '{name}', dir: data, validation: 10}}"), must_fail=False)


def prepared(folder: Path, chance: random.Random) -> Case:
    """Prepared data with a flipped or lost byte, or a file less."""
    file = chance.choice(sorted((folder / "data").iterdir()))
    sources.damage(file, chance)
    return Case(("data", "--verify", "--params", "params.yaml"))


def checkpoint(folder: Path, chance: random.Random) -> Case:
    """A damaged checkpoint: refused, or not taken up."""
    file = folder / "unfinished/seed-0/checkpoint.safetensors"
    sources.damage(file, chance)
    return Case(
        (
            "train",
            "--depth",
            8,
            "--seeds",
            0,
            "--out",
            "unfinished",
            "--params",
            "params.yaml",
            *(["--overwrite"] * chance.randrange(2)),
        ),
        must_fail=False,
    )


def result_file(folder: Path, chance: random.Random) -> Case:
    """A result file with hostile values, or damaged: the report leaves it out and names it, or refuses it."""
    file = chance.choice([path for path in sorted((folder / "runs").rglob("*")) if path.is_file()])
    if file.suffix == ".json" and chance.random() < 0.7:
        sources.spoil_json(file, chance)
    else:
        sources.damage(file, chance)
    return Case(("report", "--params", "params.yaml"), must_fail=False)


KINDS: dict[str, tuple[Maker, float]] = {
    "a number of params.yaml": (params_value, 0.1),
    "damaged params.yaml": (params_bytes, 0.1),
    "--set": (assignment, 0.11),
    "options": (usage, 0.1),
    "names of nets": (hostile_name, 0.05),
    "paths": (path, 0.08),
    "weights": (weights, 0.1),
    "records of weights": (record, 0.04),
    "damaged runs that are checked": (checked, 0.04),
    "--mean and --std": (normalisation, 0.03),
    "archives with odd members": (archive, 0.1),
    "damaged archives": (damaged_archive, 0.06),
    "damaged prepared data": (prepared, 0.05),
    "damaged checkpoints": (checkpoint, 0.015),
    "result files": (result_file, 0.025),
}
"""Every kind with its share."""


class _HungError(BaseException):
    pass


def _hung(number: int, frame: object) -> None:
    raise _HungError


def judge(case: Case, folder: Path) -> tuple[str | None, str]:
    """Run a command in a folder in this process, and give the harm that its input did, with an example."""
    printed, earlier, here = io.StringIO(), digest_of(folder), Path.cwd()
    code: int | None = None
    signal.signal(signal.SIGALRM, _hung)
    signal.alarm(SECONDS)
    shown = " ".join(str(argument)[:80] for argument in case.arguments)
    try:
        os.chdir(folder)
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(printed):
            code = run([str(argument) for argument in case.arguments])
    except _HungError:
        return "hung", shown
    except BaseException:
        return "tracebacks", f"{shown}: {traceback.format_exc()[-250:]}"
    finally:
        signal.alarm(0)
        os.chdir(here)
    lines = printed.getvalue().splitlines()
    if code == 0:
        return ("silent", shown) if case.must_fail else (None, "")
    after = digest_of(folder)
    if any(after.get(name) != content for name, content in earlier.items()) and not case.must_fail:
        return None, ""  # it was taken up, and stopped elsewhere
    if any(after.get(name) != content for name, content in earlier.items()):
        return "lost", shown
    if case.reports:
        return None, ""
    last = lines[-1] if lines else ""
    if not last.startswith("resnet: ") or len(last) > LENGTH or sum(line.startswith("resnet: ") for line in lines) > 1:
        return "long", f"{shown}: {printed.getvalue()[-250:]}"
    return None, ""


def digest_of(folder: Path) -> dict[str, bytes]:
    """The files of a folder that a refused input must leave alone."""
    return {name: content for name, content in digest(folder).items() if not name.startswith("reports")}


def try_kind(kind: str, ground: Path, work: Path, tally: Tally, count: int, seed: int) -> None:
    """Try so many inputs of a kind on copies of a folder that holds what commands need."""
    make, _ = KINDS[kind]
    for number in range(count):
        chance = random.Random(f"{seed} {kind} {number}")
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(ground, work)
        harm, example = judge(make(work, chance), work)
        tally.add(f"input: {kind}", harm, f"number {number}: {example}")
