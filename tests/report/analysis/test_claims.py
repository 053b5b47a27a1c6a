"""Claim sentences on both sides: what the runs show, contradict, leave open, and cannot say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from resnet.params import Params
from resnet.report.analysis.claims import COLUMNS, claims, verdict, weigh
from resnet.report.analysis.nets import main_net
from resnet.report.analysis.stated import planned_tests, stated
from resnet.report.tables import rows
from tests.report.conftest import Files
from tests.report.sides import Side, drawn, means, write


def run(
    plan: Any, errors: Mapping[str, Sequence[float]], training: Mapping[str, Sequence[float]] | None = None
) -> None:
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


def test_what_is_claimed_does_not_depend_on_what_was_run(files: Callable[..., Any]) -> None:
    plan = files(*AS_PUBLISHED)
    before = stated(plan.tables())
    run(plan, {"resnet-20": (8.6, 8.7), "plain-56": (12.8,)})
    assert stated(plan.tables()) == before


def test_runs_as_published_show_every_claim(files: Callable[..., Any]) -> None:
    plan = files(*AS_PUBLISHED)
    run(plan, AS_PUBLISHED)
    responses(plan, {"plain-20": 1.0, "plain-56": 1.1, "resnet-20": 0.6, "resnet-56": 0.4})
    assert verdicts(plan) == dict.fromkeys(
        [
            "Depth costs a plain net more than a residual one: (plain-56 - plain-20) - (resnet-56 - resnet-20) in test "
            "error is above 0",
            "Plain nets degrade: training error rises from plain-20 to plain-56",
            "Test error falls from resnet-20 to resnet-56",
            "Plain nets degrade: test error rises from plain-20 to plain-56",
            "Residual nets do not degrade: training error rises by less than 0.5 points from resnet-20 to resnet-56",
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
    assert len(judged) == 9
    assert set(judged.values()) == {"contradicted"}


def test_scattered_seeds_show_nothing(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56")
    run(plan, {"resnet-20": (7.0, 8.0, 9.0), "resnet-56": (6.5, 7.8, 9.2)})
    assert list(verdicts(plan).values()) == ["undecided", "undecided", "not tested"]


def test_the_correction_is_over_the_family_as_planned(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56", "plain-20", "plain-56")
    run(plan, {"resnet-20": (8.0, 8.4, 8.8), "resnet-56": (7.2, 7.4, 7.6)})
    falls = claim(plan, "Test error falls")
    assert falls.p < 0.05
    assert falls.p_holm == pytest.approx(3 * falls.p)  # the other two of the primary family have no runs, and count
    assert (falls.family, falls.verdict) == ("primary", "undecided")
    degrade = claim(plan, "Residual nets do not degrade")
    # Secondary: plain test error, this one, the twins, two pairs of responses, and residual nets' responses.
    assert degrade.p_holm == pytest.approx(min(1, 6 * degrade.p))


def test_what_can_never_be_tested_does_not_count(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56", "resnet-1202", seeds=2)
    one_seed = plan.params.models["resnet-1202"].model_copy(update={"train": {"seeds": 1}})
    plan.params = plan.params.model_copy(update={"models": plan.params.models | {"resnet-1202": one_seed}})
    stated_claims = stated(plan.tables())
    assert any("rises again" in claim.sentence for claim in stated_claims)
    # That of training error and that of responses; ResNet-1202 will have one seed whatever is done.
    assert planned_tests(plan.tables(), stated_claims, "secondary") == 2


def test_not_to_degrade_is_less_than_the_margin(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56")
    run(plan, {"resnet-20": (9.9, 10.0, 10.1), "resnet-56": (10.0, 10.1, 10.2)})
    less = claim(plan, "Residual nets do not degrade")
    # It rises by 0.1, clearly less than 0.5: errors 0.1 sqrt(2/3), t = (0.1 - 0.5) / 0.0816 = -4.9.
    assert (less.verdict, less.bound, less.difference) == ("shown", 0.5, pytest.approx(0.1))
    assert less.p == pytest.approx(2 * stats.t.sf(0.4 / (0.1 * (2 / 3) ** 0.5), 4))
    assert less.low < 0 < less.high < 0.5
    run(plan, {"resnet-56": (10.4, 10.5, 10.6)})
    assert claim(plan, "Residual nets do not degrade").verdict == "undecided"
    run(plan, {"resnet-56": (11.4, 11.5, 11.6)})
    assert claim(plan, "Residual nets do not degrade").verdict == "contradicted"


def test_a_verdict_is_interim_until_every_planned_seed_is_done(files: Callable[..., Any]) -> None:
    plan = files(*AS_PUBLISHED)
    run(plan, AS_PUBLISHED)
    assert not claim(plan, "Depth costs").interim
    responses(plan, {"resnet-20": 0.6, "resnet-56": 0.4})
    assert not claim(plan, "Deeper residual nets").interim
    plan.train("plain-56", 2, status="diverged", iteration=100)
    assert claim(plan, "Depth costs").interim
    assert claim(plan, "Depth costs").verdict == "shown"
    assert not claim(plan, "Test error falls").interim
    plan.responses("resnet-56", [0.4] * 55, [0.41] * 55)  # of two of the three seeds
    assert claim(plan, "Deeper residual nets").interim


def test_the_interaction_by_hand(files: Callable[..., Any]) -> None:
    plan = files(*AS_PUBLISHED)
    run(plan, AS_PUBLISHED)
    interaction = claim(plan, "Depth costs")
    # (12.9 - 9.8) - (7 - 8.7) = 4.8; four stds of 0.1: error 0.2 / sqrt(3), 8 degrees, t(0.975, 8) = 2.306004.
    assert interaction.difference == pytest.approx(4.8)
    assert (interaction.high - interaction.low) / 2 == pytest.approx(2.306004 * 0.2 / 3**0.5, abs=1e-5)
    assert interaction.test == "Satterthwaite's t, n = 3, 3, 3 and 3"


def test_depth_may_help_plain_nets_less(files: Callable[..., Any]) -> None:
    plan = files(*AS_PUBLISHED)
    run(plan, AS_PUBLISHED | {"plain-56": (9.3, 9.4, 9.5)})  # -0.4 beside -1.7
    assert claim(plan, "Depth costs").verdict == "shown"
    assert claim(plan, "Plain nets degrade: training").verdict == "contradicted"


def test_a_trend_is_judged_with_the_runs_that_exist(files: Callable[..., Any]) -> None:
    plan = files(*AS_PUBLISHED, "resnet-32", "resnet-44", report={"primary_depths": [20, 56]})
    run(plan, AS_PUBLISHED | {"resnet-32": (7.5,)})  # one run of 32 layers, none of 44
    trend = claim(plan, "Test error falls with depth")
    assert (trend.verdict, trend.family, trend.interim, trend.unit) == (
        "shown",
        "primary",
        True,
        "points per 10 layers",
    )
    assert trend.difference == pytest.approx(10 * (7.0 - 8.7) / 36, abs=0.1)
    reverse = files(*AS_PUBLISHED, "resnet-32", "resnet-44", report={"primary_depths": [20, 56]})
    run(reverse, REVERSED | {"resnet-32": (8.0,)})
    assert claim(reverse, "Test error falls with depth").verdict == "contradicted"


def test_one_seed_in_a_cell_leaves_the_interaction_untested(files: Callable[..., Any]) -> None:
    plan = files(*AS_PUBLISHED)
    run(plan, AS_PUBLISHED | {"resnet-56": (7.0,)})
    interaction = claim(plan, "Depth costs")
    assert interaction.verdict == "not tested"  # the spread of the other cells is not taken for this one's
    assert interaction.why_not_tested == "one seed of resnet-56 shows no spread"


PLAN = ("plain-20", "plain-32", "plain-56", "plain-110", "resnet-20", "resnet-32", "resnet-56", "resnet-110")
WORDS: dict[Side, str] = {"holds": "shown", "opposite": "contradicted", "nothing differs": "undecided"}


@pytest.mark.parametrize("side", WORDS)
def test_both_sides_of_every_claim(files: Callable[..., Any], side: Side) -> None:
    tables = files(*PLAN, "resnet-1202", seeds=5).tables()
    stated_claims = stated(tables)
    assert {claim.quantity for claim in stated_claims} == {"test_error", "training_error", "response"}
    for stated_claim in stated_claims:
        number = planned_tests(tables, stated_claims, stated_claim.family)
        spread = 0.6 if side == "nothing differs" else 0.1
        evidence = weigh(stated_claim, drawn(means(stated_claim, side, 2.0), spread, 5, np.random.default_rng(0)))
        assert evidence is not None
        assert verdict(evidence.agrees, min(1, number * evidence.p), 0.05) == WORDS[side], stated_claim.sentence


@pytest.mark.parametrize("start", ["Depth costs", "The order", "Residual nets do not degrade", "Deeper residual nets"])
def test_both_sides_in_result_files(files: Callable[..., Any], start: str) -> None:
    plan = files("plain-20", "plain-56", "resnet-20", "resnet-32", "resnet-56", seeds=3)
    tables = plan.tables()
    (stated_claim,) = [claim for claim in stated(tables) if claim.sentence.startswith(start)]
    for side, word in WORDS.items():
        write(plan, tables, stated_claim, side, spread=1.0 if side == "nothing differs" else 0.05)
        assert claim(plan, start).verdict == word


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
    responses(plan, {"resnet-20": 0.6})
    plan.responses("plain-20", [0.6] * 19)
    assert (
        claim(plan, "Residual nets respond less: the layers of resnet-20").why_not_tested
        == "one seed with layer responses of plain-20 shows no spread"
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
    assert claim(plan, "Depth costs").why_not_tested == "the seeds of plain-56 have different settings"


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
    assert claim(plan, "The order").verdict == "undecided"
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


@pytest.mark.parametrize(("apart", "expected"), [(0.1, "shown"), (0.4, "undecided"), (2.0, "contradicted")])
def test_a_row_of_another_precision_is_held_against_the_first_by_the_margin(
    tmp_path: Path, apart: float, expected: str
) -> None:
    sentence = "Precision does not matter: resnet-20-bf16 and resnet-20 differ by less than 0.5 points in test error"
    precisions = {"resnet-20": "fp32", "resnet-20-bf16": "bf16"}
    models = {x: {"net": "resnet", "depth": 20, "train": {"precision": y}} for x, y in precisions.items()}
    plan = Files(Params.model_validate({"models": models, "train": {"seeds": 5}}), tmp_path / "runs")
    for seed in range(5):
        plan.train("resnet-20", seed, 8.5 + 0.1 * seed, precision="fp32")
        if seed < 4:
            plan.train("resnet-20-bf16", seed, 8.5 + 0.1 * seed + apart, precision="bf16")
    assert main_net(plan.tables(), "resnet", 20) == "resnet-20"
    plan.train("resnet-20-bf16", 4, 8.9 + apart, precision="bf16")
    judged = claims(plan.tables()).set_index("claim")
    assert judged.loc[sentence, "verdict"] == expected
    assert main_net(plan.tables(), "resnet", 20) == "resnet-20"  # complete as well, and first
    (plan.runs / "train/resnet-20/seed-0/metrics.json").unlink()
    assert main_net(plan.tables(), "resnet", 20) == "resnet-20-bf16"
