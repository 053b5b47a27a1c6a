"""ImageFolder trees: `train/<class>/*` and `test/<class>/*`, each an image of 32x32."""

from __future__ import annotations

import io
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath

import numpy as np
from PIL import Image
from rich.console import Console
from rich.progress import track

from resnet.data.archives import Files, content, reason
from resnet.data.images import SHAPE, Bytes, Images, Source, canonical
from resnet.errors import UserError

SETS = ("train", "test")

IMAGE_SUFFIXES = (".png", ".webp", ".jpg", ".jpeg")
IMAGE_FORMATS = ("PNG", "WEBP", "JPEG")

LITTER = ("__MACOSX", "Thumbs.db", "desktop.ini")
"""What file managers leave in folders and archives, besides names that begin with a dot."""


def _decode(name: str, encoded: bytes) -> Bytes:
    """Decode one image to uint8 (3, 32, 32)."""
    try:
        with Image.open(io.BytesIO(encoded), formats=IMAGE_FORMATS) as image:
            # The size stands in the header: no oversized image is decoded.
            size, mode = image.size, image.mode
            exact = size == SHAPE[:0:-1] and mode in ("1", "L", "P", "RGB") and not image.has_transparency_data
            pixels = np.asarray(image.convert("RGB")) if exact else None
    except Exception as error:  # a damaged image fails in any way
        raise UserError(f"{name}: not a readable PNG, WebP or JPEG image ({reason(error)})") from error
    if size != SHAPE[:0:-1]:
        raise UserError(f"{name}: {size[0]}x{size[1]} pixels instead of 32x32")
    if pixels is None:
        raise UserError(f"{name}: neither a grey nor an RGB image of 8 bits, or a transparent one ({mode})")
    return np.moveaxis(pixels, -1, 0)


def _top(parts: tuple[str, ...]) -> tuple[str, ...] | None:
    """The folders above train/ or test/ in a path: none or one; None for any other path."""
    depth = next((depth for depth in (0, 1) if len(parts) > depth + 1 and parts[depth] in SETS), None)
    return None if depth is None else parts[:depth]


def _members(name: str, files: Files) -> dict[str, dict[str, list[str]]]:
    """Sort the files of `train/<class>/*` and `test/<class>/*` by set and class; one folder may hold both.

    Raises:
        UserError: there are no such sets, or one holds something else than classes of images.
    """
    members: dict[str, dict[str, list[str]]] = {chosen: {} for chosen in SETS}
    tops = set()
    for path in files:
        parts = PurePosixPath(path).parts
        if (top := _top(parts)) is None or any(part in LITTER or part.startswith(".") for part in parts):
            continue  # a README, a licence
        tops.add(top)
        if not path.isprintable():
            raise UserError(f"{name}: {path!r}: a file name that cannot be printed")
        chosen, *below = parts[len(top) :]
        if len(below) != 2 or not path.lower().endswith(IMAGE_SUFFIXES):
            raise UserError(f"{name}: {path}: {chosen}/ may hold only folders of PNG, WebP or JPEG files, one a class")
        members[chosen].setdefault(below[0], []).append(path)
    if not all(members.values()):
        raise UserError(f"{name}: neither the official archive nor train/<class>/ and test/<class>/ images")
    if len(tops) > 1:
        raise UserError(f"{name}: train/ or test/ stands in more than one place")
    return members


def read_image_folder(name: str, stem: str, files: Files, *, progress: bool) -> Source:
    """Read `train/<class>/*` and `test/<class>/*`; labels number the classes in alphabetical order."""
    members = _members(name, files)
    classes = tuple(sorted(members["train"]))
    odd = sorted(set(classes) ^ set(members["test"]))
    if odd:
        raise UserError(f"{name}: the class {odd[0]} is not in both train/ and test/")
    if not 2 <= len(classes) <= 256:
        raise UserError(f"{name}: 2 to 256 classes can be labelled; it has {len(classes)} ({classes[0]}, ...)")
    paths = [path for chosen in members.values() for label in classes for path in sorted(chosen[label])]
    # Decoding releases the interpreter's lock, so threads use all cores.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        decoded = pool.map(lambda path: _decode(f"{name}: {path}", content(name, files, path)), paths)
        bar = track(decoded, "Reading images", len(paths), console=Console(stderr=True), disable=not progress)
        images = np.stack(list(bar))
    sets = []
    for chosen in members.values():
        labels = np.repeat(np.arange(len(classes), dtype=np.uint8), [len(chosen[label]) for label in classes])
        sets.append(canonical(Images(images[: len(labels)], labels)))
        images = images[len(labels) :]
    return Source(stem, classes, *sets)
