"""Every command that README and docs show is run as a user types it, in clean clones, or it is said why not."""

from __future__ import annotations

import ast
import os
import re
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from resnet.data import CLASSES, Data
from tests.data.makers import encoded, zipped
from tests.documented.pages import ROOT, commands
from tests.documented.ways import (
    BENCHMARKS,
    CLONE,
    OTHERWISE,
    QUICKSTART,
    SMALL,
    WEIGHTS,
    As,
    Elsewhere,
    Run,
)
from tests.pipeline.project import SHORT, clone, commit, environment, run

TYPED = {"clone": CLONE, "small": SMALL, "quickstart": QUICKSTART, "benchmarks": BENCHMARKS}
DOCUMENTED = {command for _, command in commands()}

PARAMS = f"""
data: {{source: official, dir: data/cifar10, validation: 50, split_seed: 0}}
evaluate: {{published: [{{name: ours, depth: 20, weights: weights/published/FILE, trained: here, source: Git}}]}}
{SHORT.replace("seeds: 1", "seeds: 2")}
sweep: {{nets: [resnet-20], trials: 2, iterations: 8, evaluate_every: 2}}
models:
  resnet-20: {{net: resnet, depth: 20}}
  plain-20: {{net: plain, depth: 20}}
"""


def test_it_is_said_of_every_command_how_it_is_run() -> None:
    ways = [*OTHERWISE, *(command for typed in TYPED.values() for command in typed)]
    assert sorted(ways) == sorted(DOCUMENTED)


def test_what_does_the_same_is_run() -> None:
    run = {command for typed in TYPED.values() for command in typed}
    run |= {command for command, way in OTHERWISE.items() if isinstance(way, Elsewhere)}
    assert [way.command for way in OTHERWISE.values() if isinstance(way, As) and way.command not in run] == []


@pytest.mark.parametrize("command", [command for command, way in OTHERWISE.items() if isinstance(way, Elsewhere)])
def test_what_is_run_elsewhere_is_there(command: str) -> None:
    way = OTHERWISE[command]
    assert isinstance(way, Elsewhere)
    file, _, test = way.where.partition("::")
    text = (ROOT / file).read_text()
    if test:
        functions = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
        text = next(ast.get_source_segment(text, node) or "" for node in functions if node.name == test)
    assert way.words in text


@pytest.fixture
def home(tmp_path: Path, digits: Data) -> Path:
    """A user's folder, with images in the place of CIFAR-10's."""
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / ".gitconfig").write_text("[user]\nname = reader\nemail = reader@example.org\n")
    files = {
        f"{name}/{CLASSES[int(label)]}/{i}.png": encoded(pixels, "png")
        for name, part, count in (("train", digits.train, 300), ("test", digits.test, 60))
        for i, (label, pixels) in enumerate(zip(part.labels[:count], part.images[:count], strict=True))
    }
    zipped(folder / "cifar10.zip", files)
    return folder


def prepared(kind: str, folder: Path) -> Path:
    """What a user of this commit has before the first command."""
    copy = clone(ROOT, folder / "clone")
    if kind == "small":
        (copy / "weights/published").mkdir(parents=True)
        shutil.copy(copy / WEIGHTS, copy / "weights/published/FILE")
        (copy / "params.yaml").write_text(PARAMS)
        commit(copy, "two nets, few iterations")
    (copy / ".venv").mkdir()
    (copy / ".venv/bin").symlink_to(Path(sys.executable).parent)
    return copy


def typed(command: str, way: Run) -> str:
    """The line of shell."""
    for word, instead in way.put.items():
        assert re.search(rf"\b{re.escape(word)}(?!\w)", command), f"{command}: where is {word}?"
        command = re.sub(rf"\b{re.escape(word)}(?!\w)", instead.replace("\\", ""), command)
    return f"{command.removesuffix(' &')} {way.more}".strip()


def wrong(done: subprocess.CompletedProcess[str], way: Run, folder: Path, began: float) -> str | None:
    """What is not as the page says."""
    if done.returncode != 0:
        return f"exit code {done.returncode}"
    if way.says not in done.stdout + done.stderr:
        return f"{way.says!r} is not said"
    if way.leaves and not any(path.stat().st_mtime >= began for path in folder.glob(way.leaves)):
        return f"{way.leaves} is not made"
    return None


def shell(line: str, folder: Path, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", line],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=900,
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", TYPED)
def test_as_typed(kind: str, home: Path, tmp_path: Path) -> None:
    folder = prepared(kind, tmp_path)
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")  # where compiled operations lie
    variables = environment(folder) | {"HOME": str(home), "XDG_CACHE_HOME": cache}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)  # Ray's parts start in time only where they are compiled
    if kind == "small":
        variables |= {"CIFAR10_SOURCE": str(home / "cifar10.zip")}
    failures, used = [], 0.0
    for command, way in TYPED[kind].items():
        line, began, clock = typed(command, way), time.time() - 1, time.monotonic()
        done = shell(line, folder, variables)
        if way.again and way.again in done.stderr:
            done = shell(line, folder, variables)
        what = wrong(done, way, folder, began)
        ours, before = resource.getrusage(resource.RUSAGE_CHILDREN), used
        used = ours.ru_utime + ours.ru_stime
        print(
            f"{time.monotonic() - clock:6.1f} s, {used - before:5.1f} of a processor: {line}  {what or ''}", flush=True
        )
        if what is not None:
            failures.append(f"$ {line}\n{done.stdout[-3000:]}{done.stderr[-3000:]}{what}")
    assert not failures, "\n\n".join(failures)
    unchanged = {"clone": ("docs", "dvc.lock", "tenth/dvc.lock"), "quickstart": ("params.yaml", "runs")}
    if kind in unchanged:
        assert run(folder, "git", "status", "--porcelain", *unchanged[kind]).stdout == ""
