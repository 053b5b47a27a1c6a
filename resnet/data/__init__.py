"""CIFAR-10 from any source, as the same arrays in one canonical order.

    source ──► labelled images ──► canonical order ──► fingerprint ──► split ──► folder of arrays

A source is the official archive (downloaded, or a path to it), an ImageFolder tree of PNG, WebP or
JPEG files (a folder, or a zip or tar of it), or `digits`, real images that scikit-learn ships.
Images are sorted by the SHA-256 of their record, so that split and batches do not depend on the
source, and an order-independent fingerprint decides whether the data are the official CIFAR-10.
What comes from outside is not trusted: pickles run no code, and damage is one line that names the file.
"""

from __future__ import annotations

import hashlib
import io
import lzma
import os
import pickle
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.progress import track

from resnet.data.download import official_archive
from resnet.errors import UserError
from resnet.files import sync_folder
from resnet.params import DataParams
from resnet.records import DataRecord

Bytes = NDArray[np.uint8]
Files = Mapping[str, Callable[[], bytes]]
"""The files of a source: path to what reads its content."""

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
"""The official names, in the order of the labels 0 to 9."""

OFFICIAL_FINGERPRINTS = {
    "train": "55a61f79a40ece2ceda9fb5f9f7078f6ea2fc4952489cef56682bcf92cfcc260",
    "test": "325704b01eb92e1e2a6215ae6a916bb7db7de054af0c496be1c7be2e0fcfbf5f",
}
"""Of the official binary version's 50,000 and 10,000 records; `fingerprint` says how they are made."""

SETS = ("train", "test")

SHAPE = (3, 32, 32)
"""Channels (red, green, blue), rows, columns."""

IMAGE_SUFFIXES = (".png", ".webp", ".jpg", ".jpeg")
IMAGE_FORMATS = ("PNG", "WEBP", "JPEG")
LITTER = ("__MACOSX", "Thumbs.db", "desktop.ini")
"""What file managers leave in folders and archives, besides names that begin with a dot."""

DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    ValueError,  # zipfile and tarfile: impossible offsets and names
    RuntimeError,  # zipfile: an encrypted member, an unknown compression
)
"""What reading a damaged archive raises."""


@dataclass(frozen=True)
class Images:
    """Labelled images. Indexing takes an array of indices or a mask and gives another set."""

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


def _reason(error: Exception) -> str:
    """The error as part of one line."""
    return " ".join(str(error).split()) or type(error).__name__


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
    if count < 0:
        raise UserError(f"data.validation is {count}: it must not be negative")
    if count >= len(train):
        raise UserError(f"data.validation is {count}, but there are only {len(train)} training images")
    keys = [hashlib.sha256(f"{seed}:".encode() + digest).digest() for digest in digests(train)]
    return np.array(sorted(sorted(range(len(keys)), key=keys.__getitem__)[:count]), dtype=np.int64)


# --- Sources --------------------------------------------------------------------------------------


class _BatchUnpickler(pickle.Unpickler):
    """Reads what the official batches hold and runs nothing else: a pickle is a program.

    The four names that a batch of bytes needs are given stand-ins that can make nothing but an array
    of unsigned bytes. NumPy's own types would not do: a forged `dtype` can corrupt memory.
    """

    def find_class(self, module: str, name: str) -> Any:
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name == "_reconstruct":
            return lambda *_: np.empty(0, np.uint8)  # shape and content come with the array's state
        if (module, name) == ("numpy", "ndarray"):
            return None  # only ever an argument of `_reconstruct`
        if (module, name) == ("numpy", "dtype"):
            return self._byte
        if (module, name) == ("_codecs", "encode"):  # how Python 3 writes bytes in protocol 2
            return lambda text, _: text.encode("latin1")
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")

    @staticmethod
    def _byte(code: bytes | str, *_: Any) -> np.dtype[np.uint8]:
        if code not in ("u1", b"u1"):
            raise pickle.UnpicklingError(f"an array of type {code!r} instead of unsigned bytes")
        return np.dtype(np.uint8)


def _unpickle(name: str, content: bytes) -> dict[bytes, Any]:
    try:
        batch = _BatchUnpickler(io.BytesIO(content), encoding="bytes").load()
    except Exception as error:  # a damaged pickle fails in any way
        raise UserError(f"{name}: not a batch of the official CIFAR-10 ({_reason(error)})") from error
    if not isinstance(batch, dict):
        raise UserError(f"{name}: not a batch of the official CIFAR-10 (not a dictionary)")
    return batch


def _official_batch(name: str, content: bytes, classes: int) -> Images:
    batch = _unpickle(name, content)
    pixels, labels = batch.get(b"data"), batch.get(b"labels")
    if not (
        isinstance(pixels, np.ndarray)
        and isinstance(labels, list)
        and pixels.shape == (len(labels), np.prod(SHAPE))
        and all(type(label) is int and 0 <= label < classes for label in labels)
    ):
        raise UserError(f"{name}: not a batch of the official CIFAR-10 (wrong images or labels)")
    return Images(pixels.reshape(-1, *SHAPE), np.array(labels, dtype=np.uint8))


def _read_official(name: str, stem: str, files: Files) -> Source:
    """Read the official archive's members, given by their last name."""
    names = _unpickle(f"{name}: batches.meta", _content(name, files, "batches.meta")).get(b"label_names")
    if not isinstance(names, list) or not all(isinstance(label, bytes) for label in names):
        raise UserError(f"{name}: batches.meta: it does not name the classes")
    classes = tuple(label.decode("latin1") for label in names)

    def batches(*members: str) -> Images:
        missing = [member for member in members if member not in files]
        if missing:
            raise UserError(f"{name}: the batch {missing[0]} is not in the archive")
        parts = [_official_batch(f"{name}: {member}", _content(name, files, member), len(names)) for member in members]
        return Images(np.concatenate([part.images for part in parts]), np.concatenate([part.labels for part in parts]))

    train = batches(*(f"data_batch_{number}" for number in range(1, 6)))
    return Source(stem, classes, canonical(train), canonical(batches("test_batch")))


def _decode(name: str, content: bytes) -> Bytes:
    """Decode one image to uint8 (3, 32, 32)."""
    try:
        with Image.open(io.BytesIO(content), formats=IMAGE_FORMATS) as image:
            # The size stands in the header: no oversized image is decoded.
            size, mode = image.size, image.mode
            exact = size == SHAPE[:0:-1] and mode in ("1", "L", "P", "RGB") and not image.has_transparency_data
            pixels = np.asarray(image.convert("RGB")) if exact else None
    except Exception as error:  # a damaged image fails in any way
        raise UserError(f"{name}: not a readable PNG, WebP or JPEG image ({_reason(error)})") from error
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


def _read_image_folder(name: str, stem: str, files: Files, *, progress: bool) -> Source:
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
        decoded = pool.map(lambda path: _decode(f"{name}: {path}", _content(name, files, path)), paths)
        bar = track(decoded, "Reading images", len(paths), console=Console(stderr=True), disable=not progress)
        images = np.stack(list(bar))
    sets = []
    for chosen in members.values():
        labels = np.repeat(np.arange(len(classes), dtype=np.uint8), [len(chosen[label]) for label in classes])
        sets.append(canonical(Images(images[: len(labels)], labels)))
        images = images[len(labels) :]
    return Source(stem, classes, *sets)


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


def _content(name: str, files: Files, path: str) -> bytes:
    try:
        return files[path]()
    except DAMAGE as error:
        raise UserError(f"{name}: {path}: damaged, or not readable ({_reason(error)})") from error


def _open(path: Path, stack: ExitStack) -> Files:
    """List the files of a folder or an archive; `stack` keeps the archive open."""
    try:
        if path.is_dir():
            # Through links, and no deeper than what would be wrong: folder/train/class/folder/file.
            found = (file for depth in range(1, 6) for file in path.glob("/".join("*" * depth)))
            return {file.relative_to(path).as_posix(): file.read_bytes for file in found if file.is_file()}
        if zipfile.is_zipfile(path):
            zipped = stack.enter_context(zipfile.ZipFile(path))
            names = (info.filename for info in zipped.infolist() if not info.is_dir())
            return {name: partial(zipped.read, name) for name in names}
        # A compressed tar can only be read in order: take the contents as they come.
        with tarfile.open(path) as tar:
            return {name: partial(bytes, content) for name, content in _tar_contents(tar)}
    except tarfile.ReadError as error:
        raise UserError(f"{path}: not a zip or tar archive, or a damaged one") from error
    except DAMAGE as error:
        raise UserError(f"{path}: damaged, or not readable ({_reason(error)})") from error


def _read_path(path: Path, *, progress: bool) -> Source:
    if not path.exists():
        raise UserError(f"{path}: no such file or folder (data.source or CIFAR10_SOURCE)")
    with ExitStack() as stack:
        files = _open(path, stack)
        batches = {PurePosixPath(name).name: read for name, read in files.items() if "batch" in name}
        if "test_batch" in batches and "batches.meta" in batches:
            return _read_official(str(path), _stem(path), batches)
        return _read_image_folder(str(path), _stem(path), files, progress=progress)


def _tar_contents(tar: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    for member in tar:
        file = tar.extractfile(member) if member.isfile() else None
        if file is not None:
            yield member.name, file.read()
    # An archive cut between two members reads as a shorter one: only its closing zeros tell.
    assert tar.fileobj is not None
    tar.fileobj.seek(tar.offset)
    if tar.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise tarfile.ReadError("the end is missing")
    # gzip's checksum is compared only where the stream ends, after padding that tarfile leaves unread.
    while tar.fileobj.read(1 << 20):
        pass


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
    if found.fingerprint != OFFICIAL_FINGERPRINTS:
        return found
    return replace(found, name="CIFAR-10", classes=CLASSES)  # whatever the source calls them


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


PARTS = ("train", "validation", "test")


def save(data: Data, folder: Path) -> None:
    """Write the arrays and their record into `folder`, complete or not at all.

    The files' bytes depend on the images, their labels and the split alone. Earlier prepared data give
    way when the new are complete; a kill at any moment leaves the earlier, the new or no folder.

    Raises:
        UserError: the folder cannot be written, or holds what is not prepared data.
    """
    folder = folder.resolve()  # a linked folder stays linked
    beside = folder.with_name(f".{folder.name}.partial")
    earlier = folder.with_name(f".{folder.name}.earlier.partial")
    try:
        if folder.exists():
            strange = [entry.name for entry in folder.iterdir() if not _is_prepared(entry)]
            if strange:
                raise UserError(f"{folder}: holds {strange[0]}, not only prepared data: name another data.dir")
        for leftover in (beside, earlier):
            shutil.rmtree(leftover, ignore_errors=True)
        beside.mkdir(parents=True)
        for name in PARTS:
            images: Images = getattr(data, name)
            for part in ("images", "labels"):
                with (beside / f"{name}_{part}.npy").open("wb") as file:
                    np.save(file, getattr(images, part))
                    file.flush()
                    os.fsync(file.fileno())
        data.record.write(beside / "data.json")
        if folder.exists():
            os.replace(folder, earlier)  # removing it in place would leave half of it to a kill
        try:
            os.replace(beside, folder)
        except OSError:
            if earlier.exists():
                os.replace(earlier, folder)
            raise
        sync_folder(folder.parent)
    except OSError as error:
        raise UserError(f"{folder}: the prepared data cannot be written ({_reason(error)})") from error
    finally:
        for leftover in (beside, earlier):
            shutil.rmtree(leftover, ignore_errors=True)


def _is_prepared(entry: Path) -> bool:
    return entry.name == "data.json" or entry.suffix == ".npy"


def _load_bytes(path: Path) -> Bytes:
    with path.open("rb") as file:
        array = np.lib.format.read_array(file, allow_pickle=False)
    if array.dtype != np.uint8:
        raise ValueError(f"{path.name} does not hold unsigned bytes")
    return array


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
            Images(*(_load_bytes(folder / f"{name}_{part}.npy") for part in ("images", "labels"))) for name in PARTS
        )
    except (OSError, ValueError) as error:
        raise UserError(f"{folder}: damaged ({_reason(error)}): run `resnet data` again") from error
    counts = (record.train_images, record.validation_images, record.test_images)
    for images, count in zip((train, validation, test), counts, strict=True):
        fits = images.images.shape == (count, *SHAPE) and images.labels.shape == (count,)
        if not fits or (count and images.labels.max() >= len(record.classes)):
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
