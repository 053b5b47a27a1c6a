"""The learning curve: read back as written, refused when it is something else."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from resnet.errors import UserError
from resnet.results import HistoryRow, read_history, write_history


def test_a_learning_curve_is_exact(tmp_path: Path) -> None:
    rows = [
        HistoryRow(100, 0.1 + 0.2, 0.1, 1 / 3, 50.0, None, None),
        HistoryRow(200, 0.6, 0.01, math.inf, 5.0, 7.5, 8.75),
    ]
    write_history(tmp_path / "h.csv", rows)
    assert read_history(tmp_path / "h.csv") == rows
    (tmp_path / "h.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match="columns"):
        read_history(tmp_path / "h.csv")
