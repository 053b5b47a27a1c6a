"""Ours beside the paper's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from resnet.report.analysis.headline import beside_the_paper, comparable, papers_protocol


def test_only_the_papers_protocol_is_comparable(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-32", "plain-20", seeds=2)
    assert comparable(plan.tables()) == []
    for seed, error in enumerate((8.7, 8.8)):
        plan.train("resnet-20", seed, error)
    plan.train("plain-20", 0)
    assert comparable(plan.tables()) == ["resnet-20", "plain-20"]
    assert papers_protocol(plan.tables())
    papers = beside_the_paper(plan.tables())
    assert list(papers) == ["resnet-20"]
    difference = papers["resnet-20"].difference
    assert difference is not None
    assert difference.value == pytest.approx(0.0)
    plan.train("resnet-32", 0, train={"iterations": 400})
    assert comparable(plan.tables()) == ["resnet-20", "plain-20"]
    assert not papers_protocol(plan.tables())
    plan.train("resnet-32", 0, data=plan.data(official=False))
    assert comparable(plan.tables()) == []
