"""Ways in which a result file comes to harm, drawn by hypothesis: its bytes, its values, and what lies in its place."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

STRANGE: list[Any] = [
    *(None, True, False, "", "nan", "-inf", "$x_{", "a\nb\x00", "8" * 20_000, [], {}, [[]], {"a": None}),
    *(-1, 0, 1, 3, 7, 150, -5.0, 1e-320, 1e300, -1e300, 1e39, 10**30, 2**63, float("nan"), float("inf")),
    *("../../elsewhere", "<b>", "|", "`", "done", "diverged", "interrupted", "cuda"),
]
CONTENTS: list[bytes] = [
    *(b"", b"\n", b"\x00" * 300, b"null", b"[]", b"{}", b'"text"', b"NaN", b"1" * 10_000, b"\xff\xfe\x00{}"),
    *(b"[" * 100_000, b'{"a":' * 50_000, b"version https://git-lfs.github.com/spec/v1\n", b"<!DOCTYPE html><html>"),
    bytes(range(256)) * 40,
]


def _places(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    children = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in children:
        yield (*path, key)
        yield from _places(value, (*path, key))


def _values(contents: bytes, draw: Callable[..., Any]) -> bytes:
    """Change one to three values of a JSON file: delete, replace, scale, repeat."""
    tree = json.loads(contents)
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(tree))
        if not places:
            break
        *parents, last = draw(st.sampled_from(places))
        parent = tree
        for key in parents:
            parent = parent[key]
        value, how = parent[last], draw(st.sampled_from(["replace", "delete", "scale", "repeat"]))
        if how == "delete":
            del parent[last]
        elif how == "scale" and isinstance(value, int | float):
            parent[last] = value * draw(st.sampled_from([-1, 0, 0.5, 2, 1e6, 1e-9]))
        elif how == "repeat" and isinstance(value, list | str):
            parent[last] = value * 2
        else:
            parent[last] = draw(st.sampled_from(STRANGE))
    return json.dumps(tree).encode()


def _bytes(contents: bytes, draw: Callable[..., Any]) -> bytes:
    """Cut off, flip bits, insert or double."""
    how, at = draw(st.sampled_from(["cut", "flip", "insert", "double"])), draw(st.integers(0, len(contents) - 1))
    if how == "cut":
        return contents[:at]
    if how == "insert":
        return contents[:at] + draw(st.binary(min_size=1, max_size=20)) + contents[at:]
    if how == "double":
        return contents + contents[at:]
    flipped = bytearray(contents)
    for _ in range(draw(st.integers(1, 3))):
        flipped[draw(st.integers(0, len(contents) - 1))] ^= 1 << draw(st.integers(0, 7))
    return bytes(flipped)


def _in_its_place(path: Path, draw: Callable[..., Any]) -> None:
    """Put what is no file in a file's place."""
    path.unlink()
    what = draw(st.sampled_from(["folder", "loop", "broken link", "pipe", "device"]))
    if what == "folder":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to({"loop": path.name, "broken link": "nowhere", "device": "/dev/zero"}[what])


def harm(path: Path, draw: Callable[..., Any]) -> None:
    """Harm a result file in one way."""
    contents = path.read_bytes()
    way = draw(st.sampled_from(["bytes", "place", "contents", *(4 * ["values"] if path.suffix == ".json" else [])]))
    if way == "place":
        _in_its_place(path, draw)
    elif way == "values":
        path.write_bytes(_values(contents, draw))
    elif way == "contents":
        path.write_bytes(draw(st.sampled_from(CONTENTS)))
    else:
        path.write_bytes(_bytes(contents, draw))
