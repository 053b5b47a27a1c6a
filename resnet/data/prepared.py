"""The split, and the prepared folder: arrays and their record, the same bytes from every source."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np

from resnet.data.archives import reason
from resnet.data.images import (
    OFFICIAL_FINGERPRINTS,
    SHAPE,
    Bytes,
    Data,
    Images,
    Source,
    combined,
    digests,
    fingerprint,
    validation_indices,
)
from resnet.data.sources import read_source
from resnet.errors import UserError
from resnet.files import sync_folder
from resnet.params import DataParams
from resnet.records import DataRecord

PARTS = ("train", "validation", "test")


def split(source: Source, validation: int, seed: int) -> Data:
    """Hold `validation` training images out, as `validation_indices` chooses them.

    Raises:
        UserError: no image would be left for training.
    """
    held_out = np.zeros(len(source.train), dtype=bool)
    held_out[validation_indices(source.train, validation, seed)] = True
    train, held = source.train[~held_out], source.train[held_out]
    fingerprints = source.fingerprint
    record = DataRecord(
        name=source.name,
        official=fingerprints == OFFICIAL_FINGERPRINTS,
        classes=source.classes,
        fingerprint=fingerprints,
        train_images=len(train),
        validation_images=len(held),
        test_images=len(source.test),
        split_seed=seed,
        split_fingerprint=fingerprint(held),
    )
    return Data(record, train, held, source.test)


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
        raise UserError(f"{folder}: the prepared data cannot be written ({reason(error)})") from error
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
        raise UserError(f"{folder}: damaged ({reason(error)}): run `resnet data` again") from error
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
    fingerprints = {"train": combined(train), "test": fingerprint(data.test)}
    if fingerprints != data.record.fingerprint or fingerprint(data.validation) != data.record.split_fingerprint:
        raise UserError("the prepared images are not those of data.json: run `resnet data` again")


def read(source: str, params: DataParams, *, progress: bool = True) -> Data:
    """Read a prepared folder, or any source and split it as the parameters say.

    Raises:
        UserError: as `load`, `read_source` and `split`.
    """
    if (Path(source) / "data.json").exists():
        return load(Path(source))
    return split(read_source(source, progress=progress), params.validation, params.split_seed)
