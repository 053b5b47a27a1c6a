"""The claims with a verdict, a line each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from resnet.report.analysis.claims import claims
from resnet.report.sections.verdicts import section


@pytest.fixture
def trained(files: Callable[..., Any]) -> Any:
    plan = files("resnet-20", "resnet-56", seeds=3)
    for name, error in (("resnet-20", 8.5), ("resnet-56", 7.0)):
        for seed in range(3):
            plan.train(name, seed, error + 0.1 * seed)
    return plan


def test_a_line_a_verdict_and_the_number_of_the_others(trained: Any) -> None:
    text = trained.text(section, judged=claims(trained.tables()), statistics="statistics.md")
    assert "**Shown**: Test error falls from resnet-20 to resnet-56: -1.50 points (-1.73 to -1.27).\n" in text
    assert "not tested. Each with its test: [statistics.md](statistics.md#claims)." in text


def test_primary_claims_stand_first_and_interim_ones_are_marked(trained: Any) -> None:
    stated = claims(trained.tables())
    tested = list(stated.index[stated["verdict"] != "not tested"])
    doubled = stated.loc[[tested[0], tested[0]]].assign(family=["secondary", "primary"], interim=[False, True])
    lines = [line for line in trained.text(section, judged=doubled, statistics="s.md").splitlines() if line]
    assert lines[0].startswith("With the 95 % interval; a verdict allows for the number of claims (Holm)")
    assert lines[1].startswith("- **Shown** (interim: seeds are missing): Test error falls")
    assert lines[3] == "<summary>1 secondary claim with a verdict, with the 95 % interval</summary>"
    assert lines[4].startswith("- **Shown**: Test error falls")
    assert lines[6] == "Each with its test: [s.md](s.md#claims)."


def test_without_a_verdict_there_is_no_section(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56")
    assert plan.text(section, judged=claims(plan.tables()), statistics="s.md").strip() == ""
