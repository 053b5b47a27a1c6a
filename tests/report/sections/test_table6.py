"""The paper's Table 6 with ours beside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from resnet.report.sections.table6 import section


def test_the_other_methods_and_ours(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-B-20", "resnet-110", "plain-20", seeds=2)
    assert plan.text(section).strip() == ""
    plan.train("plain-20")
    assert plan.text(section).strip() == ""
    plan.train("resnet-20", 0, 8.5)
    plan.train("resnet-20", 1, 8.7)
    lines = [list(cells.values()) for cells in plan.rows(section)]
    assert lines == [
        ["Maxout", "–", "–", "9.38", "–"],
        ["Network in Network", "–", "–", "8.81", "–"],
        ["DSN", "–", "–", "8.22", "–"],
        ["FitNet", "19", "2.5M", "8.39", "–"],
        ["Highway", "19", "2.3M", "7.72 ± 0.16, best 7.54", "–"],
        ["Highway", "32", "1.25M", "8.80", "–"],
        ["ResNet", "20", "0.27M", "8.75", "8.60 ± 0.14 (n = 2)"],
        ["ResNet", "110", "1.7M", "6.61 ± 0.16 (n = 5), best 6.43", "not run"],
    ]


def test_it_is_absent_on_another_schedule(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=1, train={"iterations": 400})
    plan.train("resnet-20")
    assert plan.text(section).strip() == ""


def test_the_papers_figures_of_option_a_do_not_stand_beside_nets_of_option_b(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=1, model={"shortcut": "B"})
    plan.train("resnet-20", 0, 8.5)
    assert plan.text(section).strip() == ""
