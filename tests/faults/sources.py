"""Spoilt files: archives, weights and result files that are damaged or cannot be right."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hypothesis import assume
from hypothesis import strategies as st
from PIL import Image

from resnet.nets.model import resnet
from tests.data.makers import Numbered, batch_files, image_files, tarred, zipped

Draw = Callable[[st.SearchStrategy[Any]], Any]
"""Draws a value."""

TEXT = st.text(st.characters(exclude_categories=["Cs", "N"]), max_size=30)
"""Without numbers."""
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda values: st.lists(values, max_size=3) | st.dictionaries(TEXT, values, max_size=3),
    max_leaves=4,
)
PAGES = (b"<!doctype html>", b"404: Not Found", b"version https://git-lfs.github.com/spec/v1", b'{"a": 1}')
PICKLES = (b"\x80\x02cos\ngetcwd\n(tR.", b"\x80\x04.", b"\x80\x02}.")
OTHERS = (b"PK\x03\x04", b"\x89HDF\r\n\x1a\n" + bytes(99), bytes(5000))
JUNK = st.binary(max_size=3000) | st.sampled_from((*PAGES, *PICKLES, *OTHERS))
"""Files of other things, pickles that would run code among them."""


def some_images() -> Numbered:
    """50 training and 10 test images of ten classes."""
    generator = np.random.default_rng(0)
    images = [(i % 10, generator.integers(0, 256, (3, 32, 32)).astype(np.uint8)) for i in range(60)]
    return {"train": images[:50], "test": images[50:]}


def damage(draw: Draw, file: Path) -> None:
    """Damage a file: some bytes are changed, lost, put in, or cut off."""
    content = file.read_bytes()
    start = draw(st.integers(0, len(content)))
    lost = draw(st.sampled_from((0, 1, 50, len(content))))
    other = content[:start] + draw(st.binary(max_size=8)) + content[start + lost :]
    assume(other != content)
    with suppress(ValueError):  # of JSON that says the same nothing is damaged
        assume(file.suffix != ".json" or json.loads(other) != json.loads(content))
    file.write_bytes(other)


def remove(draw: Draw, file: Path) -> None:
    """Remove a file."""
    file.unlink()


def replace(draw: Draw, file: Path) -> None:
    """Put another file in its place."""
    file.write_bytes(draw(JUNK))


def spoil_archive(draw: Draw, folder: Path) -> str:
    """A zip of images or of the official batches, a member of which is another thing; gives its name."""
    files = draw(st.sampled_from((image_files(some_images()), batch_files(some_images()))))
    name = draw(st.sampled_from([name for name in sorted(files) if not name.endswith(".html")]))
    size = draw(st.sampled_from(((31, 32), (32, 33), (1, 1), (64, 64), (3000, 3000))))
    picture = io.BytesIO()
    Image.new(draw(st.sampled_from(("RGB", "L", "RGBA", "P", "I;16"))), size).save(picture, "PNG")
    zipped(folder / "odd.zip", files | {name: draw(JUNK | st.just(picture.getvalue()))})
    return "odd.zip"


def spoil_weights(draw: Draw, path: Path) -> None:
    """Weights that are cut, of another net, not numbers, or of no net."""
    state: dict[str, Any] = dict(resnet(8).state_dict())
    name = draw(st.sampled_from([name for name in state if not name.endswith("num_batches_tracked")]))
    tensor = state.pop(name)
    not_numbers = [torch.full_like(tensor, value) for value in (float("nan"), float("inf"))]
    wrong = [*not_numbers, tensor.flatten()[:-1], tensor.to(torch.int32), "text", None, [tensor]]
    more = {name: tensor, f"{name}.{draw(TEXT)}": torch.ones(1)}
    states = [state, state | more, resnet(14).state_dict(), *(state | {name: value} for value in wrong)]
    whole = io.BytesIO()
    torch.save(states[draw(st.integers(0, len(states) - 1))], whole)
    content = whole.getvalue()
    cut = st.integers(0, len(content) - 1).map(lambda size: content[:size])
    path.write_bytes(draw(st.just(content) | cut | JUNK))


def spoil_json(draw: Draw, file: Path) -> None:
    """Replace or drop a value somewhere in a result file."""
    tree = json.loads(file.read_bytes())
    branch: Any = tree
    while branch:
        key = draw(st.sampled_from(sorted(branch) if isinstance(branch, dict) else range(len(branch))))
        if isinstance(branch[key], dict | list) and branch[key] and draw(st.integers(0, 3)):
            branch = branch[key]
            continue
        if draw(st.integers(0, 4)):
            branch[key] = draw(JSON)
        else:
            del branch[key]
        break
    file.write_text(json.dumps(tree))


def make_sources(folder: Path) -> None:
    """`small.*`, archives of 60 images by class, and `w.pth`, weights of a ResNet-8."""
    files = image_files(some_images())
    zipped(folder / "small.zip", files)
    for ending, mode in (("tar", "w"), ("tar.gz", "w:gz")):
        tarred(folder / f"small.{ending}", files, mode)
    torch.manual_seed(0)
    torch.save(resnet(8).state_dict(), folder / "w.pth")
