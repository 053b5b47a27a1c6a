"""What DVC was asked for, by its command line.

DVC tells its stages nothing of that, and runs those that do not depend on each other in any order. A queue's worker has
another command line: there each net answers for itself alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import psutil


def names_nets(words: Sequence[str]) -> bool | None:
    """Whether a command line is DVC's for some nets of a plan (`dvc repro train@resnet-20`) and not for a whole one.

    None if it is neither `dvc repro` nor `dvc exp run`, such as that of a queue's worker.
    """
    programs = [Path(word).name for word in words[:3]]
    if "dvc" not in programs:
        return None
    verb, *arguments = words[programs.index("dvc") + 1 :] or [""]
    if verb != "repro" and (verb, *arguments[:1]) != ("exp", "run"):
        return None
    return any("@" in word and "=" not in word for word in arguments)


def _ancestors() -> Iterable[list[str]]:
    for process in psutil.Process().parents():
        try:
            yield process.cmdline()
        except psutil.Error:  # ended, or not ours to look at
            continue


def whole_plan_asked() -> bool:
    """Whether DVC runs this process for a whole plan. False without DVC, and where that cannot be told."""
    asked = (names_nets(words) for words in _ancestors())
    return next((not named for named in asked if named is not None), False)
