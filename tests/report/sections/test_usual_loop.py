"""The usual loop beside ours, by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from resnet.report.sections.usual_loop import section


def test_ratios_are_those_within_the_rounds(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=1)
    assert plan.text(section, runs=None).strip() == ""
    plan.usual_loop()
    text = plan.text(section, runs="../runs")
    # Ratios within the rounds: 3, 2.5 and 4.
    assert "| 3.00 (2.50 to 4.00, n = 3) | [usual-loop/cpu-resnet-20.json](../runs/usual-loop/" in text
    assert "200.0 ± 100.0 (n = 3), fp32" in text
    assert "`usual-loop/cpu-resnet-20.json`" in plan.text(section, runs=None)
