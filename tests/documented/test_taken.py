"""Every command that README and docs show is one that its program takes: names, options, values, targets, files.

What a command then does other tests say, and `test_run.py` of those that none of them runs.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
import typer

from resnet.cli import app
from tests.documented.pages import ROOT, bare, commands, split

OTHERS = {"bash", "cd", "conda", "cp", "docker", "export", "git", "kubectl", "mkdir", "optuna-dashboard", "pip"}
OTHERS |= {"pre-commit", "ray", "rsync", "sbatch", "source", "tar", "tensorboard", "venv"}
"""Programs that are not the project's: their commands are not checked."""


def resnet_takes(words: list[str]) -> None:
    if not words:
        return  # `python -m resnet`
    group: Any = typer.main.get_command(app)
    if words[0].startswith("--"):
        assert words[0] in {option for parameter in group.params for option in (*parameter.opts, "--help")}
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


@pytest.mark.parametrize(("page", "line"), sorted(set(commands())))
def test_its_program_takes_it(page: str, line: str, pytestconfig: pytest.Config) -> None:
    for command in split(line):
        name, *words = bare(command) or ["cd"]
        options = [word.partition("=")[0] for word in words if word.startswith("--")]
        if name == "resnet":
            resnet_takes(words)
        elif name == "dvc":
            dvc_takes(words)
        elif name == "make":
            targets = [word for word in words if "=" not in word]
            assert all(re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), flags=re.M) for target in targets)
        elif name == "pytest":
            for option in options:
                pytestconfig.getoption(option)
        elif name in ("python", "python3"):
            assert [option for option in options if f'"{option}"' not in (ROOT / words[0]).read_text()] == []
        else:
            assert name in OTHERS or name.startswith("tests."), f"{page}: what is {name}?"
