"""One folder, one configuration, one process at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from resnet.data import Data
from resnet.errors import UserError
from resnet.params import Settings
from resnet.seeds import locked, train_seeds


def test_two_processes_do_not_train_into_one_folder(
    tiny: Callable[..., Settings], digits: Data, tmp_path: Path
) -> None:
    with locked(tmp_path / "out"), pytest.raises(UserError, match="another run is training"):
        train_seeds(tiny(), [0], digits, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
    (record,) = train_seeds(tiny(), [0], digits, tmp_path / "out")
    assert record.status == "done"


def test_weights_and_checkpoints_can_lie_elsewhere(tiny: Callable[..., Settings], digits: Data, tmp_path: Path) -> None:
    train_seeds(tiny(), [4], digits, tmp_path / "r", weights=tmp_path / "w", checkpoints=tmp_path / "c")
    assert sorted(path.name for path in (tmp_path / "r/seed-4").iterdir()) == [
        "history.csv",
        "metrics.json",
        "test_predictions.npy",
    ]
    assert [path.name for path in (tmp_path / "w/seed-4").iterdir()] == ["model.safetensors"]
