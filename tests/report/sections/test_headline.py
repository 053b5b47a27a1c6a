"""The five columns by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from resnet.report.sections.headline import section


def test_five_columns_and_one_line_for_what_is_not_run(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-32", "resnet-110", "plain-20", "resnet-B-20", seeds=3)
    for seed, error in enumerate((8.4, 8.5, 8.6)):
        plan.train("resnet-20", seed, error)
    plan.train("resnet-32", 0, 7.5)
    plan.train("resnet-B-20", 0, 8.0)
    first, second = plan.rows(section)
    interval = first.pop("difference (95 % interval)")
    assert first == {
        "net": "resnet-20",
        "seeds": "3 of 3",
        "test error ± std, %": "8.50 ± 0.10",
        "the paper, %": "8.75",
    }
    assert interval.startswith("-0.25 (-0.")
    assert list(second.values()) == ["resnet-32", "1 of 3", "7.50", "7.51", "one seed, no spread"]
    assert plan.text(section).splitlines()[-1] == (
        "Not run (in brackets the paper's error, %): resnet-110 (6.61 ± 0.16) and plain-20."
    )


def test_without_a_comparable_run_the_paper_has_no_column(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56", seeds=2, train={"iterations": 400})
    assert plan.text(section).strip() == ""
    plan.train("resnet-20", 0, 30.0, training_error=25.0)
    assert plan.rows(section) == [
        {"net": "resnet-20", "seeds": "1 of 2", "test error ± std, %": "30.00", "training error ± std, %": "25.00"}
    ]
    assert "Not run: resnet-56." in plan.text(section)


def test_what_stopped_and_what_is_mixed_says_so(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-32", "resnet-1202", seeds=2)
    plan.train("resnet-20", 0, status="interrupted", iteration=12_000)
    plan.train("resnet-32", 0)
    plan.train("resnet-32", 1, train={"momentum": 0.8})
    plan.train("resnet-1202", 0, train={"iterations": 20})
    cells = [(line["net"], line["test error ± std, %"]) for line in plan.rows(section)]
    assert cells == [
        ("resnet-20", "interrupted at 12,000 of 64,000"),
        ("resnet-32 (momentum 0.8)", "**mixed settings, not averaged**"),
        ("resnet-1202 (20 iterations)", "8.75"),
    ]
