"""ImageFolder trees: `train/<class>/*` and `test/<class>/*`, each an image of 32x32."""

from __future__ import annotations

import io
import os
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import PurePosixPath

import numpy as np
from PIL import Image
from rich.console import Console
from rich.progress import track

from resnet.data.archives import Files, reason
from resnet.data.images import CLASSES, SETS, SHAPE, Bytes, Images, Source, canonical, check_classes
from resnet.errors import UserError

IMAGE_SUFFIXES = (".png", ".webp", ".jpg", ".jpeg")
IMAGE_FORMATS = ("PNG", "WEBP", "JPEG")
IMAGE_BYTES = 2**20
"""Of the largest file of an image: 32x32 pixels are 3 KiB, and what cameras add stays far below."""
AT_ONCE = 128
"""Files that are in memory at a time."""

OTHER_NAMES = {
    "plane": "airplane",
    "aeroplane": "airplane",
    "aircraft": "airplane",
    "car": "automobile",
    "auto": "automobile",
    "lorry": "truck",
}
"""What others call the official classes."""

VALIDATION = ("valid", "val", "validation")

Members = dict[str, dict[str, list[str]]]
"""Set to class to the paths of its images."""


def _pixels(image: Image.Image) -> Bytes | None:
    """The image as uint8 (32, 32, 3), exactly; None where it is transparent or of other than 8 bits."""
    if image.mode not in ("1", "L", "LA", "P", "PA", "RGB", "RGBA"):
        return None
    if image.has_transparency_data:  # by its mode, which many programs write for opaque images too
        image = image.convert("RGBA")
        if image.getchannel("A").getextrema() != (255, 255):
            return None
    return np.asarray(image.convert("RGB"))


def _decode(name: str, encoded: bytes) -> Bytes:
    """Decode one image to uint8 (3, 32, 32)."""
    try:
        with Image.open(io.BytesIO(encoded), formats=IMAGE_FORMATS) as image:
            # The size stands in the header: no oversized image is decoded.
            size, mode = image.size, image.mode
            pixels = _pixels(image) if size == SHAPE[:0:-1] else None
    except Exception as error:  # a damaged image fails in any way
        raise UserError(f"{name}: not a readable PNG, WebP or JPEG image ({reason(error)})") from error
    if size != SHAPE[:0:-1]:
        raise UserError(f"{name}: {size[0]}x{size[1]} pixels instead of 32x32")
    if pixels is None:
        raise UserError(f"{name}: neither a grey nor an RGB image of 8 bits, or a transparent one ({mode})")
    return np.moveaxis(pixels, -1, 0)


def _decoded(files: Files, paths: Sequence[str], *, progress: bool) -> Iterator[tuple[str, Bytes]]:
    """Decode images in the order in which they are read, each with its path."""
    contents = iter(
        track(
            files.read(paths, IMAGE_BYTES),
            "Reading images",
            len(paths),
            console=Console(stderr=True),
            disable=not progress,
        )
    )

    def decode(content: tuple[str, bytes]) -> tuple[str, Bytes]:
        return content[0], _decode(f"{files.name}: {content[0]}", content[1])

    # Decoding releases the interpreter's lock, so threads use all cores.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        while some := list(islice(contents, AT_ONCE)):
            yield from pool.map(decode, some)


def _place(path: str) -> tuple[tuple[str, ...], str, tuple[str, ...]] | None:
    """The folders above train/ or test/ (none or one), the set, and what is below it; None for any other path."""
    parts = PurePosixPath(path).parts
    depth = next((depth for depth, part in enumerate(parts[:2]) if part in SETS), None)
    return None if depth is None else (parts[:depth], parts[depth], parts[depth + 1 :])


def _members(files: Files) -> Members:
    """Sort the files of `train/<class>/*` and `test/<class>/*` by set and class; one folder may hold both.

    Raises:
        UserError: there are no such sets, or one holds something else than classes of images.
    """
    members: Members = {chosen: {} for chosen in SETS}
    tops = set()
    for path in (*files.strange, *files.folders, *files.sizes):
        place = _place(path)
        if place is None:
            continue  # a README, a licence
        top, chosen, below = place
        if not path.isprintable():
            files.refuse(path, "a file name that cannot be printed")
        if path in files.strange:
            files.refuse(path, files.strange[path])
        if below:
            tops.add(top)
        if path in files.folders:
            if len(below) == 1:
                members[chosen].setdefault(below[0], [])
        elif len(below) != 2 or not path.lower().endswith(IMAGE_SUFFIXES):
            if below:  # else a file that is called train or test
                files.refuse(path, f"{chosen}/ may hold only folders of PNG, WebP or JPEG files, one a class")
        else:
            members[chosen].setdefault(below[0], []).append(path)
    if not all(members.values()):
        raise UserError(f"{files.name}: neither the official archive nor train/<class>/ and test/<class>/ images")
    if len(tops) > 1:
        raise UserError(f"{files.name}: train/ or test/ stands in more than one place")
    _check_members(files.name, members)
    return members


def _check_members(name: str, members: Members) -> None:
    """Refuse classes without images, and classes that are not in both sets.

    Raises:
        UserError: there are such.
    """
    for chosen, classes in members.items():
        empty = sorted(label for label, paths in classes.items() if not paths)
        if empty:
            raise UserError(f"{name}: {chosen}/{empty[0]}/ holds no images")
    odd = sorted(set(members["train"]) ^ set(members["test"]))
    if odd:
        raise UserError(f"{name}: the class {odd[0]} is not in both train/ and test/")


def _official_name(folder: str) -> str:
    """The official class that a folder's name stands for, as far as it does."""
    name = folder.lower().replace("_", "").replace("-", "").removesuffix("s")
    return OTHER_NAMES.get(name, name)


def _ordered(folders: Iterable[str]) -> tuple[list[str], tuple[str, ...]]:
    """The folders in the order of their labels, and their classes.

    The official classes have the official labels, also by other names; all others number their folders
    in alphabetical order.
    """
    folders = sorted(folders)
    names = {_official_name(folder): folder for folder in folders}
    if len(folders) == len(CLASSES) and set(names) == set(CLASSES):
        return [names[name] for name in CLASSES], CLASSES
    return folders, tuple(folders)


def _mention(files: Files, classes: tuple[str, ...]) -> None:
    """Say what the user might take for granted and is not so, on standard error."""
    known = {_official_name(label) for label in classes} & set(CLASSES)
    if classes != CLASSES and 2 * len(known) > len(CLASSES):
        labels = ", ".join(f"{label} {number}" for number, label in enumerate(classes[:4]))
        print(f"{files.name}: not CIFAR-10's classes: its labels are others ({labels}, ...)", file=sys.stderr)
    top = next(place[0] for place in map(_place, files.sizes) if place)
    below = len(top) + 1
    parents = {PurePosixPath(path).parent for path in files.sizes} | set(map(PurePosixPath, files.folders))
    beside = {folder.parts[:below] for folder in parents if folder.parts[: len(top)] == top}
    for parts in sorted(beside):
        if parts[len(top) :] and parts[-1].lower() in VALIDATION:
            held_out = "data.validation images of train/ are held out instead"
            print(f"{files.name}: {'/'.join(parts)}/ is passed over: {held_out}", file=sys.stderr)


def read_image_folder(files: Files, stem: str, *, progress: bool) -> Source:
    """Read `train/<class>/*` and `test/<class>/*`.

    Raises:
        UserError: there is something else in the place of images, or an image is not of 32x32 or damaged.
    """
    members = _members(files)
    folders, classes = _ordered(members["train"])
    check_classes(files.name, classes)
    _mention(files, classes)
    place_of = {
        path: (chosen, label)
        for chosen in SETS
        for label, folder in enumerate(folders)
        for path in members[chosen][folder]
    }
    images: dict[str, list[Bytes]] = {chosen: [] for chosen in SETS}
    labels: dict[str, list[int]] = {chosen: [] for chosen in SETS}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, of images that are refused
        for path, pixels in _decoded(files, list(place_of), progress=progress):
            chosen, label = place_of[path]
            images[chosen].append(pixels)
            labels[chosen].append(label)
    sets = (canonical(Images(np.stack(images[chosen]), np.array(labels[chosen], np.uint8))) for chosen in SETS)
    return Source(stem, classes, *sets)
