"""CIFAR-10 from any source, as the same arrays in one canonical order.

    source ──► labelled images ──► canonical order ──► fingerprint ──► split ──► folder of arrays

A source is the official archive (downloaded, or a path to it), an ImageFolder tree of PNG, WebP or
JPEG files (a folder, or a zip or tar of it), or `digits`, real images that scikit-learn ships.
Images are sorted by the SHA-256 of their record, so that split and batches do not depend on the
source, and an order-independent fingerprint decides whether the data are the official CIFAR-10.
"""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from rich.progress import track

from resnet.download import official_archive
from resnet.errors import UserError
from resnet.files import sync_folder
from resnet.params import DataParams
from resnet.records import DataRecord

Bytes = NDArray[np.uint8]
Files = Mapping[str, Callable[[], bytes]]
"""The files of a source: path to what reads its content."""

OFFICIAL_FINGERPRINTS = {
    "train": "55a61f79a40ece2ceda9fb5f9f7078f6ea2fc4952489cef56682bcf92cfcc260",
    "test": "325704b01eb92e1e2a6215ae6a916bb7db7de054af0c496be1c7be2e0fcfbf5f",
}
"""Of the official binary version's 50,000 and 10,000 records; `fingerprint` says how they are made."""

SHAPE = (3, 32, 32)
"""Channels (red, green, blue), rows, columns."""

IMAGE_SUFFIXES = (".png", ".webp", ".jpg", ".jpeg")


@dataclass(frozen=True)
class Images:
    """Labelled images."""

    images: Bytes
    """uint8 (N, 3, 32, 32)."""
    labels: Bytes
    """uint8 (N,)."""

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, indices: NDArray[Any]) -> Images:
        return Images(self.images[indices], self.labels[indices])


@dataclass(frozen=True)
class Source:
    """What a source gives: both sets in canonical order, not yet split."""

    name: str
    classes: tuple[str, ...]
    train: Images
    test: Images

    @property
    def fingerprint(self) -> dict[str, str]:
        return {"train": fingerprint(self.train), "test": fingerprint(self.test)}


@dataclass(frozen=True)
class Data:
    """What training reads."""

    record: DataRecord
    train: Images
    validation: Images
    test: Images


# --- Fingerprint and canonical order ------------------------------------------------------------


def digests(images: Images) -> list[bytes]:
    """The SHA-256 of each record: the label's byte, then its 3,072 pixels, channel by channel, row by row."""
    records = np.concatenate([images.labels[:, None], images.images.reshape(len(images), np.prod(SHAPE))], axis=1)
    return [hashlib.sha256(record).digest() for record in np.ascontiguousarray(records)]


def combined(record_digests: Sequence[bytes]) -> str:
    """The SHA-256 (hex) of record digests in ascending order."""
    return hashlib.sha256(b"".join(sorted(record_digests))).hexdigest()


def fingerprint(images: Images) -> str:
    """The SHA-256 (hex) of the records' digests in ascending order: free of image order and file format."""
    return combined(digests(images))


def canonical(images: Images) -> Images:
    """Sort by record digest. Equal records are interchangeable, so the order is unique."""
    order = digests(images)
    return images[np.array(sorted(range(len(order)), key=order.__getitem__), dtype=np.int64)]


def validation_indices(train: Images, count: int, seed: int) -> NDArray[np.int64]:
    """Choose `count` training images for validation: those of the smallest SHA-256(seed, record digest).

    The choice is a function of the seed and the images alone, whatever the version of a random
    generator. It is not stratified: the paper says no more than "45k/5k".

    Returns:
        int64 (count,), ascending indices into the canonical order.

    Raises:
        UserError: no image would be left for training.
    """
    if count >= len(train):
        raise UserError(f"data.validation is {count}, but there are only {len(train)} training images")
    keys = [hashlib.sha256(f"{seed}:".encode() + digest).digest() for digest in digests(train)]
    return np.array(sorted(sorted(range(len(keys)), key=keys.__getitem__)[:count]), dtype=np.int64)


# --- Sources --------------------------------------------------------------------------------------


class _BatchUnpickler(pickle.Unpickler):
    """Reads what the official batches hold, and runs nothing else: a pickled file is code."""

    def find_class(self, module: str, name: str) -> Any:
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name == "_reconstruct":
            return np._core.multiarray._reconstruct  # type: ignore[attr-defined]
        if (module, name) == ("numpy", "ndarray"):
            return np.ndarray
        if (module, name) == ("numpy", "dtype"):
            return np.dtype
        if (module, name) == ("_codecs", "encode"):  # how protocol 2 writes bytes under Python 3
            return lambda text, encoding: text.encode(encoding)
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")


def _unpickle(name: str, content: bytes) -> dict[bytes, Any]:
    try:
        batch = _BatchUnpickler(io.BytesIO(content), encoding="bytes").load()
    except Exception as error:  # a damaged pickle fails in any way
        raise UserError(f"{name}: not a batch of the official CIFAR-10 ({error})") from error
    if not isinstance(batch, dict):
        raise UserError(f"{name}: not a batch of the official CIFAR-10 (not a dictionary)")
    return batch


def _official_batch(name: str, content: bytes) -> Images:
    batch = _unpickle(name, content)
    try:
        images = np.asarray(batch[b"data"]).reshape(-1, *SHAPE)
        labels = np.asarray(batch[b"labels"])
    except (KeyError, ValueError) as error:
        raise UserError(f"{name}: not a batch of the official CIFAR-10 ({error})") from error
    if images.dtype != np.uint8 or len(images) != len(labels) or labels.min() < 0 or labels.max() > 9:
        raise UserError(f"{name}: not a batch of the official CIFAR-10 (wrong images or labels)")
    return Images(images, labels.astype(np.uint8))


def _read_official(name: str, stem: str, files: Files) -> Source:
    """Read the official archive's members, given by their last name."""

    def batches(*members: str) -> Images:
        missing = [member for member in members if member not in files]
        if missing:
            raise UserError(f"{name}: the batch {missing[0]} is not in the archive")
        parts = [_official_batch(f"{name}: {member}", files[member]()) for member in members]
        return Images(np.concatenate([part.images for part in parts]), np.concatenate([part.labels for part in parts]))

    meta = _unpickle(f"{name}: batches.meta", files["batches.meta"]())
    classes = tuple(label.decode() for label in meta.get(b"label_names", ()))
    train = batches(*(f"data_batch_{number}" for number in range(1, 6)))
    return Source(stem, classes, canonical(train), canonical(batches("test_batch")))


def _decode(name: str, content: bytes) -> Bytes:
    try:
        with Image.open(io.BytesIO(content)) as image:
            pixels = np.asarray(image.convert("RGB"))
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise UserError(f"{name}: not a readable image ({error})") from error
    if pixels.shape != (*SHAPE[1:], SHAPE[0]):
        raise UserError(f"{name}: {pixels.shape[1]}x{pixels.shape[0]} pixels instead of 32x32")
    return np.moveaxis(pixels, -1, 0)


def _read_image_folder(name: str, stem: str, files: Files, *, progress: bool) -> Source:
    """Read `train/<class>/*` and `test/<class>/*`, given by path with at most one folder above them."""
    members: dict[str, dict[str, list[str]]] = {chosen: {} for chosen in ("train", "test")}
    for path in files:
        parts = PurePosixPath(path).parts[-3:]
        if len(parts) == 3 and parts[0] in members and path.lower().endswith(IMAGE_SUFFIXES):
            members[parts[0]].setdefault(parts[1], []).append(path)
    classes = tuple(sorted(members["train"]))
    if not classes or not members["test"]:
        raise UserError(f"{name}: neither the official archive nor train/<class>/ and test/<class>/ images")
    if tuple(sorted(members["test"])) != classes:
        raise UserError(f"{name}: train and test have different classes")
    if not 2 <= len(classes) <= 256:
        raise UserError(f"{name}: {len(classes)} classes; 2 to 256 can be labelled")

    def read(chosen: str) -> Images:
        labelled = [(path, label) for label, of in enumerate(classes) for path in sorted(members[chosen][of])]

        def one(item: tuple[str, int]) -> Bytes:
            return _decode(f"{name}: {item[0]}", files[item[0]]())

        # Decoding releases the interpreter's lock, so threads use all cores.
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            decoded = track(pool.map(one, labelled), f"Reading {chosen} images", len(labelled), disable=not progress)
            images = np.stack(list(decoded))
        return canonical(Images(images, np.array([label for _, label in labelled], dtype=np.uint8)))

    return Source(stem, classes, read("train"), read("test"))


def _read_digits() -> Source:
    """The 1,797 handwritten digits that scikit-learn ships, 8x8 grey, as 3x32x32: each pixel 4x4 times."""
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


def _read_members(path: Path, files: Files, *, progress: bool) -> Source:
    batches = {PurePosixPath(name).name: read for name, read in files.items() if "batch" in name}
    if "test_batch" in batches and "batches.meta" in batches:
        return _read_official(str(path), _stem(path), batches)
    return _read_image_folder(str(path), _stem(path), files, progress=progress)


def _read_path(path: Path, *, progress: bool) -> Source:
    if path.is_dir():
        found = sorted(file for file in path.rglob("*") if file.is_file())
        return _read_members(
            path, {file.relative_to(path).as_posix(): file.read_bytes for file in found}, progress=progress
        )
    if not path.exists():
        raise UserError(f"{path}: no such file or folder (data.source or CIFAR10_SOURCE)")
    if path.stat().st_size == 0:
        raise UserError(f"{path}: the archive is empty")
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as zipped:
                names = [info.filename for info in zipped.infolist() if not info.is_dir()]
                return _read_members(path, {name: partial(zipped.read, name) for name in names}, progress=progress)
        with tarfile.open(path) as tar:
            # A compressed tar can only be read in order: take the contents as they come.
            files = {name: partial(bytes, content) for name, content in _tar_contents(tar)}
        return _read_members(path, files, progress=progress)
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{path}: a damaged archive, or none at all ({reason})") from error


def _tar_contents(tar: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    for member in tar:
        file = tar.extractfile(member) if member.isfile() else None
        if file is not None:
            yield member.name, file.read()


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
    found = _read_digits() if source == "digits" else _read_path(Path(source).expanduser(), progress=progress)
    return replace(found, name="CIFAR-10") if found.fingerprint == OFFICIAL_FINGERPRINTS else found


# --- The split and the prepared folder ------------------------------------------------------------


def split(source: Source, validation: int, seed: int) -> Data:
    """Hold `validation` training images out, as `validation_indices` chooses them.

    Raises:
        UserError: no image would be left for training.
    """
    held_out = np.zeros(len(source.train), dtype=bool)
    held_out[validation_indices(source.train, validation, seed)] = True
    train, held = source.train[~held_out], source.train[held_out]
    found = source.fingerprint
    record = DataRecord(
        name=source.name,
        official=found == OFFICIAL_FINGERPRINTS,
        classes=source.classes,
        fingerprint=found,
        train_images=len(train),
        validation_images=len(held),
        test_images=len(source.test),
        split_seed=seed,
        split_fingerprint=fingerprint(held),
    )
    return Data(record, train, held, source.test)


SETS = ("train", "validation", "test")


def save(data: Data, folder: Path) -> None:
    """Write the arrays and their record into `folder`, complete or not at all.

    The files' bytes depend on the images, their labels and the split alone.

    Raises:
        UserError: the folder cannot be written.
    """
    beside = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        beside.mkdir(parents=True)
        for name in SETS:
            images: Images = getattr(data, name)
            for part in ("images", "labels"):
                with (beside / f"{name}_{part}.npy").open("wb") as file:
                    np.save(file, getattr(images, part))
                    file.flush()
                    os.fsync(file.fileno())
        data.record.write(beside / "data.json")
        # A kill between the two steps leaves no folder, which reads as "not prepared".
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(beside, folder)
    except OSError as error:
        raise UserError(f"{folder}: the prepared data cannot be written ({error.strerror})") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    sync_folder(folder.parent)


def load(folder: Path) -> Data:
    """Load what `save` left.

    Raises:
        UserError: the folder is not prepared, or its files do not fit their record.
    """
    if not (folder / "data.json").exists():
        raise UserError(f"{folder}: the data are not prepared: run `resnet data` first")
    record = DataRecord.read(folder / "data.json")
    try:
        train, validation, test = (
            Images(*(np.load(folder / f"{name}_{part}.npy") for part in ("images", "labels"))) for name in SETS
        )
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"{folder}: damaged ({error}): run `resnet data` again") from error
    for images, count in (
        (train, record.train_images),
        (validation, record.validation_images),
        (test, record.test_images),
    ):
        if images.images.shape != (count, *SHAPE) or images.labels.shape != (count,):
            raise UserError(f"{folder}: damaged (its arrays do not fit data.json): run `resnet data` again")
    return Data(record, train, validation, test)


def verify(data: Data) -> None:
    """Compute the fingerprints of prepared data again.

    Raises:
        UserError: the images are not those that the record names.
    """
    train = digests(data.train) + digests(data.validation)
    found = {"train": combined(train), "test": fingerprint(data.test)}
    if found != data.record.fingerprint or fingerprint(data.validation) != data.record.split_fingerprint:
        raise UserError("the prepared images are not those of data.json: run `resnet data` again")


def read(source: str, params: DataParams, *, progress: bool = True) -> Data:
    """Read a prepared folder, or any source and split it as the parameters say.

    Raises:
        UserError: as `load`, `read_source` and `split`.
    """
    if (Path(source) / "data.json").exists():
        return load(Path(source))
    return split(read_source(source, progress=progress), params.validation, params.split_seed)
