"""The choice of an iterate, as it is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from resnet.report.sections.iterates import section
from tests.report.made_up import some_data


def test_the_table_by_hand(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56", seeds=1)
    assert plan.text(section).strip() == ""
    points = plan.history(64_000, 10.0, rows=4)
    cells = [(9.0, 9.5), (8.0, 9.0), (8.5, 8.8), (8.6, 9.1)]
    history = [p._replace(validation_error=v, test_error=t) for p, (v, t) in zip(points, cells, strict=True)]
    plan.train("resnet-20", 0, 9.1, history=history)
    without = some_data(validation_images=0)
    plan.train("resnet-56", 0, 9.1, history=[p._replace(validation_error=None) for p in history], data=without)
    text = plan.text(section)
    assert "| resnet-20 | 9.10 (n = 1) | 9.00 (n = 1) | 8.80 (n = 1) | 0.30 |" in text
    assert "| resnet-56 | 9.10 (n = 1) | no validation set | 8.80 (n = 1) | 0.30 |" in text
