"""What an iteration computes is what the version says: golden trajectories hold it."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch

from resnet.data import Data
from resnet.training import batches, recipe
from resnet.training.recipe import VERSION
from tests.training.trajectories import CASES, FILE, trajectory

STORED = json.loads(FILE.read_text(encoding="utf-8"))

LOSS, NORM, STATISTICS = 2e-3, 1e-6, 1e-3
"""Relative: about four times what SSE, AVX2 and AVX-512 differ by at most. Norms of weights tell most."""

Patch = pytest.MonkeyPatch


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
def test_an_iteration_computes_what_its_version_says(case: str, digits: Data) -> None:
    assert not differences(trajectory(case, digits), STORED["trajectories"][case]), (
        "an iteration computes something else: raise resnet.training.recipe.VERSION and run "
        "`python -m tests.training.trajectories`, or find out why"
    )


def _no_autocast(monkeypatch: Patch) -> None:
    monkeypatch.setattr(torch, "autocast", lambda kind, dtype, enabled: torch.enable_grad())


def _flips_of_the_others(monkeypatch: Patch) -> None:
    drawn = batches.draw_epoch
    others = torch.tensor([0, 0, 0, 1])
    monkeypatch.setattr(batches, "draw_epoch", lambda *arguments: (drawn(*arguments) - others).abs())


def _late_milestones(monkeypatch: Patch) -> None:
    milestones = recipe.milestones
    monkeypatch.setattr(recipe, "milestones", lambda train: [milestone + 1 for milestone in milestones(train)])


def _doubled_decay(monkeypatch: Patch) -> None:
    sgd = torch.optim.SGD
    monkeypatch.setattr(
        torch.optim, "SGD", lambda *groups, weight_decay, **rest: sgd(*groups, weight_decay=2e-4, **rest)
    )


@pytest.mark.parametrize(
    ("case", "change"),
    [
        ("resnet-8, bf16", _no_autocast),
        ("resnet-20", _flips_of_the_others),
        ("resnet-20", _late_milestones),
        ("resnet-20", _doubled_decay),
        ("plain-8", _doubled_decay),
    ],
)
def test_a_change_of_what_an_iteration_computes_is_noticed(
    case: str, change: Any, digits: Data, monkeypatch: Patch
) -> None:
    change(monkeypatch)
    assert differences(trajectory(case, digits), STORED["trajectories"][case])
