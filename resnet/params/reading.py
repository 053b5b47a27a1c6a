"""Reading `params.yaml`, with assignments over it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from resnet.errors import UserError, explained, one_line
from resnet.params.plan import Params
from resnet.params.problems import first_problem
from resnet.params.text import LEVELS, TEXT_BYTES, parse


def _set(tree: dict[str, Any], assignment: str) -> None:
    """Apply `a.b.c=VALUE`, VALUE read as YAML, to a nested dictionary."""
    shown = f"--set {one_line(assignment, 80)}"
    dotted, equals, text = assignment.partition("=")
    if not equals or not dotted:
        raise UserError(f"{shown}: write KEY=VALUE, such as train.iterations=400")
    *parents, last = dotted.strip().split(".")
    if len(parents) > LEVELS:
        raise UserError(f"{shown}: no setting lies so deep")
    branch = tree
    for parent in parents:
        child = branch.setdefault(parent, {})
        if not isinstance(child, dict):
            raise UserError(f"{shown}: {one_line(parent, 60)} is a value, not a section")
        branch = child
    branch[last] = parse(text, shown)


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.exists() and not path.is_file():
            raise UserError(f"{path}: cannot be read (not a file)")
        if path.exists() and (size := path.stat().st_size) > TEXT_BYTES:
            raise UserError(f"{path}: {size:,} bytes, far more than parameters need")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or explained(error)})") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not YAML: {one_line(error, 160)}") from error
    tree = parse(text, str(path))
    if not isinstance(tree, Mapping | None):
        raise UserError(f"{path}: not a mapping of sections")
    return dict(tree or {})


def load(path: Path | None, assignments: Sequence[str] = ()) -> Params:
    """Read and check the parameters; `assignments` (`train.iterations=400`) come over the file's.

    `None` stands for the defaults: the paper's protocol without a list of nets.

    Raises:
        UserError: the file cannot be read, or a key or value is not valid.
    """
    tree = {} if path is None else _read(path)
    for assignment in assignments:
        _set(tree, assignment)
    try:
        return Params.model_validate(tree)
    except ValidationError as error:
        raise UserError(f"{path or 'parameters'}: {first_problem(error)}") from error
