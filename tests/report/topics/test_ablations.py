"""Nets against the same net without their own settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from resnet.report.topics.ablations import ablations, pairs
from tests.report.conftest import Files
from tests.report.made_up import a_plan


def test_an_ablation_by_hand(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-B-20", "resnet-C-20", seeds=3)
    for seed in range(3):
        plan.train("resnet-20", seed, 8.0 + seed)
        plan.train("resnet-B-20", seed, 7.0 + seed + 0.1 * (seed == 0))
    rows = plan.rows_of(plan.topic(ablations(plan.results().nets, plan.params.report, {})))
    assert [(row["net"], row["what is changed"]) for row in rows] == [
        ("resnet-B-20", "`model.shortcut` B (not A)"),
        ("resnet-C-20", "`model.shortcut` C (not A)"),
    ]
    # Stds 0.951 and 1: error 0.797, 3.99 degrees, t = 2.779. By seed -0.9, -1 and -1: std 0.0577, t(0.975, 2) = 4.303.
    values = list(rows[0].values())
    assert values[2:7] == [
        "resnet-20",
        "8.03 ± 0.95 (n = 3)",
        "9.00 ± 1.00 (n = 3)",
        "-0.97 (-3.18 to +1.25)",
        "-0.97 (-1.11 to -0.82)",
    ]
    assert float(values[7]) == pytest.approx(0.292, abs=0.001)  # t = 1.213
    assert float(values[8]) == pytest.approx(0.704, abs=0.002)  # one-sided, t = (0.5 - 0.967) / 0.797
    assert list(rows[1].values())[3:] == ["not run", "9.00 ± 1.00 (n = 3)", "–", "–", "–", "–"]


def test_the_net_without_may_be_another_plans(files: Callable[..., Any], tmp_path: Path) -> None:
    root = files("resnet-20", "resnet-B-20", seeds=2)
    own = Files(a_plan("resnet-B-20", seeds=2), tmp_path / "ablations" / "runs")
    for seed in range(2):
        root.train("resnet-20", seed, 8.0 + seed, precision="fp32")
        own.train("resnet-B-20", seed, 7.0 + seed, precision="fp32")
    nets, others = own.results().nets, root.results().nets
    assert list(pairs(nets, {})) == []
    ((net, base, changes),) = pairs(nets, others)
    assert (net.name, base.name, changes) == ("resnet-B-20", "resnet-20", {"model.shortcut": ("B", "A")})
    (row,) = own.rows_of(own.topic(ablations(nets, own.params.report, others)))
    assert row["p of difference"] != "–"
    for seed in range(2):
        own.train("resnet-B-20", seed, 7.0 + seed, precision="fp32", data=own.data(official=False))
    (row,) = own.rows_of(own.topic(ablations(own.results().nets, own.params.report, others)))
    assert (row["test error, %"], row["p of difference"]) == ("7.50 ± 0.71 (n = 2)", "–")  # of other data
