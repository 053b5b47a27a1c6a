"""The sentences of the claims, and the one line of those that are not tested."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from resnet.report.analysis.claims import claims
from resnet.report.sections.claims import section

AS_PUBLISHED = {"resnet-20": (8.6, 8.7, 8.8), "resnet-56": (6.9, 7.0, 7.1)}


def told(plan: Any) -> str:
    """The section's text."""
    return str(plan.text(section, judged=claims(plan.tables())))


def run(plan: Any, errors: Mapping[str, Sequence[float]], **options: Any) -> None:
    for name, values in errors.items():
        for seed, error in enumerate(values):
            plan.train(name, seed, error, training_error=error, **options)


def test_the_sentence_carries_its_test(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56")
    run(plan, AS_PUBLISHED)
    # Both have a std of 0.1: Welch has 4 degrees, error 0.1 sqrt(2/3), t(0.975, 4) = 2.776445: 1.7 ± 0.2267.
    text = told(plan)
    assert (
        "- **Shown: -1.93 to -1.47 points**. Test error falls from resnet-20 to resnet-56: -1.70 points (Welch's t, "
        "n = 3 and 3; p < 0.0001, corrected < 0.0001)."
    ) in text
    assert "**Primary claims** (1 shown, corrected over 1 planned test (Holm))" in text
    assert "The interval is the 95 % one of the difference" in text


def test_verdicts_are_counted_and_the_untested_are_one_line(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56", "plain-20", "plain-56")
    run(plan, {"resnet-20": (7.0, 8.0, 9.0), "resnet-56": (6.5, 7.8, 9.2), "plain-20": (9.0,)})
    text = told(plan)
    assert "**Primary claims** (1 undecided and 2 not tested, corrected over 3 planned tests (Holm))" in text
    # Variances 1 and 1.8233: error 0.9701, 3.687 degrees, t(0.975) = 2.871: -0.167 ± 2.785.
    assert "- **Undecided: -2.95 to +2.62 points**. Test error falls from resnet-20 to resnet-56: -0.17 points" in text
    untested = [line for line in text.splitlines() if line.startswith("- **Not tested**")]
    assert untested == [
        "- **Not tested**: 2 claims, see [claims.csv](claims.csv). Runs of plain-56 are missing.",
        "- **Not tested**: 5 claims, see [claims.csv](claims.csv). "
        "Runs of plain-56 are missing. Layer responses of plain-20, resnet-20 and resnet-56 are missing.",
    ]
    assert "(interim" not in text


def test_a_verdict_is_interim_while_seeds_are_missing(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56", seeds=4)
    run(plan, AS_PUBLISHED)
    assert "points** (interim, seeds are missing). Test error falls" in told(plan)


def test_reasons_other_than_missing_runs_are_said(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56")
    run(plan, {"resnet-20": (7.0, 8.0), "resnet-56": (6.5,)})
    assert "One seed of resnet-56 shows no spread." in told(plan)
    assert "The interval is" not in told(plan)  # nothing was tested


def test_what_several_claims_lack_is_said_once(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56", "plain-20", "plain-56")
    run(plan, {"resnet-20": (7.0, 8.0), "resnet-56": (6.5,), "plain-20": (9.8, 9.9), "plain-56": (12.0,)})
    for name, depth in (("resnet-20", 20), ("plain-20", 20), ("resnet-56", 56), ("plain-56", 56)):
        plan.responses(name, [0.6] * (depth - 1))
    primary, secondary = (line for line in told(plan).splitlines() if line.startswith("- **Not tested**"))
    assert primary.endswith("[claims.csv](claims.csv). One seed of plain-56 and resnet-56 shows no spread.")
    assert secondary.endswith(
        "[claims.csv](claims.csv). One seed of plain-56 and resnet-56 shows no spread. "
        "One seed with layer responses of plain-20 and resnet-20 shows no spread."
    )


def test_other_data_and_schedules_label_every_sentence(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56", train={"iterations": 400})
    run(plan, AS_PUBLISHED, data=plan.data(official=False))
    label = "points** (on digits, 400 of the paper's 64,000 iterations). Test error falls"
    assert label in told(plan)


def test_a_plan_of_one_net_claims_nothing(files: Callable[..., Any]) -> None:
    assert "The plan holds no two nets" in told(files("resnet-20"))
    assert told(files()).strip() == ""
