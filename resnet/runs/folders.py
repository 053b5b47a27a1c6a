"""Where a run's files are."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Folders(NamedTuple):
    """The folders of a seed, which may be one."""

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
