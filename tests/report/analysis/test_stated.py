"""The claims as the plan alone states them."""

from __future__ import annotations

from pathlib import Path

import pytest

from resnet.params import Params, load
from resnet.report.analysis.stated import planned_tests, stated
from resnet.report.tables import Tables, read_tables

ROOT = Path(__file__).parents[3]


def planned(params: Params, tmp_path: Path) -> Tables:
    """The tables of a plan of which nothing has been run."""
    return read_tables(params, tmp_path / "runs")


def primary(tables: Tables) -> list[str]:
    return [claim.sentence for claim in stated(tables) if claim.family == "primary"]


FAMILY = [
    "Depth costs a plain net more than a residual one: (plain-56 - plain-20) - (resnet-56 - resnet-20) in test error "
    "is above 0",
    "Plain nets degrade: training error rises from plain-20 to plain-56",
    "Test error falls from resnet-20 to resnet-56",
]


@pytest.mark.parametrize(
    ("folder", "more"), [("tenth", []), (".", ["Test error falls with depth from resnet-20 to resnet-110"])]
)
def test_the_primary_family_is_as_the_plans_say(folder: str, more: list[str], tmp_path: Path) -> None:
    tables = planned(load(ROOT / folder / "params.yaml"), tmp_path)
    assert primary(tables) == [*FAMILY, *more]
    assert planned_tests(tables, stated(tables), "primary") == 3 + len(more)


def a_plan(*names: str, **seeds: int) -> Params:
    """A plan of nets named like `resnet-20`, of 3 seeds unless said otherwise (`resnet_20=1`)."""
    entries = {name: name.split("-") for name in names}
    models = {name: {"net": net, "depth": int(depth)} for name, (net, depth) in entries.items()}
    for name, number in seeds.items():
        models[name.replace("_", "-")]["train"] = {"seeds": number}
    return Params.model_validate({"models": models, "train": {"seeds": 3}})


def test_the_ends_are_depths_that_both_kinds_have(tmp_path: Path) -> None:
    plan = a_plan("plain-14", "plain-20", "plain-44", "resnet-20", "resnet-44", "resnet-56", "resnet-1202")
    assert primary(planned(plan, tmp_path))[1:] == [
        "Plain nets degrade: training error rises from plain-20 to plain-44",
        "Test error falls from resnet-20 to resnet-44",
    ]


def test_without_two_shared_depths_each_kind_has_its_own_ends_and_there_is_no_interaction(tmp_path: Path) -> None:
    plan = a_plan("plain-14", "plain-26", "resnet-20", "resnet-56")
    sentences = [claim.sentence for claim in stated(planned(plan, tmp_path))]
    assert "Plain nets degrade: training error rises from plain-14 to plain-26" in sentences
    assert primary(planned(a_plan("resnet-20", "resnet-56"), tmp_path)) == [
        "Test error falls from resnet-20 to resnet-56"
    ]
    assert stated(planned(a_plan("resnet-20", "plain-20"), tmp_path))[0].family == "secondary"


def test_a_plan_of_single_seeds_states_its_claims_and_tests_none(tmp_path: Path) -> None:
    plan = a_plan("plain-20", "plain-56", "resnet-20", "resnet-56", plain_20=1, plain_56=1, resnet_20=1, resnet_56=1)
    tables = planned(plan, tmp_path)
    assert len(primary(tables)) == 3
    assert planned_tests(tables, stated(tables), "primary") == planned_tests(tables, stated(tables), "secondary") == 0


def test_every_claim_is_stated_once_and_its_contrasts_add_up_to_nothing(tmp_path: Path) -> None:
    claims = stated(planned(load(ROOT / "params.yaml"), tmp_path))
    assert len({claim.sentence for claim in claims}) == len(claims)
    assert all(sum(contrast.values()) == 0 for claim in claims for contrast in claim.contrasts)
    assert [claim.family for claim in claims] == sorted(claim.family for claim in claims)
    tests = {(claim.quantity, str(claim.contrasts), claim.sign, claim.bound, bool(claim.trend)) for claim in claims}
    assert len(tests) == len(claims)
