"""Reading `params.yaml`, with assignments over it. DVC reads the same file, so its parser reads it here: YAML 1.2."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from resnet.errors import UserError, one_line
from resnet.params.plan import Params
from resnet.params.problems import validated


def parse(text: str | bytes, name: str) -> Any:
    """Read YAML as DVC does; `name` says in messages where it is from.

    Raises:
        UserError: it is not YAML.
    """
    try:
        return YAML(typ="safe", pure=True).load(text)
    except Exception as error:  # a tag on a value of another type fails in any way
        mark = getattr(error, "problem_mark", None)
        where = "" if mark is None else f" in line {mark.line + 1}"
        what = getattr(error, "problem", None) or error
        raise UserError(f"{name}: not YAML{where}: {one_line(what, 160)}") from error


def _set(tree: dict[str, Any], assignment: str) -> None:
    """Apply `a.b.c=VALUE`, VALUE read as YAML, to a nested dictionary."""
    shown = f"--set {one_line(assignment, 80)}"
    dotted, equals, text = assignment.partition("=")
    if not equals:
        raise UserError(f"{shown}: write KEY=VALUE, such as train.iterations=400")
    *parents, last = dotted.strip().split(".")
    for parent in parents:
        child = tree.get(parent, {})
        if not isinstance(child, dict):
            raise UserError(f"{shown}: {one_line(parent, 60)} is a value, not a section")
        tree[parent] = dict(child)  # an anchor may have the same value elsewhere
        tree = tree[parent]
    tree[last] = parse(text, shown)


def load(path: Path | None, assignments: Sequence[str] = ()) -> Params:
    """Read and check the parameters; `assignments` (`train.iterations=400`) come over the file's.

    `None` stands for the defaults: the paper's protocol without a list of nets.

    Raises:
        UserError: the file cannot be read, or a key or value is not valid.
    """
    try:
        if path is not None and path.exists() and not path.is_file():  # a pipe never ends
            raise UserError(f"{path}: cannot be read (not a file)")
        tree = {} if path is None else parse(path.read_bytes(), str(path)) or {}
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    if not isinstance(tree, dict):
        raise UserError(f"{path}: not a mapping of sections")
    for assignment in assignments:
        _set(tree, assignment)
    return validated(Params, tree, f"{path or 'parameters'}{' with --set' if assignments else ''}: ")
