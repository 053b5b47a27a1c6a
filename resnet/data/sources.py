"""Sources: what `data.source` or CIFAR10_SOURCE names, read whole into the same arrays."""

from __future__ import annotations

import os
import re
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np

from resnet.data.archives import open_files, reason
from resnet.data.download import official_archive
from resnet.data.folder import read_image_folder
from resnet.data.images import CLASSES, SETS, Images, Source, canonical, validation_indices
from resnet.data.official import is_official, read_official
from resnet.errors import UserError
from resnet.files import expanded
from resnet.results import OFFICIAL_FINGERPRINTS


def _read_digits() -> Source:
    """The 1,797 handwritten digits that scikit-learn ships, 8x8 grey, as 3x32x32: each pixel 4x4 times.

    They have no official test set: 360 of them are chosen as a validation set would be.
    """
    from sklearn.datasets import load_digits  # heavy, and only the quickstart needs it

    digits = load_digits()
    grey = np.round(digits.images * (255 / 16)).astype(np.uint8)  # 0..16 to 0..255
    images = np.repeat(grey.repeat(4, axis=1).repeat(4, axis=2)[:, None], 3, axis=1)
    everything = canonical(Images(images, digits.target.astype(np.uint8)))
    chosen = np.zeros(len(everything), dtype=bool)
    chosen[validation_indices(everything, 360, seed=0)] = True
    classes = tuple(str(digit) for digit in range(10))
    return Source("digits", classes, everything[~chosen], everything[chosen])


def _stem(path: Path) -> str:
    name = path.resolve().name
    for suffix in (".zip", ".tar.gz", ".tgz", ".tar"):
        name = name.removesuffix(suffix)
    return name if name.isprintable() else ascii(name)


def _read_path(path: Path, *, progress: bool) -> Source:
    try:
        if not path.exists():
            raise UserError(f"{path}: no such file or folder (data.source or CIFAR10_SOURCE)")
        stem = _stem(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({reason(error)})") from error
    with ExitStack() as stack:
        files = open_files(path, stack)
        official = is_official(files)
        source = read_official(files, stem) if official else read_image_folder(files, stem, progress=progress)
    for name in SETS:
        if not len(getattr(source, name)):
            raise UserError(f"{path}: its {name} set is empty")
    return source


def read_source(source: str, *, cache: Path | None = None, progress: bool = True) -> Source:
    """Read a source whole.

    Args:
        source: `official`, `digits`, or the path of the official archive, of an ImageFolder tree, or of
            a zip or tar of one. The variable CIFAR10_SOURCE, where set, stands for `official`.
        cache: where a download is kept; by default a folder of the user's cache.
        progress: show progress bars.

    Raises:
        UserError: the source is missing, damaged or not images of 32x32, or cannot be downloaded.
    """
    if source == "official":
        source = os.environ.get("CIFAR10_SOURCE") or source
    if source == "digits":
        return _read_digits()
    if re.match(r"[A-Za-z][\w+.-]+:/", source):
        raise UserError(
            f"{source}: an address, where data.source or CIFAR10_SOURCE names a file or a folder: download it "
            "first, or use `official`, which downloads CIFAR-10 itself"
        )
    path = official_archive(cache, progress=progress) if source == "official" else expanded(source)
    read = _read_path(path, progress=progress)
    if read.fingerprint != OFFICIAL_FINGERPRINTS:
        return read
    return replace(read, name="CIFAR-10", classes=CLASSES)  # whatever the source calls them
