"""Claim sentences on both sides: what the runs show, contradict, leave open, and cannot say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from resnet.params import Params
from resnet.report.analysis.claims import COLUMNS, claims
from resnet.report.tables import rows


def run(plan: Any, errors: dict[str, Sequence[float]], training: dict[str, Sequence[float]] | None = None) -> None:
    for name, values in errors.items():
        for seed, error in enumerate(values):
            plan.train(name, seed, error, training_error=(training or errors)[name][seed])


def verdicts(plan: Any) -> dict[str, str]:
    return {claim.claim: claim.verdict for claim in rows(claims(plan.tables()))}


def claim(plan: Any, start: str) -> Any:
    (one,) = [claim for claim in rows(claims(plan.tables())) if claim.claim.startswith(start)]
    return one


AS_PUBLISHED = {
    "resnet-20": (8.6, 8.7, 8.8),
    "resnet-56": (6.9, 7.0, 7.1),
    "plain-20": (9.7, 9.8, 9.9),
    "plain-56": (12.8, 12.9, 13.0),
}
REVERSED = {
    "resnet-20": AS_PUBLISHED["resnet-56"],
    "resnet-56": AS_PUBLISHED["plain-56"],
    "plain-20": AS_PUBLISHED["plain-20"],
    "plain-56": AS_PUBLISHED["resnet-20"],
}


def responses(plan: Any, levels: dict[str, float]) -> None:
    for name, level in levels.items():
        layers = int(name.split("-")[1]) - 1
        plan.responses(name, *[[level + 0.01 * seed] * layers for seed in range(3)])


def test_runs_as_published_show_every_claim(files: Callable[..., Any]) -> None:
    plan = files(*AS_PUBLISHED)
    run(plan, AS_PUBLISHED)
    responses(plan, {"plain-20": 1.0, "plain-56": 1.1, "resnet-20": 0.6, "resnet-56": 0.4})
    assert verdicts(plan) == dict.fromkeys(
        [
            "Test error falls from resnet-20 to resnet-56",
            "Plain nets degrade: training error rises from plain-20 to plain-56",
            "Plain nets degrade: test error rises from plain-20 to plain-56",
            "Residual nets do not degrade: training error falls from resnet-20 to resnet-56",
            "resnet-56 has a lower test error than plain-56",
            "Residual nets respond less: the layers of resnet-20 less than those of plain-20",
            "Residual nets respond less: the layers of resnet-56 less than those of plain-56",
            "Deeper residual nets respond less per layer: resnet-56 less than resnet-20",
        ],
        "shown",
    )


def test_the_opposite_runs_contradict_every_claim(files: Callable[..., Any]) -> None:
    plan = files(*AS_PUBLISHED)
    run(plan, REVERSED)
    responses(plan, {"plain-20": 0.3, "plain-56": 0.2, "resnet-20": 0.5, "resnet-56": 0.7})
    judged = verdicts(plan)
    assert len(judged) == 8
    assert set(judged.values()) == {"contradicted"}


def test_scattered_seeds_show_nothing(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56")
    run(plan, {"resnet-20": (7.0, 8.0, 9.0), "resnet-56": (6.5, 7.8, 9.2)})
    assert list(verdicts(plan).values()) == ["not shown", "not shown", "not tested"]


def test_the_correction_is_over_the_claims_tested(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56", "plain-20", "plain-56")
    run(plan, dict.fromkeys(("resnet-20", "plain-20"), (8.0, 8.4, 8.8)))
    run(plan, {"resnet-56": (7.2, 7.4, 7.6)})
    falls = claim(plan, "Test error falls")
    assert falls.p < 0.05
    assert falls.p_holm == pytest.approx(2 * falls.p)  # training error is the other claim, of equal p
    assert falls.verdict == "not shown"


def test_missing_runs_and_one_seed_are_not_tested(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56", "plain-20", "plain-56")
    run(plan, {"resnet-20": AS_PUBLISHED["resnet-20"], "resnet-56": (7.0,), "plain-20": (9.8, 9.9)})
    assert set(verdicts(plan).values()) == {"not tested"}
    assert claim(plan, "Test error falls").why_not_tested == "one seed of resnet-56 shows no spread"
    assert claim(plan, "Plain nets degrade: test").why_not_tested == "runs missing: plain-56 not run"
    assert (
        claim(plan, "Residual nets respond less: the layers of resnet-20").why_not_tested
        == "runs missing: no responses of plain-20 and resnet-20"
    )
    plan.train("plain-56", status="interrupted", iteration=100)
    assert claim(plan, "Plain nets degrade: test").why_not_tested == "runs missing: no seed of plain-56 done"


def test_nothing_run_tests_nothing(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56")
    assert set(verdicts(plan).values()) == {"not tested"}
    assert claims(files("resnet-20").tables()).empty


@pytest.mark.parametrize("change", [{"learning_rate": 0.05}, {"iterations": 400}, {"weight_decay": 0.0}])
def test_nets_of_different_settings_are_not_compared(files: Callable[..., Any], change: dict[str, Any]) -> None:
    plan = files("resnet-20", "resnet-56")
    for seed, error in enumerate(AS_PUBLISHED["resnet-20"]):
        plan.train("resnet-20", seed, error)
        plan.train("resnet-56", seed, error - 2, train=change)
    (key,) = change
    assert claim(plan, "Test error falls").why_not_tested == f"the runs differ in train.{key}"


def test_nets_on_different_data_or_with_mixed_seeds_are_not_compared(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56", "plain-20", "plain-56")
    run(plan, {"resnet-20": AS_PUBLISHED["resnet-20"], "plain-20": AS_PUBLISHED["plain-20"]})
    for seed in range(3):
        plan.train("resnet-56", seed, 7.0 + seed, data=plan.data(official=False))
        plan.train("plain-56", seed, 12.0 + seed, train={"learning_rate": 0.1 + seed})
    assert claim(plan, "Test error falls").why_not_tested == "the runs differ in data"
    assert claim(plan, "Plain nets degrade: test").why_not_tested == "the seeds of plain-56 have different settings"


def test_the_papers_warm_up_of_deeper_nets_does_not_stand_in_the_way(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-110")
    run(plan, {"resnet-20": AS_PUBLISHED["resnet-20"], "resnet-110": (6.5, 6.6, 6.7)})
    assert claim(plan, "Test error falls from resnet-20 to resnet-110").verdict == "shown"


def test_the_order_needs_every_step(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-32", "resnet-56")
    falling = {"resnet-20": (8.6, 8.7, 8.8), "resnet-32": (7.5, 7.6, 7.7), "resnet-56": (6.9, 7.0, 7.1)}
    run(plan, falling)
    order = claim(plan, "The order")
    assert order.verdict == "shown"
    assert order.difference == pytest.approx(-0.6)  # the weakest step
    run(plan, falling | {"resnet-56": (7.2, 7.5, 7.8)})
    assert claim(plan, "The order").verdict == "not shown"
    run(plan, falling | {"resnet-56": (8.1, 8.2, 8.3)})
    order = claim(plan, "The order")
    assert order.verdict == "contradicted"
    assert "the step resnet-32 to resnet-56, the clearest against it" in order.test


def test_resnet_1202_is_claimed_to_be_worse(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-110", "resnet-1202", seeds=3)
    run(plan, {"resnet-20": (8.6, 8.7, 8.8), "resnet-110": (6.5, 6.6, 6.7), "resnet-1202": (7.8, 7.9, 8.0)})
    assert claim(plan, "Test error rises again from resnet-110 to resnet-1202").verdict == "shown"
    assert not [sentence for sentence in verdicts(plan) if "order" in sentence]  # two depths: no order to speak of


def test_an_ablation_does_not_stand_for_its_depth(files: Callable[..., Any]) -> None:
    plan = files("resnet-B-20", "resnet-20", "resnet-56")
    run(plan, {"resnet-B-20": (1.0, 1.1, 1.2), **{n: AS_PUBLISHED[n] for n in ("resnet-20", "resnet-56")}})
    assert claim(plan, "Test error falls from resnet-20 to").verdict == "shown"


def test_the_table_of_claims_is_plain_and_holds_the_same(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56", "plain-56")
    run(plan, {name: AS_PUBLISHED[name] for name in ("resnet-20", "resnet-56")})
    table = claims(plan.tables())[[*COLUMNS]]
    assert set(table["verdict"]) == {"shown", "not tested"}
    assert table["difference"].iloc[0] == pytest.approx(-1.7)
    assert table["test"].iloc[0] == "Welch's t, n = 3 and 3"
    assert table["why_not_tested"].iloc[-1] == "runs missing: no responses of resnet-20 and resnet-56"
    assert table["p_holm"].notna().tolist() == (table["verdict"] == "shown").tolist()


def test_names_in_the_table_of_claims_are_not_escaped(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56")
    models = {f"a_{name}": entry.model_dump() for name, entry in plan.params.models.items()}
    plan.params = Params.model_validate({"models": models})
    assert claims(plan.tables())["claim"].iloc[0] == "Test error falls from a_resnet-20 to a_resnet-56"
