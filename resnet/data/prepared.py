"""The split, and the prepared folder: arrays and their record, the same bytes from every source."""

from __future__ import annotations

import os
import shutil
from glob import escape
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from resnet.data.images import CLASSES, OFFICIAL_FINGERPRINTS, SHAPE, Data, Images, Source, fingerprint, held_out
from resnet.data.sources import read_source, reason
from resnet.errors import UserError
from resnet.files import expanded, locked, sha256_of
from resnet.params import DataParams
from resnet.results import DataRecord

SETS = ("train", "validation", "test")
RECORD = "data.json"
FILES = {RECORD, *(f"{name}_{part}.npy" for name in SETS for part in ("images", "labels"))}
AGAIN = "run `resnet data` again"


def split(source: Source, validation: int, seed: int) -> Data:
    """Hold `validation` training images out, as `held_out` chooses them.

    Raises:
        UserError: no image would be left for training.
    """
    chosen = held_out(source.train, validation, seed)
    return _recorded(source.name, source.classes, source.train[~chosen], source.train[chosen], source.test, seed)


def _recorded(name: str, classes: tuple[str, ...], train: Images, validation: Images, test: Images, seed: int) -> Data:
    fingerprints = {"train": fingerprint(train, validation), "test": fingerprint(test)}
    if official := fingerprints == OFFICIAL_FINGERPRINTS:
        name, classes = "CIFAR-10", CLASSES  # whatever the source calls them
    record = DataRecord(
        name=name,
        official=official,
        classes=classes,
        fingerprint=fingerprints,
        train_images=len(train),
        validation_images=len(validation),
        test_images=len(test),
        split_seed=seed,
        split_fingerprint=fingerprint(validation),
        names=None if official else sha256_of([name, classes]),
    )
    return Data(record, train, validation, test)


def save(data: Data, folder: Path) -> None:
    """Write the arrays and their record into `folder`, complete or not at all; of two at once the second waits.

    The files' bytes depend on the images, their labels and the split alone. Earlier prepared data give
    way when the new are complete; a kill at any moment leaves the earlier, the new or no folder.

    Raises:
        UserError: the folder has what is not prepared data, or cannot be written.
    """
    folder = expanded(folder)
    try:
        folder = Path(os.path.realpath(folder))  # a linked folder stays linked; a link to itself fails below
        with locked(folder, "preparing these data", wait=True):
            names = {entry.name for entry in folder.iterdir()} if folder.exists() else set()
            if strange := sorted(names - FILES) or (sorted(names) if names == {RECORD} or RECORD not in names else []):
                raise UserError(f"{folder}: holds {strange[0]!r}, not only prepared data: name another data.dir")
            for leftover in folder.parent.glob(f".{escape(folder.name)}.*.partial"):
                shutil.rmtree(leftover)
            with TemporaryDirectory(".partial", f".{folder.name}.", folder.parent) as temporary:
                new, earlier = Path(temporary, "new"), Path(temporary, "earlier")
                data.record.write(new / RECORD)
                for name in SETS:
                    images: Images = getattr(data, name)
                    np.save(new / f"{name}_images.npy", images.images)
                    np.save(new / f"{name}_labels.npy", images.labels)
                if folder.exists():
                    os.replace(folder, earlier)  # removing it in place would leave half of it to a kill
                os.replace(new, folder)
    except OSError as error:
        why = reason(error) if error.errno else "the disk is full, or files may not be so large"  # NumPy's own has none
        raise UserError(f"{folder}: the prepared data cannot be written ({why})") from error


def prepared_classes(folder: Path) -> int:
    """How many classes the prepared data have, whose record may be damaged; CIFAR-10's ten if there are none yet."""
    path = expanded(folder) / RECORD
    return len(DataRecord.read(path).classes) if path.exists() else len(CLASSES)


def load(folder: Path, params: DataParams | None = None) -> Data:
    """Load what `save` left, and verify every image, every label and the split, which takes about half a second.

    Args:
        folder: the prepared folder.
        params: the settings whose split the data must have; without validation images the seed is free.

    Raises:
        UserError: the folder is not prepared, its files do not fit their record, or their split is another.
    """
    folder = expanded(folder)
    if not (folder / RECORD).is_file():
        raise UserError(f"{folder}: the data are not prepared: run `resnet data` first")
    record = DataRecord.read(folder / RECORD)
    made = record.validation_images, record.split_seed
    if params is not None and made != (wanted := (params.validation, params.split_seed)) and (made[0] or wanted[0]):
        raise UserError(
            f"{folder}: prepared with data.validation = {made[0]} and data.split_seed = {made[1]}, and the "
            f"settings say {wanted[0]} and {wanted[1]}: {AGAIN}"
        )
    try:
        arrays = ([np.load(folder / f"{name}_{part}.npy") for part in ("images", "labels")] for name in SETS)
        train, validation, test = (Images(images.reshape(-1, *SHAPE), labels) for images, labels in arrays)
        found = _recorded(record.name, record.classes, train, validation, test, record.split_seed)
    except Exception as error:  # damage fails in any way: a header is read as Python, and claims any size
        raise UserError(f"{folder}: damaged ({reason(error)}): {AGAIN}") from error
    if found.record.model_copy(update={"names": record.names and found.record.names}) != record:  # older ones lack it
        raise UserError(f"{folder}: the prepared images are not those of {RECORD}: {AGAIN}")
    return found


def read(source: str, params: DataParams, *, any_split: bool = False) -> Data:
    """Read a prepared folder, or any source, with the split that the parameters say.

    Args:
        source: as `read_source` takes it, or a prepared folder.
        params: validation images and the seed that chooses them.
        any_split: for an evaluation, which needs the test set and of the training set the mean alone: take a
            prepared folder whatever its split, and hold nothing out if a source has too few training images.

    Raises:
        UserError: as `load`, `read_source` and `split`.
    """
    if source not in ("official", "digits") and os.path.exists(expanded(source) / RECORD):
        return load(Path(source), None if any_split else params)
    whole = read_source(source)
    few = any_split and params.validation >= len(whole.train)
    return split(whole, 0 if few else params.validation, params.split_seed)
