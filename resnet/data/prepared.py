"""The split, and the prepared folder: arrays and their record, the same bytes from every source."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np

from resnet.data.archives import reason
from resnet.data.images import (
    CLASSES,
    SHAPE,
    Data,
    Images,
    Source,
    combined,
    digests,
    fingerprint,
    smallest,
    validation_indices,
)
from resnet.data.sources import read_source
from resnet.errors import UserError
from resnet.files import expanded, locked, sha256_of, sync_folder
from resnet.params import DataParams
from resnet.results import OFFICIAL_FINGERPRINTS, DataRecord

PARTS = ("train", "validation", "test")
RECORD = "data.json"
ARRAYS = tuple(f"{name}_{part}.npy" for name in PARTS for part in ("images", "labels"))
AGAIN = "run `resnet data` again"


def split(source: Source, validation: int, seed: int) -> Data:
    """Hold `validation` training images out, as `validation_indices` chooses them.

    Raises:
        UserError: no image would be left for training.
    """
    held_out = np.zeros(len(source.train), dtype=bool)
    held_out[validation_indices(source.train, validation, seed)] = True
    train, held = source.train[~held_out], source.train[held_out]
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
    """Refuse a folder that holds anything else than what `save` leaves.

    Raises:
        UserError: it does.
        OSError: it cannot be read.
    """
    remedy = "name another data.dir, or clear it away"
    names = sorted(entry.name for entry in folder.iterdir())
    strange = [name for name in names if name not in (RECORD, *ARRAYS) or not (folder / name).is_file()]
    if strange:
        raise UserError(f"{folder}: holds {strange[0]!r}, not only prepared data: {remedy}")
    if not names:
        return
    if RECORD not in names:
        raise UserError(f"{folder}: holds {names[0]!r} without {RECORD}, so it may be another's: {remedy}")
    try:
        DataRecord.read(folder / RECORD)
    except UserError as error:
        raise UserError(f"{error}; its folder may be another's: {remedy}") from error


def _write(data: Data, folder: Path) -> None:
    folder.mkdir()
    for name in PARTS:
        images: Images = getattr(data, name)
        for part in ("images", "labels"):
            with (folder / f"{name}_{part}.npy").open("wb") as file:
                np.save(file, getattr(images, part))
                file.flush()
                os.fsync(file.fileno())
    data.record.write(folder / RECORD)


def _put_in_place(new: Path, folder: Path, earlier: Path) -> None:
    if folder.exists():
        os.replace(folder, earlier)  # removing it in place would leave half of it to a kill
    try:
        os.replace(new, folder)
    except OSError:
        if earlier.exists():
            os.replace(earlier, folder)
        raise
    sync_folder(folder.parent)


def save(data: Data, folder: Path) -> None:
    """Write the arrays and their record into `folder`, complete or not at all.

    The files' bytes depend on the images, their labels and the split alone. Earlier prepared data give
    way when the new are complete; a kill at any moment leaves the earlier, the new or no folder. Of two that
    save at once the second waits.

    Raises:
        UserError: the folder cannot be written, or holds what is not prepared data.
    """
    folder = expanded(folder)
    try:
        folder = Path(os.path.realpath(folder))  # a linked folder stays linked; a link to itself fails below
        folder.parent.mkdir(parents=True, exist_ok=True)
        with locked(folder.parent, f"the data in {folder.name}", wait=True):
            if folder.exists():
                _check_replaceable(folder)
            beside = folder.with_name(f".{folder.name}.partial")
            earlier = folder.with_name(f".{folder.name}.earlier.partial")
            for leftover in (beside, earlier):
                shutil.rmtree(leftover, ignore_errors=True)
            try:
                _write(data, beside)
                _put_in_place(beside, folder, earlier)
            finally:
                for leftover in (beside, earlier):
                    shutil.rmtree(leftover, ignore_errors=True)
    except OSError as error:
        why = reason(error) if error.errno else "the disk is full, or files may not be so large"  # NumPy's own has none
        raise UserError(f"{folder}: the prepared data cannot be written ({why})") from error


def _load_images(folder: Path, name: str) -> Images:
    """Load the arrays of one part of the split, whatever they hold as long as it is bytes.

    Raises:
        UserError: one is missing or damaged.
    """
    arrays = []
    for part in ("images", "labels"):
        path = folder / f"{name}_{part}.npy"
        try:
            with path.open("rb") as file:
                array = np.lib.format.read_array(file, allow_pickle=False)
        except Exception as error:  # a damaged header fails in any way, for it is read as Python and claims any size
            raise UserError(f"{path}: damaged ({reason(error)}): {AGAIN}") from error
        if array.dtype != np.uint8:
            raise UserError(f"{path}: damaged (it does not hold unsigned bytes): {AGAIN}")
        arrays.append(array)
    return Images(*arrays)


def prepared_classes(folder: Path) -> int:
    """How many classes the prepared data have; CIFAR-10's ten where nothing is prepared yet.

    Raises:
        UserError: the folder's record is damaged.
    """
    path = expanded(folder) / RECORD
    return len(DataRecord.read(path).classes) if path.exists() else len(CLASSES)


def load(folder: Path, params: DataParams | None = None) -> Data:
    """Load what `save` left, and verify it: every image, every label and the split.

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
    train, validation, test = (_load_images(folder, name) for name in PARTS)
    counts = (record.train_images, record.validation_images, record.test_images)
    for images, count in zip((train, validation, test), counts, strict=True):
        fits = images.images.shape == (count, *SHAPE) and images.labels.shape == (count,)
        if not fits or (count and images.labels.max() >= len(record.classes)):
            raise UserError(f"{folder}: damaged (its arrays do not fit {RECORD}): {AGAIN}")
    data = Data(record, train, validation, test)
    try:
        verify(data)
    except UserError as error:
        raise UserError(f"{folder}: {error}") from error
    return data


def _check_split(record: DataRecord, params: DataParams, folder: Path) -> None:
    """Refuse prepared data whose split is not the settings'; nothing held out is the same for every seed.

    Raises:
        UserError: it is another.
    """
    prepared, wanted = (record.validation_images, record.split_seed), (params.validation, params.split_seed)
    if prepared != wanted and (prepared[0] or wanted[0]):
        raise UserError(
            f"{folder}: prepared with data.validation = {prepared[0]} and data.split_seed = {prepared[1]}, and the "
            f"settings say {wanted[0]} and {wanted[1]}: {AGAIN}"
        )


def verify(data: Data) -> None:
    """Compute the fingerprints and the split of prepared data again.

    Raises:
        UserError: they are not those that the record names.
    """
    record, held_out = data.record, digests(data.validation)
    whole = digests(data.train) + held_out
    fingerprints = {"train": combined(whole), "test": fingerprint(data.test)}
    if fingerprints != record.fingerprint or combined(held_out) != record.split_fingerprint:
        raise UserError(f"the prepared images are not those of {RECORD}: {AGAIN}")
    chosen = smallest(whole, len(held_out), record.split_seed)
    if combined([whole[index] for index in chosen]) != record.split_fingerprint:
        raise UserError(f"the validation images are not those of {RECORD}'s seed: {AGAIN}")
    official = fingerprints == OFFICIAL_FINGERPRINTS
    if record.official != official or (official and record.classes != CLASSES):
        raise UserError(f"{RECORD} is wrong about whether these are the official CIFAR-10: {AGAIN}")


def _is_prepared(source: str) -> bool:
    try:
        return source not in ("official", "digits") and (expanded(source) / RECORD).exists()
    except OSError:
        return False  # reading it says why


def read(source: str, params: DataParams, *, progress: bool = True) -> Data:
    """Read a prepared folder, or any source, with the split that the parameters say.

    Raises:
        UserError: as `load`, `read_source` and `split`.
    """
    if _is_prepared(source):
        return load(Path(source), params)
    return split(read_source(source, progress=progress), params.validation, params.split_seed)


def read_for_evaluation(source: str, params: DataParams, *, progress: bool = True) -> Data:
    """Read a prepared folder, whatever its split, or any source, however few training images it has.

    Where as many as the parameters say cannot be held out, none are: an evaluation needs the test set, and
    the training set for its mean alone.

    Raises:
        UserError: as `load` and `read_source`.
    """
    if _is_prepared(source):
        return load(Path(source))
    whole = read_source(source, progress=progress)
    return split(whole, params.validation if params.validation < len(whole.train) else 0, params.split_seed)
