"""What a command line asks DVC for."""

from __future__ import annotations

import pytest

from resnet.runs.asked import names_nets, whole_plan_asked


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("python /x/bin/dvc repro", False),
        ("dvc repro", False),
        ("python -m dvc repro -f tenth/dvc.yaml", False),
        ("dvc exp run -S train.iterations=4", False),
        ("dvc exp run -S models.a@b.depth=8", False),
        ("dvc repro train@resnet-20", True),
        ("python /x/bin/dvc exp run quickstart/dvc.yaml:train@plain-20 -S a=1", True),
        ("dvc exp exec-run --infofile x", None),
        ("dvc", None),
        ("sh -c python -m resnet train", None),
        ("vim dvc.yaml", None),
        ("", None),
    ],
)
def test_a_command_line(line: str, named: bool | None) -> None:
    assert names_nets(line.split()) is named


def test_without_dvc_no_plan_is_asked_for() -> None:
    assert not whole_plan_asked()
