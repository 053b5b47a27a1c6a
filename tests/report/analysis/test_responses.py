"""Layer responses: which seeds count, and their averages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from resnet.report.analysis.responses import far_apart, mean_response, profile, responses_by_seed


def test_means_over_layers_are_one_a_seed(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=3)
    plan.responses("resnet-20", [1.0, 2.0, 6.0], [3.0, 1.0, 2.0], [float("nan"), 1.0, 1.0])
    assert mean_response(plan.tables(), "resnet-20") is None  # no seed is done
    for seed in range(3):
        plan.train("resnet-20", seed)
    assert mean_response(plan.tables(), "resnet-20").values == (3.0, 2.0)  # type: ignore[union-attr]
    plan.train("resnet-20", 1, status="diverged", iteration=5)
    assert mean_response(plan.tables(), "resnet-20").values == (3.0,)  # type: ignore[union-attr]


def test_profiles_in_order_and_sorted(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=2)
    plan.responses("resnet-20", [1.0, 2.0, 6.0], [3.0, 1.0, 2.0])
    for seed in range(2):
        plan.train("resnet-20", seed)
    by_seed = responses_by_seed(plan.tables(), "resnet-20")
    in_order, ordered = profile(by_seed, ordered=False), profile(by_seed, ordered=True)
    assert in_order["mean"].tolist() == pytest.approx([2.0, 1.5, 4.0])
    assert (in_order["low"].tolist(), in_order["high"].tolist()) == ([1.0, 1.0, 2.0], [3.0, 2.0, 6.0])
    assert ordered["mean"].tolist() == pytest.approx([4.5, 2.0, 1.0])


@pytest.mark.parametrize(
    ("lines", "apart"),
    [
        ([], False),
        ([[2.0, 1.0], [150.0, 1.0], [1.0, 0.5]], False),
        ([[2.0, 1.0], [250.0, 1.0], [1.0, 0.5]], True),
        ([[2.0, 0.0], [250.0, 1.0], [1.0, 0.5]], False),  # a logarithm has no zero
        ([[20_000.0, 0.1]], False),  # alone it flattens nobody
    ],
)
def test_nets_are_far_apart_by_their_strongest_layers(lines: list[list[float]], apart: bool) -> None:
    assert far_apart(lines) is apart
