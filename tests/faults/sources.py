"""Spoilt files: archives, weights and result files that are damaged or cannot be right."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
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


def damaged(draw: Draw, content: bytes) -> bytes:
    """Content with some bytes changed, lost, put in, or cut off."""
    start = draw(st.integers(0, len(content)))
    lost = draw(st.sampled_from((0, 1, 50, len(content))))
    other = content[:start] + draw(st.binary(max_size=8)) + content[start + lost :]
    assume(other != content)
    return other


def damage(draw: Draw, file: Path) -> None:
    """Damage a file or remove it."""
    if draw(st.integers(0, 4)):
        file.write_bytes(damaged(draw, file.read_bytes()))
    else:
        file.unlink()


def damage_archive(draw: Draw, folder: Path) -> str:
    """A zip or tar of the very images that are prepared in `data`, damaged; gives its name."""
    name = draw(st.sampled_from(("small.zip", "small.tar", "small.tar.gz")))
    if name != "small.zip":
        tarred(folder / name, image_files(some_images()), "w:gz" if name.endswith("gz") else "w")
    (folder / name).write_bytes(damaged(draw, (folder / name).read_bytes()))
    return str(name)


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
    tensor = state[name]
    wrong = (float("nan"), float("inf"), tensor.flatten()[:-1], tensor.to(torch.int32), "text", None, [tensor])
    kind = draw(st.sampled_from(("value", "less", "more", "deeper", "half", "junk")))
    if kind == "value":
        value = draw(st.sampled_from(wrong))
        state[name] = torch.full_like(tensor, value) if isinstance(value, float) else value
    elif kind == "less":
        del state[name]
    elif kind == "more":
        state[f"{name}.{draw(TEXT)}"] = torch.ones(1)
    elif kind == "deeper":
        state = dict(resnet(14).state_dict())
    whole = io.BytesIO()
    torch.save(state, whole)
    content = whole.getvalue()
    if kind == "half":
        content = content[: draw(st.integers(0, len(content) - 1))]
    path.write_bytes(draw(JUNK) if kind == "junk" else content)


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
    """`small.zip`, an ImageFolder of 60 images, and `w.pth`, weights of a ResNet-8."""
    zipped(folder / "small.zip", image_files(some_images()))
    torch.manual_seed(0)
    torch.save(resnet(8).state_dict(), folder / "w.pth")
