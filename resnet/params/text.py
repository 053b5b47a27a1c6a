"""YAML as parameters need it: plain values, each key once, no surprises.

YAML 1.1, which PyYAML reads, takes `no` for false, `1:30` for 90 and `010` for 8, and DVC, which reads the same file,
does not. So what is no number, true, false or null is text here, as in YAML 1.2, and what the two read as
different numbers is refused.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any

import yaml
from yaml.events import AliasEvent
from yaml.nodes import MappingNode, Node, ScalarNode

from resnet.errors import UserError, one_line

TEXT_BYTES = 2**18
"""Of a file of parameters: the committed ones have 2 % of it."""
LEVELS = 12
"""Of sections in sections: a setting lies four deep."""


class _Loader(yaml.SafeLoader):
    """Reads plain YAML lazily, so that what it refuses is not read to its end."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - as the base class has it
    level = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        if self.check_event(AliasEvent):
            raise _refusal("anchors are not read: write the value out", self.peek_event().start_mark)  # type: ignore[no-untyped-call]
        if self.level == LEVELS:
            raise _refusal(f"more than {LEVELS} levels", self.peek_event().start_mark)  # type: ignore[no-untyped-call]
        self.level += 1
        node = super().compose_node(parent, index)
        self.level -= 1
        return node

    def construct_mapping(self, node: MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, ScalarNode):
                raise _refusal("a key must be a name", key.start_mark)
            if key.value in keys:
                raise _refusal(f"the key {one_line(key.value, 60)} stands there twice", key.start_mark)
            keys.add(key.value)
        return super().construct_mapping(node, deep=True)


def _refusal(why: str, mark: Any) -> yaml.YAMLError:
    return yaml.MarkedYAMLError(problem=why, problem_mark=mark)


def _octal(loader: yaml.SafeLoader, node: ScalarNode) -> Any:
    raise _refusal(f"{one_line(node.value, 60)} is read as different numbers: write it without the 0", node.start_mark)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])
_Loader.add_implicit_resolver("!octal", re.compile(r"^[-+]?0\d+$"), list("-+0"))
# Longer ones are text, which no setting takes for a number.
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0|[1-9]\d{0,29})$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"^[-+]?(?:\d{1,30}\.\d{0,30}(?:[eE][-+]?\d{1,5})?|\.\d{1,30}(?:[eE][-+]?\d{1,5})?|\d{1,30}[eE][-+]?\d{1,5}"
        r"|\.(?:inf|Inf|INF))$|^\.(?:nan|NaN|NAN)$"
    ),
    list("-+0123456789."),
)
PLAIN = ("bool", "null", "int", "float", "str", "seq", "map")
_Loader.yaml_constructors = {
    tag: constructor
    for tag, constructor in yaml.SafeLoader.yaml_constructors.items()
    if tag is None or tag.removeprefix("tag:yaml.org,2002:") in PLAIN  # None: of every other tag, which it refuses
}
_Loader.add_constructor("!octal", _octal)


def parse(text: str, name: str) -> Any:
    """Read YAML.

    Args:
        text: what stands there.
        name: where, for messages.

    Raises:
        UserError: it is not YAML, or not as parameters need it.
    """
    if len(text) > TEXT_BYTES:
        raise UserError(f"{name}: {len(text):,} characters, far more than parameters need")
    try:
        return yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = "" if mark is None else f" in line {mark.line + 1}"
        raise UserError(f"{name}: not YAML as parameters need it{line}: {one_line(error.problem, 160)}") from error
    except (yaml.YAMLError, ValueError, LookupError, RecursionError) as error:  # `!!bool x` is a KeyError
        raise UserError(f"{name}: not YAML: {one_line(error, 160)}") from error
