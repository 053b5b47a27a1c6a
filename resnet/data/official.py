"""The official archive's batches. A pickle is a program: these are read without running any."""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np

from resnet.data.archives import Files, content, reason
from resnet.data.images import SHAPE, Images, Source, canonical
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


def read_official(name: str, stem: str, files: Files) -> Source:
    """Read the official archive's members, given by their last name."""
    names = _unpickle(f"{name}: batches.meta", content(name, files, "batches.meta")).get(b"label_names")
    if not isinstance(names, list) or not all(isinstance(label, bytes) for label in names):
        raise UserError(f"{name}: batches.meta: it does not name the classes")
    classes = tuple(label.decode("latin1") for label in names)

    def batches(*members: str) -> Images:
        missing = [member for member in members if member not in files]
        if missing:
            raise UserError(f"{name}: the batch {missing[0]} is not in the archive")
        parts = [_batch(f"{name}: {member}", content(name, files, member), len(names)) for member in members]
        return Images(np.concatenate([part.images for part in parts]), np.concatenate([part.labels for part in parts]))

    train = batches(*(f"data_batch_{number}" for number in range(1, 6)))
    return Source(stem, classes, canonical(train), canonical(batches("test_batch")))
