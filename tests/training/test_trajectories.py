"""What an iteration computes is what the version says: golden trajectories hold it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from resnet.training.recipe import VERSION
from tests.training.trajectories import CASES, FILE, digits, trajectory

STORED = json.loads(FILE.read_text(encoding="utf-8"))

LOSS, NORM, STATISTICS = 2e-3, 1e-6, 1e-3
"""Relative: about four times what SSE, AVX2 and AVX-512 differ by at most. Norms of weights tell most."""


def differences(computed: dict[str, Any], stored: dict[str, Any]) -> list[str]:
    """Name what differs beyond rounding."""
    wrong = [abs(a - b) <= 1 for a, b in zip(computed["wrong"], stored["wrong"], strict=True)]
    same = {
        "losses": computed["losses"] == pytest.approx(stored["losses"], rel=LOSS),
        "wrong": all(wrong),
        "logits": computed["logits"] == stored["logits"],
        "weights": computed["weights"] == pytest.approx(stored["weights"], rel=NORM),
        "statistics": computed["statistics"] == pytest.approx(stored["statistics"], rel=STATISTICS),
    }
    return [name for name, alike in same.items() if not alike]


def test_the_stored_trajectories_are_this_versions() -> None:
    assert STORED["version"] == VERSION
    assert STORED["trajectories"].keys() == CASES.keys()


@pytest.mark.parametrize("case", CASES)
def test_an_iteration_computes_what_its_version_says(case: str) -> None:
    assert not differences(trajectory(case, digits()), STORED["trajectories"][case]), (
        "an iteration computes something else: raise resnet.training.recipe.VERSION and run "
        "`python -m tests.training.trajectories`, or find out why"
    )
