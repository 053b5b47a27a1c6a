"""Sources: what `data.source` or CIFAR10_SOURCE names, read whole into the same arrays."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np

from resnet.data.archives import open_files
from resnet.data.download import official_archive
from resnet.data.folder import read_image_folder
from resnet.data.images import CLASSES, OFFICIAL_FINGERPRINTS, Images, Source, canonical, validation_indices
from resnet.data.official import read_official
from resnet.errors import UserError


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
    return name


def _read_path(path: Path, *, progress: bool) -> Source:
    if not path.exists():
        raise UserError(f"{path}: no such file or folder (data.source or CIFAR10_SOURCE)")
    with ExitStack() as stack:
        files = open_files(path, stack)
        batches = {PurePosixPath(name).name: read for name, read in files.items() if "batch" in name}
        if "test_batch" in batches and "batches.meta" in batches:
            return read_official(str(path), _stem(path), batches)
        return read_image_folder(str(path), _stem(path), files, progress=progress)


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
    if source == "official":
        source = str(official_archive(cache, progress=progress))
    read = _read_digits() if source == "digits" else _read_path(Path(source).expanduser(), progress=progress)
    if read.fingerprint != OFFICIAL_FINGERPRINTS:
        return read
    return replace(read, name="CIFAR-10", classes=CLASSES)  # whatever the source calls them
