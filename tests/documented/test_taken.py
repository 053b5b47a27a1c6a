"""Every command that README and docs show is one that its program takes: names, options, values, targets, files.

What a command then does is seen by `test_run.py`.
"""

from __future__ import annotations

import functools
import re
import subprocess
import sys
from typing import Any

import pytest
import typer

from resnet.cli import app
from tests.documented.pages import ROOT, bare, commands, split

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
OTHERS |= {"mkdir", "optuna-dashboard", "source", "tar", "tensorboard", "venv"}
"""Programs that are not the project's: their commands are not checked."""


@functools.cache
def said_by(*command: str) -> str:
    """The help of a program."""
    done = subprocess.run([sys.executable, *command, "--help"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def resnet_takes(words: list[str]) -> None:
    if not words:
        return  # `python -m resnet`
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
    targets = getattr(arguments, "targets", None) or []
    for target in (target for target in targets if not target.startswith("mine/")):  # the reader's own plan
        file, stage = target.rpartition(":")[::2] if ":" in target else ("dvc.yaml", target)
        stages = re.findall(r"^  ([a-z]+):", (ROOT / file).read_text().partition("\nmetrics:")[0], flags=re.M)
        assert (ROOT / target).exists() or stage.partition("@")[0] in stages, target


def options(words: tuple[str, ...]) -> list[str]:
    return [word.partition("=")[0] for word in words if word.startswith("--")]


@pytest.mark.parametrize(("page", "line"), sorted(set(commands())))
def test_its_program_takes_it(page: str, line: str) -> None:
    for command in split(line):
        if words := bare(command):
            takes(page, *words)


def takes(page: str, name: str, *words: str) -> None:
    if name == "resnet":
        resnet_takes([*words])
    elif name == "torchrun":
        assert words[words.index("-m") + 1] == "resnet"
        resnet_takes([*words[words.index("-m") + 2 :]])
    elif name == "dvc":
        dvc_takes([*words])
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
