"""Differences between nets, over runs, by seed and by image."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from resnet.report.results import Net
from resnet.report.topics.differences import every_difference
from tests.report.conftest import Files
from tests.report.made_up import a_plan


def differences(plan: Files, others: Mapping[str, Net] | None = None) -> tuple[dict[str, dict[str, str]], str]:
    """The rows by pair, each by its headings, and the section as text."""
    text = plan.topic(every_difference(plan.results().nets, plan.params.report, others or {}))
    return {row["difference"]: row for row in plan.rows_of(text)} if "|" in text else {}, text


def wrong(first: int, last: int) -> Any:
    """Of 1,000 test images, those from first up to last are wrong."""
    return (np.arange(1000) >= first) & (np.arange(1000) < last)


def test_depths_and_kinds_by_hand(files: Callable[..., Files]) -> None:
    plan = files("resnet-20", "resnet-56", "resnet-110", "plain-20", "plain-56", seeds=3)
    assert differences(plan) == ({}, "")
    for seed, wobble in enumerate((-0.1, 0.0, 0.1)):
        plan.train("resnet-20", seed, 8.0 + wobble, training_error=9.0 + wobble)
        plan.train("resnet-56", seed, training_error=7.0 + 2 * wobble)
        plan.train("plain-20", seed, 10.0 - wobble)
    plan.train("plain-56", 0, 12.0)
    rows, _ = differences(plan)
    pairs = [f"plain-{x}" for x in ("56 minus plain-20", "20 minus resnet-20", "56 minus resnet-56")]
    assert [*rows] == [pairs[0], "resnet-56 minus resnet-20", *pairs[1:]]
    # Stds 0.1 and 0.2: error sqrt(0.05 / 3), 2.941 degrees, t = 3.219; by seed -2.1, -2 and -1.9, t(0.975, 2) = 4.303.
    cells = [*rows["resnet-56 minus resnet-20"].values()]
    assert cells[1:5] == ["3 and 3", "-2.00 (-2.42 to -1.58)", "0.0007", "-2.25 to -1.75"]
    # Stds 0.1: error 0.1 sqrt(2/3), 4 degrees, t = 2.776. By seed 2.2, 2.0 and 1.8.
    cells = [*rows[pairs[1]].values()]
    assert cells[5:] == ["+2.00 (+1.77 to +2.23)", "\\< 0.0001", "+1.50 to +2.50", "–"]
    assert [*rows[pairs[0]].values()][5:] == ["+2.00", "–", "–", "–"]  # one run shows no spread
    plan.train("resnet-56", 2, status="diverged", iteration=5)
    (_, runs, _, _, by_seed, *_) = differences(plan)[0]["resnet-56 minus resnet-20"].values()
    assert (runs, by_seed) == ("2 and 3", "–")


def test_nets_of_other_settings_are_no_depths_but_may_be_two_kinds(files: Callable[..., Files]) -> None:
    plan = files("resnet-B-20", "resnet-56", "plain-20")
    plan.train_all(dict.fromkeys(plan.params.models, (8.0, 9.0, 10.0)))
    assert [*differences(plan)[0]] == ["plain-20 minus resnet-B-20"]  # a plain net has no option


def test_two_depths_by_image(files: Callable[..., Files]) -> None:
    plan = files("resnet-20", "resnet-56", seeds=2)
    for seed in range(2):
        plan.train("resnet-20", seed, wrong=wrong(10 * seed, 100 + 30 * seed))
        plan.train("resnet-56", seed, wrong=wrong(0, 60))
    row = differences(plan)[0]["resnet-56 minus resnet-20"]
    # 6 - (10 + 12) / 2. An image of 60 to 99 counts fully, one of 0 to 9 and 100 to 129 half.
    assert row["test error (95 % interval)"].startswith("-5.00")
    low, high = map(float, row["test error, by image"].split(" to "))
    half = 1.962341 * 100 * ((0.04 + 0.04 * 0.25 - 0.05**2) / 999) ** 0.5  # t(0.975, 999)
    assert (low, high) == pytest.approx((-5 - half, -5 + half), abs=0.0051)


def test_an_ablation_is_against_the_main_net_also_of_another_plan(files: Callable[..., Files], tmp_path: Path) -> None:
    root = files("resnet-20", "resnet-C-20", seeds=3)
    own = Files(a_plan("resnet-B-20", seeds=3), tmp_path / "ablations" / "runs")
    root.train_all({"resnet-20": (8.0, 9.0, 10.0)}, precision="fp32")
    own.train_all({"resnet-B-20": (7.1, 8.0, 9.0)}, precision="fp32")
    assert differences(root)[1].endswith("- resnet-C-20 against resnet-20: `model.shortcut` C (not A).")
    assert differences(own) == ({}, "")
    rows, text = differences(own, root.results().nets)
    assert "- resnet-B-20 against resnet-20: `model.shortcut` B (not A)." in text
    # Stds 0.951 and 1: error 0.797, 3.99 degrees, t = 2.779. By seed -0.9, -1 and -1: std 0.0577, t(0.975, 2) = 4.303.
    cells = [*rows["resnet-B-20 minus resnet-20"].values()]
    assert cells[5:8] == ["-0.97 (-3.18 to +1.25)", "0.292", "-1.11 to -0.82"]
    own.train_all({"resnet-B-20": (7.0, 8.0, 9.0)}, precision="fp32", data=own.data(official=False))
    assert not differences(own, root.results().nets)[0]  # of other data
