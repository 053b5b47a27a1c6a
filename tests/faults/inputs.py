"""Bad inputs by the hundred: each must be refused in one line that leaves everything as it was, or be harmless."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from resnet.cli import app, run
from resnet.params import Params
from tests.faults.sources import JSON, TEXT, Draw, damage, remove, replace, spoil_archive, spoil_json, spoil_weights
from tests.faults.tally import Outcome, digest

COMMANDS = [command.callback.__name__ for command in app.registered_commands if command.callback]

LENGTH = 600
"""Characters of a line at most, its paths included."""
SECONDS = 60
"""After which an input has hung the command."""


class Case(NamedTuple):
    """A command with a bad input."""

    arguments: Sequence[object]
    must_fail: bool = True
    """False if the input may turn out to be harmless."""


Maker = Callable[[Draw, Path], Case]
"""Spoils something in a folder that holds what commands need, and gives the command that meets it."""

NUMBERS = [
    f"{section}.{key}"
    for section, values in Params().model_dump().items()
    for key, value in (values or {}).items()
    if isinstance(value, int | float) and not isinstance(value, bool) and key != "seeds"  # of which there may be a list
]
NO_NUMBER = st.one_of(
    TEXT,
    JSON.filter(lambda value: isinstance(value, str | bool | list | dict)).map(json.dumps),
    st.sampled_from(("-1", "9" * 60, "1e999", ".nan", "-.inf", "1:30", "2026-01-01", "{a: 1, a: 2}", "&a [*a]", "*a"))
    | st.sampled_from(("!!binary eA==", "!!python/object/apply:os.getcwd []", "[" * 200, "x" * 50_000, '"\\0"')),
)
"""As YAML."""

NET = ("--depth", 8, "--params", "params.yaml")
RUN = Path("runs/train/resnet-8")


def value(draw: Draw, folder: Path) -> Case:
    """A number of the parameters, in a file or of `--set`, is something else or has a key that is none."""
    odd = st.lists(TEXT).map(lambda parts: ".".join([*parts, "é"]))
    key = draw(st.sampled_from((*NUMBERS, "train.iterations.x", f"{'a.' * 5000}b")) | odd)
    number = draw(NO_NUMBER)
    if key in NUMBERS and draw(st.booleans()):
        (folder / "p.yaml").write_text("{}:\n  {}: {}\n".format(*key.split("."), number), encoding="utf-8")
        return Case(("describe", "--params", "p.yaml", "--depth", 8))
    return Case(("describe", "--depth", 8, "--set", f"{key}={number}"))


def usage(draw: Draw, folder: Path) -> Case:
    """Options that are not there, lack their values, or have values of another type."""
    wrong = (("--nothing",), ("--depth",), ("--set",), ("--params",), ("--\x00",), ("-x",), ("--depth", "8.5"))
    more = (("--format", "xml"), ("--depth", "1" * 40), ("--seeds", "x", "--out", "o"), ("--depth", "-2"), ("--net=",))
    command = draw(st.sampled_from(COMMANDS) | TEXT.map(lambda text: f"{text}é"))
    return Case((command, *draw(st.sampled_from(wrong + more))))


def name_of_a_net(draw: Draw, folder: Path) -> Case:
    """A net called by what could be a path, markup or mathematics."""
    name = draw(TEXT) + draw(st.sampled_from("/|`$ "))
    if draw(st.booleans()):
        (folder / "p.yaml").write_text(json.dumps({"models": {name: {"net": "resnet", "depth": 8}}}))
        return Case(("describe", "--params", "p.yaml", "--out", "o"))
    return Case(("describe", "--depth", 8, f"--name={name}"))


def path(draw: Draw, folder: Path) -> Case:
    """Where a file or a folder must be: nothing, the other of the two, a pipe, a loop, something read-only."""
    os.mkfifo(folder / "pipe")
    (folder / "loop").symlink_to("loop")
    (folder / "dangling").symlink_to("nowhere/at/all")
    (folder / "file").write_text("text")
    places = ("nowhere/x", "pipe", "loop", "loop/x", "file/x", "x" * 300, "/proc/x/y", "/dev/null/x", "/dev/full/x")
    place = draw(st.sampled_from((*places, "dangling/", "a\x00b")))
    commands = (
        ("describe", "--params", place),
        ("evaluate", "--depth", 8, "--weights", place),
        ("evaluate", "--depth", 8, "--weights", "w.pth", "--data", place),
        ("data", f"--set=data.source={place}"),
        ("describe", "--params", "params.yaml", "--out", place),
        ("report", "--params", place),
        ("responses", "--weights", place, "--out", "o.json", *NET),
        ("status", "--params", place),
        ("check", place),
        ("adopt", place),
        ("plan", place, "--address", "127.0.0.1:1"),
    )
    command = draw(st.sampled_from(commands))
    writes = "--out" in command and command[0] == "describe"
    return Case(command, must_fail=not (writes and place in ("nowhere/x", "dangling/")))


def address(draw: Draw, folder: Path) -> Case:
    """Where no cluster of Ray is."""
    hosts = st.sampled_from(("127.0.0.1", "localhost", "[::1]", "256.1.1.1", "", "a b", "\x1b[31m"))
    numbered = st.builds("{}{}:{}".format, st.sampled_from(("", "ray://", "http://")), hosts, st.integers(1, 99_999))
    odd = TEXT.map(lambda text: f"{text}é")
    return Case(("plan", "--address", draw(numbered | odd)))


def normalisation(draw: Draw, folder: Path) -> Case:
    """Numbers by which no images can have been normalised."""
    wrong = st.sampled_from(("nan", "inf", "-1", "1e400", "125.3", "x", "", "1e9"))
    numbers = draw(st.lists(wrong, min_size=3, max_size=3) | st.sampled_from((1, 2, 4, 500)).map(lambda n: ["0.5"] * n))
    option = draw(st.sampled_from(("--mean", "--std")))
    return Case(("evaluate", "--weights", "w.pth", "--data", "data", f"{option}={','.join(numbers)}", *NET))


def odd_archive(draw: Draw, folder: Path) -> Case:
    """An archive with a member that cannot be right."""
    name = spoil_archive(draw, folder)
    return Case(("data", f"--set=data={{source: '{name}', dir: new, validation: 10}}"))


def odd_folder(draw: Draw, folder: Path) -> Case:
    """Results in a folder of another name."""
    name = draw(TEXT).replace("/", "|").replace("\x00", "\x1b[31m")
    shutil.copytree(folder / RUN, folder / RUN.parent / f"é{name}", dirs_exist_ok=True)
    return Case(draw(st.sampled_from(BOOKS)), must_fail=False)


BOOKS = (("report",), ("status",), ("status", "--format", "json"), ("check",), ("adopt",))
"""Commands that read results, and may be content with what is left."""
EVALUATE, RESPONSES = (
    ("evaluate", "--data", "data", *NET, "--weights"),
    ("responses", *NET, "--out", "o.json", "--weights"),
)
OWN = f"{RUN}/seed-0/model.safetensors"
TRAIN = ("train", "--seeds", 0, "--out", "unfinished", *NET)

FILES: dict[str, tuple[str, tuple[Callable[[Draw, Path], None], ...], tuple[Sequence[object], ...], bool]] = {
    "plan": ("params.yaml", (damage, remove, replace), (("describe",), *BOOKS), False),
    "pipeline": ("dvc.yaml", (damage, remove, replace), (("adopt",),), False),
    "archive": (
        "small.*",
        (damage, remove, replace),
        (("data", "--set=data={source: FILE, dir: data, validation: 10}"),),
        False,
    ),
    "prepared data": ("data/*", (damage, remove), (("data", "--verify", "--params", "params.yaml"),), True),
    "others' weights": ("w.pth", (spoil_weights,), ((*EVALUATE, "w.pth"),), True),
    "a run's weights": (OWN, (spoil_weights,), ((*RESPONSES, RUN), ("adopt",)), True),
    "record": (f"{RUN}/seed-0/metrics.json", (spoil_json,), ((*EVALUATE, OWN), (*RESPONSES, RUN)), True),
    "result": (f"{RUN}/seed-0/[ht]*", (damage, remove), (("check",), ("adopt",)), True),
    "any result": ("runs/**/*.*", (damage, remove, replace), BOOKS, False),
    "any record": ("runs/**/*.json", (spoil_json,), BOOKS, False),
    "checkpoint": (
        "unfinished/seed-0/checkpoint.safetensors",
        (damage, remove),
        (TRAIN, (*TRAIN, "--overwrite")),
        False,
    ),
}
"""Files that are spoilt: where they are, by what, the commands that meet them, and whether these must fail.

Those that need not may leave a file out, or find in it what it held before.
"""


def spoilt_file(kind: str, draw: Draw, folder: Path) -> Case:
    """A file of this kind is damaged, of another thing, or not there."""
    pattern, spoilers, commands, must_fail = FILES[kind]
    file = draw(st.sampled_from(sorted(path for path in folder.glob(pattern) if path.is_file())))
    draw(st.sampled_from(spoilers))(draw, file)
    command = [str(argument).replace("FILE", file.name) for argument in draw(st.sampled_from(commands))]
    return Case(command, must_fail)


MAKERS: tuple[Maker, ...] = (value, usage, name_of_a_net, path, address, normalisation, odd_archive, odd_folder)
KINDS: dict[str, Maker] = {maker.__name__.replace("_", " "): maker for maker in MAKERS}
KINDS |= {kind: partial(spoilt_file, kind) for kind in FILES}


def judge(case: Case, folder: Path) -> tuple[str | None, str]:
    """Run a command in a folder in this process, and give the harm that its input did, with an example."""
    errors, output, earlier, here = io.StringIO(), io.StringIO(), digest(folder), Path.cwd()
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.alarm(SECONDS)
    shown = " ".join(str(argument)[:80] for argument in case.arguments)
    try:
        os.chdir(folder)
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            code = run([str(argument) for argument in case.arguments])
    except BaseException:
        return "tracebacks", f"{shown}: {traceback.format_exc()[-250:]}"
    finally:
        signal.alarm(0)
        os.chdir(here)
    lines = (output.getvalue() + errors.getvalue()).splitlines()
    after = digest(folder)
    if code == 130:  # as after Ctrl-C
        return "hung", shown
    if not all(line.isprintable() for line in lines):
        return "long", f"{shown}: {lines}"
    if code == 0:
        return ("silent", shown) if case.must_fail else (None, "")
    if any(after.get(name) != content for name, content in earlier.items()):
        return ("lost", shown) if case.must_fail else (None, "")  # it was taken up, and stopped elsewhere
    ours = [line for line in lines if line.startswith("resnet: ")]
    if case.arguments[0] != "check" and (len(ours) != 1 or ours != lines[-1:] or len(ours[0]) > LENGTH):
        return "long", f"{shown}: {errors.getvalue()[-250:]}"
    return None, ""


def try_kind(kind: str, count: int, work: Path, chosen_seed: int) -> list[Outcome]:
    """Try so many inputs of a kind on copies of a folder that holds what commands need."""
    outcomes: list[Outcome] = []

    @seed(chosen_seed)
    @settings(
        max_examples=count, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=[*HealthCheck]
    )
    @given(st.data())
    def attempt(data: st.DataObject) -> None:
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(work.parent / "ground", work)
        harm, example = judge(KINDS[kind](data.draw, work), work)
        outcomes.append(Outcome(f"input: {kind}", harm, f"number {len(outcomes)}: {example}"))

    attempt()
    return outcomes
