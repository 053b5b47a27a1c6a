"""What `resnet status` shows, on a terminal and in a file."""

from __future__ import annotations

from pathlib import Path

from resnet.data import Data
from resnet.runs.seeds import train_seeds
from tests.conftest import CPU, Command
from tests.runs.test_status import make_plan


def test_in_a_file_a_complete_plan_is_watched_once(command: Command, digits: Data, tmp_path: Path) -> None:
    plan = make_plan(tmp_path, "train.seeds=1")
    for name in plan.models:
        train_seeds(plan.settings(name), [0], digits, tmp_path / "runs/train" / name, CPU)
    shown = command("status", "--set=train.seeds=1").stdout
    assert "1 │" in shown
    assert shown.endswith(("╯\n", "┘\n"))
    watched = command("status", "--set=train.seeds=1", "--watch")
    assert (watched.returncode, watched.stdout, watched.stderr) == (0, shown, "")
