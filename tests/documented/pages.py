"""The commands that README and docs show: lines of shell, and commands within sentences."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "quickstart/README.md"} - {ROOT / "CHANGELOG.md"})
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", flags=re.M | re.S)
PROGRAMS = "bash|conda|docker|dvc|git|make|optuna-dashboard|pip|pre-commit|pytest|python3?|ray|resnet|srun|torchrun"
WITHIN = re.compile(rf"`((?:[A-Z_0-9]+=\S* )*(?:{PROGRAMS})\s[^`]*)`")


def lines(page: Path) -> Iterator[str]:
    """Every line of shell of a page, without its prompt and comment; of a script for a cluster our commands in it."""
    for kind, block in BLOCK.findall(page.read_text()):
        if kind not in ("bash", "console", "sh"):
            continue
        for line in block.replace("\\\n", " ").splitlines():
            line = re.sub(r"^\w+\$ ", "", line)  # whose machine it is typed on
            line = " ".join(re.sub(r"(?:^|\s)#\s.*", "", line).split())
            if not block.startswith("#!"):
                yield from filter(None, [line])
            else:
                yield from (shlex.join(words) for words in map(bare, split(line)) if words[:1] == ["resnet"])


def commands() -> Iterator[tuple[str, str]]:
    """A page and what is to be typed there: every line of shell, and every command within a sentence."""
    for page in PAGES:
        for line in lines(page):
            yield page.name, line
        for command in WITHIN.findall(BLOCK.sub("", page.read_text())):
            yield page.name, " ".join(command.split())


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
