"""The split, and the prepared folder: arrays and their record, the same bytes from every source."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np

from resnet.data.images import CLASSES, SHAPE, Data, Images, Source, combined, digests, fingerprint, held_out
from resnet.data.sources import read_source, reason
from resnet.errors import UserError
from resnet.files import expanded, locked, sha256_of
from resnet.params import DataParams
from resnet.results import OFFICIAL_FINGERPRINTS, DataRecord

PARTS = ("train", "validation", "test")
RECORD = "data.json"
ARRAYS = tuple(f"{name}_{part}.npy" for name in PARTS for part in ("images", "labels"))
AGAIN = "run `resnet data` again"


def split(source: Source, validation: int, seed: int) -> Data:
    """Hold `validation` training images out, as `held_out` chooses them.

    Raises:
        UserError: no image would be left for training.
    """
    chosen = held_out(source.train, validation, seed)
    train, held = source.train[~chosen], source.train[chosen]
    fingerprints = source.fingerprint
    official = fingerprints == OFFICIAL_FINGERPRINTS
    record = DataRecord(
        name=source.name,
        official=official,
        classes=source.classes,
        fingerprint=fingerprints,
        train_images=len(train),
        validation_images=len(held),
        test_images=len(source.test),
        split_seed=seed,
        split_fingerprint=fingerprint(held),
        names=None if official else sha256_of([source.name, source.classes]),
    )
    return Data(record, train, held, source.test)


def _check_replaceable(folder: Path) -> None:
    """Refuse a folder that has anything else than what `save` leaves.

    Raises:
        UserError: it has.
    """
    names = {entry.name for entry in folder.iterdir()}
    strange = sorted(names - {RECORD, *ARRAYS}) or sorted(names if RECORD not in names else ())
    remedy = "name another data.dir, or clear it away"
    if strange:
        raise UserError(f"{folder}: holds {strange[0]!r}, not only prepared data: {remedy}")
    try:
        if names:
            DataRecord.read(folder / RECORD)
    except UserError as error:
        raise UserError(f"{error}; its folder may be another's: {remedy}") from error


def _write(data: Data, folder: Path) -> None:
    folder.mkdir()
    for name in PARTS:
        images: Images = getattr(data, name)
        np.save(folder / f"{name}_images.npy", images.images)
        np.save(folder / f"{name}_labels.npy", images.labels)
    data.record.write(folder / RECORD)


def save(data: Data, folder: Path) -> None:
    """Write the arrays and their record into `folder`, complete or not at all.

    The files' bytes depend on the images, their labels and the split alone. Earlier prepared data give
    way when the new are complete; a kill at any moment leaves the earlier, the new or no folder. Of two that
    save at once the second waits.

    Raises:
        UserError: the folder cannot be written, or has what is not prepared data.
    """
    folder = expanded(folder)
    try:
        folder = Path(os.path.realpath(folder))  # a linked folder stays linked; a link to itself fails below
        folder.parent.mkdir(parents=True, exist_ok=True)
        with locked(folder, "preparing these data", wait=True):
            if folder.exists():
                _check_replaceable(folder)
            new, earlier = (folder.with_name(f".{folder.name}.{name}") for name in ("partial", "earlier.partial"))
            for leftover in (new, earlier):
                shutil.rmtree(leftover, ignore_errors=True)
            try:
                _write(data, new)
                if folder.exists():
                    os.replace(folder, earlier)  # removing it in place would leave half of it to a kill
                os.replace(new, folder)
            finally:
                for leftover in (new, earlier):
                    shutil.rmtree(leftover, ignore_errors=True)
    except OSError as error:
        why = reason(error) if error.errno else "the disk is full, or files may not be so large"  # NumPy's own has none
        raise UserError(f"{folder}: the prepared data cannot be written ({why})") from error


def prepared_classes(folder: Path) -> int:
    """How many classes the prepared data have; CIFAR-10's ten if nothing is prepared yet.

    Raises:
        UserError: the folder's record is damaged.
    """
    path = expanded(folder) / RECORD
    return len(DataRecord.read(path).classes) if path.exists() else len(CLASSES)


def load(folder: Path, params: DataParams | None = None) -> Data:
    """Load what `save` left, and verify every image, every label and the split, which takes about half a second.

    Args:
        folder: the prepared folder.
        params: the settings whose split the data must have.

    Raises:
        UserError: the folder is not prepared, its files do not fit their record, or their split is another.
    """
    folder = expanded(folder)
    try:
        prepared = (folder / RECORD).exists()
    except OSError as error:
        raise UserError(f"{folder}: cannot be read ({reason(error)})") from error
    if not prepared:
        raise UserError(f"{folder}: the data are not prepared: run `resnet data` first")
    record = DataRecord.read(folder / RECORD)
    if params is not None:
        _check_split(record, params, folder)
    try:
        train, validation, test = (_load_images(folder, name) for name in PARTS)
        held = digests(validation)
        fingerprints = {"train": combined(digests(train) + held), "test": fingerprint(test)}
    except Exception as error:  # damage fails in any way: a header is read as Python, and claims any size
        raise UserError(f"{folder}: damaged ({reason(error)}): {AGAIN}") from error
    counts = (record.train_images, record.validation_images, record.test_images)
    found = (len(train), len(validation), len(test))
    if (fingerprints, combined(held), found) != (record.fingerprint, record.split_fingerprint, counts):
        raise UserError(f"{folder}: the prepared images are not those of {RECORD}: {AGAIN}")
    return Data(record, train, validation, test)


def _load_images(folder: Path, name: str) -> Images:
    images, labels = (np.load(folder / f"{name}_{part}.npy", allow_pickle=False) for part in ("images", "labels"))
    if images.shape != (len(labels), *SHAPE) or images.dtype != np.uint8:
        raise ValueError(f"{name}_images.npy is not of {len(labels)} images")
    return Images(images, labels)


def _check_split(record: DataRecord, params: DataParams, folder: Path) -> None:
    """Refuse prepared data whose split is not the settings'; without validation images the seed is free.

    Raises:
        UserError: it is another.
    """
    prepared, wanted = (record.validation_images, record.split_seed), (params.validation, params.split_seed)
    if prepared != wanted and (prepared[0] or wanted[0]):
        raise UserError(
            f"{folder}: prepared with data.validation = {prepared[0]} and data.split_seed = {prepared[1]}, and the "
            f"settings say {wanted[0]} and {wanted[1]}: {AGAIN}"
        )


def read(source: str, params: DataParams, *, any_split: bool = False, progress: bool = True) -> Data:
    """Read a prepared folder, or any source, with the split that the parameters say.

    Args:
        source: as `read_source` takes it, or a prepared folder.
        params: validation images and the seed that chooses them.
        any_split: for an evaluation, which needs the test set and of the training set the mean alone: take a
            prepared folder whatever its split, and hold nothing out if a source has too few training images.
        progress: show progress bars.

    Raises:
        UserError: as `load`, `read_source` and `split`.
    """
    if source not in ("official", "digits") and os.path.exists(expanded(source) / RECORD):
        return load(Path(source), None if any_split else params)
    whole = read_source(source, progress=progress)
    few = any_split and params.validation >= len(whole.train)
    return split(whole, 0 if few else params.validation, params.split_seed)
