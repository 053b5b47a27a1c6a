"""The official archive's batches. A pickle is a program: these are read without running any."""

from __future__ import annotations

import io
import pickle
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from resnet.data.archives import Files, reason
from resnet.data.images import SHAPE, Images, Source, canonical, check_classes
from resnet.errors import UserError


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


def _unpickle(name: str, pickled: bytes) -> dict[bytes, Any]:
    try:
        batch = _BatchUnpickler(io.BytesIO(pickled), encoding="bytes").load()
    except Exception as error:  # a damaged pickle fails in any way
        raise UserError(f"{name}: not a batch of the official CIFAR-10 ({reason(error)})") from error
    if not isinstance(batch, dict):
        raise UserError(f"{name}: not a batch of the official CIFAR-10 (not a dictionary)")
    return batch


def _batch(name: str, pickled: bytes, classes: int) -> Images:
    batch = _unpickle(name, pickled)
    pixels, labels = batch.get(b"data"), batch.get(b"labels")
    if not (
        isinstance(pixels, np.ndarray)
        and isinstance(labels, list)
        and pixels.shape == (len(labels), np.prod(SHAPE))
        and all(type(label) is int and 0 <= label < classes for label in labels)
    ):
        raise UserError(f"{name}: not a batch of the official CIFAR-10 (wrong images or labels)")
    return Images(pixels.reshape(-1, *SHAPE), np.array(labels, dtype=np.uint8))


TRAIN = tuple(f"data_batch_{number}" for number in range(1, 6))
TEST, META = "test_batch", "batches.meta"
BATCH_BYTES = 2**26
"""Of the largest batch: the official ones have half of it."""


def is_official(files: Files) -> bool:
    """Whether a source looks like the official archive: batches anywhere in it."""
    names = {PurePosixPath(path).name for path in (*files.sizes, *files.strange)}
    return {TEST, META} <= names


def read_official(files: Files, stem: str) -> Source:
    """Read the official archive's batches, in whatever folder they are.

    Raises:
        UserError: one is missing, damaged, not a file, or there twice.
    """
    places: dict[str, str] = {}
    for path in (*files.strange, *files.sizes):
        batch = PurePosixPath(path).name
        if batch not in (*TRAIN, TEST, META):
            continue
        if path in files.strange:
            files.refuse(path, files.strange[path])
        if batch in places:
            files.refuse(path, f"{batch} stands in more than one place")
        places[batch] = path
    missing = [batch for batch in TRAIN if batch not in places]
    if missing:
        raise UserError(f"{files.name}: the batch {missing[0]} is not in the archive")
    contents = dict(files.read(places.values(), BATCH_BYTES))

    def named(batch: str) -> tuple[str, bytes]:
        return f"{files.name}: {batch}", contents[places[batch]]

    names = _unpickle(*named(META)).get(b"label_names")
    if not isinstance(names, list) or not all(isinstance(label, bytes) for label in names):
        raise UserError(f"{files.name}: batches.meta: it does not name the classes")
    classes = tuple(label.decode("latin1") for label in names)
    check_classes(f"{files.name}: batches.meta", classes)
    *train, test = (_batch(*named(batch), len(classes)) for batch in (*TRAIN, TEST))
    images = np.concatenate([part.images for part in train])
    labels = np.concatenate([part.labels for part in train])
    return Source(stem, classes, canonical(Images(images, labels)), canonical(test))
