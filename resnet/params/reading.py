"""Reading `params.yaml`, with assignments over it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from resnet.errors import UserError
from resnet.params.plan import Params
from resnet.params.problems import first_problem


def _set(tree: dict[str, Any], assignment: str) -> None:
    """Apply `a.b.c=VALUE`, VALUE read as YAML, to a nested dictionary."""
    dotted, equals, text = assignment.partition("=")
    if not equals or not dotted:
        raise UserError(f"--set {assignment}: write KEY=VALUE, such as train.iterations=400")
    *parents, last = dotted.strip().split(".")
    branch = tree
    for parent in parents:
        child = branch.setdefault(parent, {})
        if not isinstance(child, dict):
            raise UserError(f"--set {assignment}: {parent} is a value, not a section")
        branch = child
    try:
        branch[last] = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UserError(f"--set {assignment}: the value is not YAML") from error


def load(path: Path | None, assignments: Sequence[str] = ()) -> Params:
    """Read and check the parameters; `assignments` (`train.iterations=400`) come over the file's.

    `None` stands for the defaults: the paper's protocol without a list of nets.

    Raises:
        UserError: the file cannot be read, or a key or value is not valid.
    """
    tree: Any = {}
    if path is not None:
        try:
            tree = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        except OSError as error:
            raise UserError(f"{path}: cannot be read ({error.strerror})") from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise UserError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
        if not isinstance(tree, Mapping):
            raise UserError(f"{path}: not a mapping of sections")
    tree = dict(tree)
    for assignment in assignments:
        _set(tree, assignment)
    try:
        return Params.model_validate(tree)
    except ValidationError as error:
        raise UserError(f"{path or 'parameters'}: {first_problem(error)}") from error
