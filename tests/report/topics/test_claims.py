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
from resnet.report.samples import compare
from resnet.report.topics.claims import COLUMNS, Claim, every_test, frame, judge, stated, verdict, verdicts, weigh
from tests.report.false_alarms import drawn, means
from tests.report.made_up import a_plan

ROOT = Path(__file__).parents[3]


def claims_of(params: Params, tmp_path: Path) -> list[Claim]:
    """Of a plan of which nothing has been run."""
    return stated(read_results(params, tmp_path / "runs").nets, params.report)


PLAIN = "Plain nets degrade: training error rises from plain-{} to plain-{}"
THREE = [
    "Depth costs a plain net more than a residual one: test error rises more from plain-20 to plain-56 than from "
    "resnet-20 to resnet-56",
    PLAIN.format(20, 56),
    "Test error falls from resnet-20 to resnet-56",
]


@pytest.mark.parametrize(
    ("plan", "sentences"),
    [
        (load(ROOT / "tenth/params.yaml"), THREE),
        (load(ROOT / "params.yaml"), [*THREE, "Test error falls with depth from resnet-20 to resnet-110"]),
        (a_plan(), []),
        (a_plan("resnet-20"), []),
        (a_plan("resnet-20", "resnet-56", "plain-20", seeds=1), []),
        (a_plan("resnet-B-20", "resnet-56"), []),  # other settings; but for the warm-up of 110 layers
        (a_plan("resnet-B-20", "resnet-20", "resnet-110"), ["Test error falls from resnet-20 to resnet-110"]),
        (a_plan("plain-14", "plain-26", "resnet-20", "resnet-56"), [PLAIN.format(14, 26), THREE[2]]),
        (
            a_plan("plain-14", "plain-20", "plain-44", "resnet-20", "resnet-44", "resnet-56", "resnet-1202"),
            [sentence.replace("56", "44") for sentence in THREE],
        ),
    ],
)
def test_the_plan_alone_states_the_claims(plan: Params, sentences: list[str], tmp_path: Path) -> None:
    assert [claim.sentence for claim in claims_of(plan, tmp_path)] == sentences


@pytest.mark.parametrize(("apart", "word"), [(2.0, "shown"), (-2.0, "contradicted"), (0.0, "undecided")])
def test_both_sides_of_every_claim(apart: float, word: str, tmp_path: Path) -> None:
    for claim in claims_of(load(ROOT / "params.yaml"), tmp_path):
        spread = dict.fromkeys(claim.nets, 0.1 if apart else 0.6)
        tested = weigh(claim, drawn(means(claim, apart), spread, 5, np.random.default_rng(0)), 0.95)
        assert tested is not None
        assert verdict(claim, tested, min(1, 4 * tested.p), 0.05) == word, claim.sentence


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


def found(plan: Any, start: str) -> Any:
    (one,) = [x for x in judge(plan.results().nets, plan.params.report) if x.claim.sentence.startswith(start)]
    return one


def test_runs_as_published_by_hand(files: Callable[..., Any]) -> None:
    plan = files(*AS_PUBLISHED)
    run(plan, AS_PUBLISHED)
    nets = plan.results().nets
    judged = judge(nets, plan.params.report)
    assert [(x.verdict, x.interim) for x in judged] == [("shown", False)] * 3
    in_csv = frame(judged).set_index("claim")
    assert [in_csv.index.name, *in_csv.columns] == [*COLUMNS]
    falls = in_csv.loc["Test error falls from resnet-20 to resnet-56"]
    assert (falls["difference"], falls["test"]) == (pytest.approx(-1.7), "Welch's t, n = 3 and 3")
    # Both have a std of 0.1: Welch has 4 degrees, error 0.1 sqrt(2/3), t(0.975, 4) = 2.776445: 1.7 ± 0.2267.
    line = plan.rows_of(plan.topic(every_test(judged, nets, 0.95)))[2]
    assert [*line.values()][1:4] == ["**shown**", "-1.70 points", "-1.93 to -1.47"]
    # (12.9 - 9.8) - (7 - 8.7) = 4.8; four stds of 0.1: error 0.2 / sqrt(3), 8 degrees, t(0.975, 8) = 2.306004.
    interaction = judged[0].tested
    assert interaction
    assert interaction.difference == pytest.approx(4.8)
    assert (interaction.high - interaction.low) / 2 == pytest.approx(2.306004 * 0.2 / 3**0.5, abs=1e-5)
    assert interaction.test == "Satterthwaite's t, n = 3, 3, 3 and 3"


def test_the_correction_is_over_the_claims_as_planned(files: Callable[..., Any]) -> None:
    plan = files(*AS_PUBLISHED)
    run(plan, AS_PUBLISHED | {"resnet-20": (8.0, 8.4, 8.8), "resnet-56": (7.2, 7.4, 7.6)})
    plan.train("plain-56", 0, precision="fp32")
    assert [x.verdict for x in judge(plan.results().nets, plan.params.report)[:2]] == ["not tested"] * 2
    falls = found(plan, "Test error falls")
    assert falls.tested.p < 0.05
    assert falls.p_holm == pytest.approx(3 * falls.tested.p)  # the other two cannot be tested, and count
    assert falls.verdict == "undecided"
    assert "alone" in falls.notes[0]  # the interval leaves 0 out, the verdict does not follow


def test_what_is_missing_is_said_and_marks_a_verdict(files: Callable[..., Any]) -> None:
    plan, falls, level = files(*AS_PUBLISHED), "Test error falls", 0.95
    run(plan, {name: AS_PUBLISHED[name] for name in ("resnet-20", "plain-20")} | {"resnet-56": (7.0,)})
    nets = plan.results().nets
    judged = judge(nets, plan.params.report)
    assert {x.verdict for x in judged} == {"not tested"}
    assert plan.topic(verdicts(judged, nets, level, "")) == ""
    few = "(fewer than two runs of plain-56 and resnet-56)"
    assert f"{THREE[2]} {few}" in plan.topic(every_test(judged, nets, level))
    run(plan, {"plain-56": (12.8, 12.9)})
    assert found(plan, "Plain nets degrade").verdict == "not tested"  # before all four nets have two runs
    run(plan, {"resnet-56": (7.0, 7.1)})
    assert [(x.verdict, x.interim) for x in judge(plan.results().nets, plan.params.report)] == [("shown", True)] * 3
    run(plan, dict.fromkeys(("resnet-20", "resnet-56"), (9.0, 9.0, 9.0)))
    assert found(plan, falls).why_not_tested == "the runs do not differ at all"
    plan.train("resnet-56", 0, precision="fp32")
    assert found(plan, falls).why_not_tested == "the runs differ in train.precision"


def test_a_trend_is_judged_with_the_runs_that_exist(files: Callable[..., Any]) -> None:
    plan = files(*AS_PUBLISHED, "resnet-32", "resnet-44", report={"primary_depths": [20, 56]})
    run(plan, AS_PUBLISHED | {"resnet-32": (7.5,)})  # one run of 32 layers, none of 44
    trend = found(plan, "Test error falls with depth")
    assert (trend.verdict, trend.interim, trend.notes) == ("shown", True, ("No run is done of resnet-44.",))
    assert trend.tested.difference == pytest.approx(10 * (7.0 - 8.7) / 36, abs=0.1)
    run(plan, {"resnet-56": (10.9, 11.0, 11.1), "resnet-32": (9.5,)})
    assert found(plan, "Test error falls with depth").verdict == "contradicted"


def test_a_shortened_schedule_reverses_and_contradicts_nothing(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56", train={"iterations": 6400})
    run(plan, {"resnet-20": (8.6, 8.7, 8.8), "resnet-56": (9.6, 9.7, 9.8)})
    falls = found(plan, "Test error falls")
    assert falls.verdict == "reversed at this length"
    assert falls.notes[0].endswith("(+0.77 to +1.23): slower learning, not overfitting.")
    short = plan.topic(verdicts([falls], plan.results().nets, 0.95, "statistics.md"))
    assert "6,400 of the paper's 64,000 iterations" in short
    assert "+1.00 points (+0.77 to +1.23; p = 0.0003)" in short


SCATTERED = {"resnet-20": (13.85, 15.08, 14.32, 13.75, 14.28), "resnet-56": (20.28, 17.11, 20.02, 16.69, 13.94)}


def test_unequal_variances_get_ranks_and_other_tests_that_disagree_are_named(files: Callable[..., Any]) -> None:
    plan = files(*SCATTERED, seeds=5)
    run(plan, SCATTERED)
    falls = found(plan, "Test error falls")
    assert falls.tested.p == pytest.approx(stats.ttest_ind(*SCATTERED.values(), equal_var=False).pvalue)
    # 3 of 25 pairs are the other way: of the 252 orders as many as 14 are as uneven, on either side.
    assert falls.tested.p_ranks == pytest.approx(14 / 252)
    assert (falls.tested.paired_low, falls.tested.paired_high) == pytest.approx((-0.08, 6.78), abs=0.01)
    assert "paired by seed -0.08 to +6.78 and by ranks p = 0.056" in falls.notes[0]
    run(plan, {"resnet-56": (13.0, 14.1, 15.0, 13.6, 14.2)})
    assert math.isnan(found(plan, "Test error falls").tested.p_ranks)  # variances alike


def test_an_interaction_by_ranks_and_by_seed_takes_what_depth_costs_a_seed() -> None:
    plain, residual = ((10.0, 10.1, 10.2, 10.3), (20.0, 22.0, 25.0, 29.0)), ((8.0, 8.1, 8.2, 8.3), (9.0, 9.2, 9.4, 9.6))
    values = dict(zip(AS_PUBLISHED, (dict(enumerate(errors)) for errors in (*residual, *plain)), strict=True))
    coefficients = {"plain-20": -1, "plain-56": 1, "resnet-20": 1, "resnet-56": -1}
    tested = compare(coefficients, values, 0.95)
    assert tested
    assert tested.p_ranks == pytest.approx(2 / math.comb(8, 4))  # all of one kind above all of the other
    middle = (tested.paired_low + tested.paired_high) / 2
    assert middle == pytest.approx(np.mean([9.0, 10.8, 13.6, 17.4]))
    values["resnet-20"] = {seed + 1: value for seed, value in values["resnet-20"].items()}
    other = compare(coefficients, values, 0.95)
    assert other
    assert all(map(math.isnan, (other.paired_low, other.p_ranks)))
