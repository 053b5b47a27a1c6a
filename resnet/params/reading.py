"""Reading `params.yaml`, with assignments over it. DVC reads the same file, so its parser reads it here: YAML 1.2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent

from resnet.errors import UserError, explained, one_line
from resnet.params.plan import Params
from resnet.params.problems import first_problem

TEXT_BYTES = 2**18
"""Of a file of parameters: the committed ones have 2 % of it."""
LEVELS = 12
"""Of sections in sections: a setting is four deep."""


def parse(text: str, name: str) -> Any:
    """Read YAML as DVC does, but for anchors, which a few lines can make endless.

    Args:
        text: of a file or an assignment.
        name: where it is from, for messages.

    Raises:
        UserError: it is not YAML, has anchors, or is larger or deeper than parameters are.
    """
    if len(text) > TEXT_BYTES:
        raise UserError(f"{name}: {len(text):,} characters, far more than parameters need")
    try:
        level = 0
        for event in YAML(typ="safe", pure=True).parse(text):
            level += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
            if isinstance(event, AliasEvent) or level > LEVELS:
                why = f"more than {LEVELS} levels" if level > LEVELS else "anchors are not read: write the value out"
                raise UserError(f"{name}: line {event.start_mark.line + 1}: {why}")
        return YAML(typ="safe", pure=True).load(text)
    except UserError:
        raise
    except Exception as error:  # a tag on a value of another type fails in any way
        mark = getattr(error, "problem_mark", None)
        where = "" if mark is None else f" in line {mark.line + 1}"
        what = getattr(error, "problem", None) or error
        raise UserError(f"{name}: not YAML{where}: {one_line(what, 160)}") from error


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
    params = _valid(tree, str(path or "parameters"))
    for assignment in assignments:
        _set(tree, assignment)
    return _valid(tree, "--set") if assignments else params


def _valid(tree: dict[str, Any], name: str) -> Params:
    try:
        return Params.model_validate(tree)
    except ValidationError as error:
        raise UserError(f"{name}: {first_problem(error)}") from error
