"""Claims on both sides: what the runs show, contradict, leave open, and cannot say."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from resnet.params import Params, load
from resnet.report.results import read_results
from resnet.report.topics.claims import (
    COLUMNS,
    Claim,
    every_claim,
    frame,
    judge,
    primary_claims,
    stated,
    verdict,
    weigh,
)
from tests.report.false_alarms import Side, drawn, means
from tests.report.made_up import a_plan

ROOT = Path(__file__).parents[3]


def claims_of(params: Params, tmp_path: Path) -> list[Claim]:
    """Of a plan of which nothing has been run."""
    return stated(read_results(params, tmp_path / "runs").nets, params.report)


def primary(claims: Sequence[Claim]) -> list[str]:
    return [claim.sentence for claim in claims if claim.family == "primary"]


PLAIN = "Plain nets degrade: training error rises from plain-{} to plain-{}"
FAMILY = [
    "Depth costs a plain net more than a residual one: test error rises more from plain-20 to plain-56 than from "
    "resnet-20 to resnet-56",
    PLAIN.format(20, 56),
    "Test error falls from resnet-20 to resnet-56",
]


@pytest.mark.parametrize(
    ("folder", "more"), [("tenth", []), (".", ["Test error falls with depth from resnet-20 to resnet-110"])]
)
def test_the_families_are_as_the_plans_say(folder: str, more: list[str], tmp_path: Path) -> None:
    claims = claims_of(load(ROOT / folder / "params.yaml"), tmp_path)
    assert primary(claims) == [*FAMILY, *more]
    assert len({claim.sentence for claim in claims}) == len(claims)
    assert [claim.family for claim in claims] == sorted(claim.family for claim in claims)
    assert all(sum(claim.contrast.values()) == 0 for claim in claims)
    assert not any("plain-110" in claim.nets for claim in claims)  # one planned seed: never to be tested


@pytest.mark.parametrize(
    ("plan", "sentences"),
    [
        (a_plan(), []),
        (a_plan("resnet-20"), []),
        (a_plan("resnet-20", "resnet-56", "plain-20", seeds=1), []),
        (a_plan("resnet-B-20", "resnet-56"), []),  # other settings; but for the warm-up of 110 layers
        (a_plan("resnet-B-20", "resnet-20", "resnet-110"), ["Test error falls from resnet-20 to resnet-110"]),
        (a_plan("plain-14", "plain-26", "resnet-20", "resnet-56"), [PLAIN.format(14, 26), FAMILY[2]]),
        (
            a_plan("plain-14", "plain-20", "plain-44", "resnet-20", "resnet-44", "resnet-56", "resnet-1202"),
            [sentence.replace("56", "44") for sentence in FAMILY],
        ),
    ],
)
def test_the_ends_are_depths_that_both_kinds_have_with_several_seeds(
    plan: Params, sentences: list[str], tmp_path: Path
) -> None:
    claims = claims_of(plan, tmp_path)
    assert primary(claims) == sentences
    assert bool(claims) == bool(sentences)


WORDS: dict[Side, str] = {"holds": "shown", "opposite": "contradicted", "nothing differs": "undecided"}


@pytest.mark.parametrize("side", WORDS)
def test_both_sides_of_every_claim(side: Side, tmp_path: Path) -> None:
    claims = claims_of(load(ROOT / "params.yaml"), tmp_path)
    assert {claim.quantity for claim in claims} == {"test_error", "training_error", "response"}
    for claim in claims:
        spread = dict.fromkeys(claim.nets, 0.6 if side == "nothing differs" else 0.1)
        evidence = weigh(claim, drawn(means(claim, side, 2.0), spread, 5, np.random.default_rng(0)), 0.95)
        assert verdict(evidence.agrees, min(1, 13 * evidence.p), 0.05) == WORDS[side], claim.sentence


AS_PUBLISHED = {
    "resnet-20": (8.6, 8.7, 8.8),
    "resnet-56": (6.9, 7.0, 7.1),
    "plain-20": (9.7, 9.8, 9.9),
    "plain-56": (12.8, 12.9, 13.0),
}


def run(plan: Any, errors: Mapping[str, Sequence[float]]) -> None:
    """Test and training errors alike."""
    for name, values in errors.items():
        for seed, error in enumerate(values):
            plan.train(name, seed, error, training_error=error, history=[])


def judged(plan: Any) -> list[Claim]:
    return judge(plan.results().nets, plan.params.report)


def claim(plan: Any, start: str) -> Any:
    (one,) = [x for x in judged(plan) if x.sentence.startswith(start)]
    return one


def test_runs_as_published_by_hand(files: Callable[..., Any]) -> None:
    plan = files(*AS_PUBLISHED)
    assert plan.topic(primary_claims(judged(plan), {}, 0.95, "")) == ""
    run(plan, AS_PUBLISHED)
    for name, level in {"plain-20": 1.0, "plain-56": 1.1, "resnet-20": 0.6, "resnet-56": 0.4}.items():
        plan.responses(name, *[[level + 0.01 * seed] * (int(name[-2:]) - 1) for seed in range(3)])
    found = judged(plan)
    assert [(x.verdict, x.interim) for x in found] == [("shown", False)] * 9
    in_csv = frame(found).set_index("claim")
    assert [in_csv.index.name, *in_csv.columns] == [*COLUMNS]
    falls = in_csv.loc["Test error falls from resnet-20 to resnet-56"]
    assert (falls["difference"], falls["test"]) == (pytest.approx(-1.7), "Welch's t, n = 3 and 3")
    # Both have a std of 0.1: Welch has 4 degrees, error 0.1 sqrt(2/3), t(0.975, 4) = 2.776445: 1.7 ± 0.2267.
    line = plan.rows_of(plan.topic(every_claim(found, plan.results().nets, 0.95)))[2]
    assert [*line.values()][1:4] == ["**shown**", "-1.70 points", "-1.93 to -1.47"]
    # (12.9 - 9.8) - (7 - 8.7) = 4.8; four stds of 0.1: error 0.2 / sqrt(3), 8 degrees, t(0.975, 8) = 2.306004.
    interaction = claim(plan, "Depth costs")
    assert interaction.difference == pytest.approx(4.8)
    assert (interaction.high - interaction.low) / 2 == pytest.approx(2.306004 * 0.2 / 3**0.5, abs=1e-5)
    assert interaction.test == "Satterthwaite's t, n = 3, 3, 3 and 3"
    # It rises by 0.1, clearly less than 0.5: errors 0.1 sqrt(2/3), t = (0.1 - 0.5) / 0.0816 = -4.9.
    run(plan, {"resnet-56": (8.8, 8.7, 8.9)})
    less = claim(plan, "Residual nets do not degrade")
    assert less.difference == pytest.approx(0.1)
    assert less.p == pytest.approx(2 * stats.t.sf(0.4 / (0.1 * (2 / 3) ** 0.5), 4))
    # By seed +0.2, 0.0 and +0.1: mean 0.1 with an error of 0.1 / sqrt(3), t(0.975, 2) = 4.302653.
    half = 4.302653 * 0.1 / 3**0.5
    assert (less.paired_low, less.paired_high) == pytest.approx((0.1 - half, 0.1 + half))
    assert less.verdict == "shown"


def test_the_correction_is_over_the_family_as_planned(files: Callable[..., Any]) -> None:
    plan = files(*AS_PUBLISHED)
    run(plan, {"resnet-20": (8.0, 8.4, 8.8), "resnet-56": (7.2, 7.4, 7.6)})
    falls = claim(plan, "Test error falls")
    assert falls.p < 0.05
    assert falls.p_holm == pytest.approx(3 * falls.p)  # the other two have no runs, and count
    assert falls.verdict == "undecided"
    assert "alone" in falls.notes[0]  # the interval leaves 0 out, the verdict does not follow
    degrade = claim(plan, "Residual nets do not degrade")
    # Secondary: plain test error, this one, the twins, two pairs of responses, and residual nets' responses.
    assert degrade.p_holm == pytest.approx(min(1, 6 * degrade.p))


def test_what_is_missing_is_said_and_marks_a_verdict(files: Callable[..., Any]) -> None:
    plan = files(*AS_PUBLISHED)
    run(plan, {name: AS_PUBLISHED[name] for name in ("resnet-20", "plain-20")} | {"resnet-56": (7.0,)})
    assert {x.verdict for x in judged(plan)} == {"not tested"}
    assert claim(plan, "Test error falls").why_not_tested == "one run of resnet-56 shows no spread"
    assert claim(plan, "Plain nets degrade: test").why_not_tested == "runs missing: plain-56"
    plan.responses("plain-20", [0.6] * 19)
    respond = "Residual nets respond less: the layers of resnet-20"
    assert claim(plan, respond).why_not_tested == "layer responses missing: resnet-20"
    run(plan, {"plain-56": (12.8, 12.9)})
    degrade = claim(plan, "Plain nets degrade: training")
    assert (degrade.verdict, degrade.interim) == ("shown", True)
    run(plan, dict.fromkeys(("resnet-20", "resnet-56"), (9.0, 9.0, 9.0)))
    assert claim(plan, "Test error falls").why_not_tested == "the runs do not differ at all"
    plan.train("resnet-56", 0, precision="fp32")
    assert claim(plan, "Test error falls").why_not_tested == "the runs differ in train.precision"


def test_a_trend_is_judged_with_the_runs_that_exist(files: Callable[..., Any]) -> None:
    plan = files(*AS_PUBLISHED, "resnet-32", "resnet-44", report={"primary_depths": [20, 56]})
    run(plan, AS_PUBLISHED | {"resnet-32": (7.5,)})  # one run of 32 layers, none of 44
    trend = claim(plan, "Test error falls with depth")
    assert (trend.verdict, trend.family, trend.interim) == ("shown", "primary", True)
    assert trend.difference == pytest.approx(10 * (7.0 - 8.7) / 36, abs=0.1)
    run(plan, {"resnet-56": (10.9, 11.0, 11.1), "resnet-32": (9.5,)})
    assert claim(plan, "Test error falls with depth").verdict == "contradicted"


def test_a_shortened_schedule_reverses_and_contradicts_nothing(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56", train={"iterations": 6400})
    run(plan, {"resnet-20": (8.6, 8.7, 8.8), "resnet-56": (9.6, 9.7, 9.8)})
    falls = claim(plan, "Test error falls")
    assert falls.verdict == "reversed at this length"
    assert falls.notes == ("Training error is reversed too: +1.00 points (+0.77 to +1.23).",)
    nets, level = plan.results().nets, plan.params.report.confidence
    short = plan.topic(primary_claims(judged(plan), nets, level, "statistics.md"))
    assert "6,400 of the paper's 64,000 iterations" in short
    assert "+1.00 points (+0.77 to +1.23; p = 0.0003)" in short


SCATTERED = {"resnet-20": (13.85, 15.08, 14.32, 13.75, 14.28), "resnet-56": (20.28, 17.11, 20.02, 16.69, 13.94)}


def test_unequal_variances_get_ranks_and_other_tests_that_disagree_are_named(files: Callable[..., Any]) -> None:
    plan = files(*SCATTERED, seeds=5)
    run(plan, SCATTERED)
    falls = claim(plan, "Test error falls")
    assert falls.p == pytest.approx(stats.ttest_ind(*SCATTERED.values(), equal_var=False).pvalue)
    # 3 of 25 pairs are the other way: of the 252 orders as many as 14 are as uneven, on either side.
    assert falls.p_ranks == pytest.approx(14 / 252)
    assert (falls.paired_low, falls.paired_high) == pytest.approx((-0.08, 6.78), abs=0.01)
    assert "paired by seed -0.08 to +6.78 and by ranks p = 0.056" in falls.notes[0]
    run(plan, {"resnet-56": (13.0, 14.1, 15.0, 13.6, 14.2)})
    assert math.isnan(claim(plan, "Test error falls").p_ranks)  # variances alike


def test_an_interaction_by_ranks_and_by_seed_takes_what_depth_costs_a_seed() -> None:
    plain, residual = ((10.0, 10.1, 10.2, 10.3), (20.0, 22.0, 25.0, 29.0)), ((8.0, 8.1, 8.2, 8.3), (9.0, 9.2, 9.4, 9.6))
    values = dict(zip(AS_PUBLISHED, (dict(enumerate(errors)) for errors in (*residual, *plain)), strict=True))
    claim = Claim("", "test_error", 1, {"plain-20": -1, "plain-56": 1, "resnet-20": 1, "resnet-56": -1})
    weighed = weigh(claim, values, 0.95)
    assert weighed.p_ranks == pytest.approx(2 / math.comb(8, 4))  # all of one kind above all of the other
    middle = (weighed.paired_low + weighed.paired_high) / 2
    assert middle == pytest.approx(np.mean([9.0, 10.8, 13.6, 17.4]))
    values["resnet-20"] = {seed + 1: value for seed, value in values["resnet-20"].items()}
    other = weigh(claim, values, 0.95)
    assert all(map(math.isnan, (other.paired_low, other.p_ranks)))


def test_responses_are_judged_by_the_mean_and_the_median_is_said(files: Callable[..., Any]) -> None:
    plan = files("plain-20", "resnet-20", "plain-56", "resnet-56")
    run(plan, AS_PUBLISHED)
    for name, first in {"plain-20": 20.0, "resnet-20": 1.0}.items():
        plan.responses(name, *[[first, *[1.0 + 0.01 * seed] * 18] for seed in range(3)])
    less = claim(plan, "Residual nets respond less: the layers of resnet-20")
    assert less.difference == pytest.approx(-1.0)  # 19 over 19 layers
    assert less.notes == ("Of the median over layers: +0.000 (-0.023 to +0.023; p = 1.000).",)
