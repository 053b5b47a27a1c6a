"""Where a run's files lie, and the lock that keeps a second process out of them."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from resnet.errors import UserError


class Folders(NamedTuple):
    """Where a seed's files lie."""

    results: Path
    """`metrics.json`, `history.csv` and `test_predictions.npy`: uint8 (images, 2), the label and the prediction
    of each test image in canonical order."""
    weights: Path
    """`model.safetensors`, of the last iterate."""
    checkpoint: Path
    """`checkpoint.safetensors`, while the run goes on."""

    @property
    def metrics_file(self) -> Path:
        return self.results / "metrics.json"

    @property
    def history_file(self) -> Path:
        return self.results / "history.csv"

    @property
    def predictions_file(self) -> Path:
        return self.results / "test_predictions.npy"

    @property
    def weights_file(self) -> Path:
        return self.weights / "model.safetensors"

    @property
    def checkpoint_file(self) -> Path:
        return self.checkpoint / "checkpoint.safetensors"


def seed_folders(out: Path, seed: int, weights: Path | None = None, checkpoints: Path | None = None) -> Folders:
    """The folders of one seed: `seed-<k>` below each of the three, which are `out` unless they are given."""
    name = f"seed-{seed}"
    return Folders(out / name, (weights or out) / name, (checkpoints or out) / name)


@contextmanager
def locked(folder: Path, work: str = "training into this folder", *, wait: bool = False) -> Iterator[None]:
    """Hold a folder for this process alone; the lock ends with the process, however that ends.

    Args:
        folder: what to hold; it is made if need be.
        work: what is done there, for the line that another process is at it.
        wait: wait for a process that holds it, and say so.

    Raises:
        UserError: another process holds it, and this one does not wait.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if not wait:
                raise UserError(f"{folder}: another run is {work}") from error
            print(f"{folder}: waiting for another process to finish {work}", file=sys.stderr)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def is_locked(folder: Path) -> bool | None:
    """Whether a process holds a folder by `locked`; None where that cannot be known here."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return None
    else:
        return False
    finally:
        os.close(descriptor)
