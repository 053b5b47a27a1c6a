"""Every command that README and docs show is one that its program takes: names, options, values, targets, files.

What a command then does is tested where it is at home; the quickstart and the plans run for real in .ci/run.
"""

from __future__ import annotations

import functools
import itertools
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from resnet.cli import app

ROOT = Path(__file__).parent.parent
PAGES = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "quickstart/README.md"} - {ROOT / "CHANGELOG.md"})
OTHERS = {
    "bash",
    "cd",
    "conda",
    "cp",
    "docker",
    "export",
    "git",
    "kubectl",
    "pip",
    "pre-commit",
    "ray",
    "rsync",
    "sbatch",
}
OTHERS |= {"optuna-dashboard", "source", "tar", "tensorboard", "venv"}
"""Programs that are not the project's: their commands are not checked."""
OWN = {"resnet", "dvc", "make", "pytest"}


def split(line: str) -> Iterator[list[str]]:
    """The commands of a line of shell, each a list of words, without comments."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    for separator, words in itertools.groupby(lexer, lambda word: set(word) <= set("();<>|&")):
        if not separator:
            yield list(words)


def bare(words: list[str]) -> list[str]:
    """A command without what may stand before it: variables, `srun`, `python -m`, the path of an environment."""
    words = list(itertools.dropwhile(lambda word: re.match(r"[A-Z_0-9]+=", word) or word in ("nohup", "srun"), words))
    words = words[2:] if words[:2] in (["python", "-m"], ["python3", "-m"]) else words
    return [Path(words[0]).name, *words[1:]] if words else []


def commands() -> Iterator[tuple[str, str]]:
    """Every command of a block of shell in the pages, and every `resnet ...` within a sentence."""
    for page in PAGES:
        text = page.read_text()
        for block in re.findall(r"^```(?:console|sh|bash)\n(.*?)^```", text, flags=re.M | re.S):
            known = OWN if block.startswith("#!") else None  # a script has much else
            for line in block.replace("\\\n", " ").splitlines():
                line = re.sub(r"^\w+\$ ", "", line)  # whose machine it is typed on
                for part in split(line):
                    if (words := bare(part)) and (known is None or words[0] in known):
                        yield page.name, shlex.join(words)
        yield from ((page.name, command) for command in re.findall(r"`(resnet [a-z][^`]*)`", text))


@functools.cache
def said_by(*command: str) -> str:
    """The help of a program."""
    done = subprocess.run([sys.executable, *command, "--help"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def resnet_takes(words: list[str]) -> None:
    group: Any = typer.main.get_command(app)
    if words[0].startswith("--"):
        assert words[0] in said_by("-m", "resnet")
        return
    context = group.make_context("resnet", list(words))
    command = group.get_command(context, words[0])
    assert command is not None, f"there is no command {words[0]}"
    if len(words) > 1:  # else it is named, not given in full
        command.make_context(words[0], words[1:], parent=context)


def dvc_takes(words: list[str]) -> None:
    from dvc.cli.parser import get_main_parser

    arguments = get_main_parser().parse_args(words)
    for target in getattr(arguments, "targets", None) or []:
        file, stage = target.rpartition(":")[::2] if ":" in target else ("dvc.yaml", target)
        stages = re.findall(r"^  ([a-z]+):", (ROOT / file).read_text().partition("\nmetrics:")[0], flags=re.M)
        assert (ROOT / target).exists() or stage.partition("@")[0] in stages, target


def options(words: list[str]) -> list[str]:
    return [word.partition("=")[0] for word in words if word.startswith("--")]


@pytest.mark.parametrize(("page", "command"), sorted(set(commands())))
def test_its_program_takes_it(page: str, command: str) -> None:
    name, *words = shlex.split(command)
    if name == "resnet":
        resnet_takes(words)
    elif name == "torchrun":
        assert words[words.index("-m") + 1] == "resnet"
        resnet_takes(words[words.index("-m") + 2 :])
    elif name == "dvc":
        dvc_takes(words)
    elif name == "make":
        targets = [word for word in words if "=" not in word]
        assert all(re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), flags=re.M) for target in targets)
    elif name == "pytest":
        assert [option for option in options(words) if option not in said_by("-m", "pytest")] == []
    elif name in ("python", "python3"):
        verbs = [word for word in words[1:2] if not word.startswith("-")]
        assert [option for option in options(words) if option not in said_by(words[0], *verbs)] == []
    else:
        assert name in OTHERS or name.startswith("tests."), f"{page}: what is {name}?"
