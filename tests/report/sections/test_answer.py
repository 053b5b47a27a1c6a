"""The answer in three sentences, for each state of a plan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from resnet.report.analysis.claims import claims
from resnet.report.sections.answer import section, sentences


def answer(plan: Any) -> list[str]:
    """The sentences, without their bullets."""
    tables = plan.tables()
    title, *lines = section(sentences(tables, claims(tables), "dvc repro")).text.splitlines()
    assert title.startswith("# ")
    told = [line.removeprefix("- ") for line in lines if line]
    assert len(told) <= 3
    return told


def test_a_few_seeds_of_the_papers_protocol(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "plain-20", "resnet-56", "plain-56", seeds=5)
    for name in plan.params.models:
        plan.describe(name)
    plan.train("resnet-20", 0, 8.22, seconds=36_000.0)
    plan.train("resnet-20", 1, 8.42, seconds=36_000.0)
    plan.train("plain-20", 0, 9.79, seconds=36_000.0)
    first, second, third = answer(plan)
    assert first == (
        "**Reproduced? Undecided**: test error of resnet-20 **8.32 %** (95 % interval 7.05 to 9.59, 2 seeds), the "
        "paper's 8.75 %; more seeds must tell whether that is the same within 0.5 points."
    )
    assert second == (
        "**Depth: nothing can be said**: a claim needs two seeds of each of its nets, and so far there is one of "
        "plain-20 and none of plain-56 and resnet-56."
    )
    # 7 runs of 10 hours, and 10 of 125.49 / 40.55 times that; the plan's limit is 24.
    assert third == (
        "**Left: 17 of 20 runs**, about 379 h (16 days) on Example GPU at the measured speed: `dvc repro`, with "
        "`limits.hours` raised from 24."
    )


def test_what_is_reproduced_and_what_is_not(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-32", "resnet-110", "resnet-1202", seeds=5)
    errors = {"resnet-20": 8.75, "resnet-32": 9.5, "resnet-110": 6.6, "resnet-1202": 7.9}
    for name, error in errors.items():
        for seed in range(1 if name == "resnet-1202" else 5):
            plan.train(name, seed, error + 0.02 * (seed - 2))
    first = answer(plan)[0]
    assert first.startswith("**Reproduced: ")
    assert "within 0.5 points of the paper's test error: resnet-20" in first
    assert "different: resnet-32" in first
    assert "undecided: resnet-1202" in first
    # The shallowest and the deepest up to 110 layers stand for all.
    assert "(resnet-20 **8.75 %** (95 % interval" in first
    assert "resnet-110 **6.60 %** (95 % interval 6.56 to 6.64, 5 seeds), the paper's 6.61 ± 0.16 %)." in first


def test_a_shortened_schedule_stands_beside_nothing(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56", seeds=1, train={"iterations": 6400})
    plan.train("resnet-56", 0, 20.28, seconds=6400.0)
    plan.describe("resnet-20")
    first, _, third = answer(plan)
    assert first == (
        "**Not the paper's experiment**: shortened schedule: 6,400 of the paper's 64,000 iterations; test error here: "
        "resnet-56 **20.28 %** (1 seed)."
    )
    assert third.startswith("**Left: 1 of 2 runs**, about 34.5 min on Example GPU at the measured speed: `dvc repro`.")


def test_other_data_are_said_not_to_compare(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-1202", seeds=1)
    plan.params.models["resnet-1202"].train["iterations"] = 2
    data = plan.data(official=False, name="a|b <script>")
    plan.train("resnet-20", 0, 40.0, data=data)
    plan.train("resnet-1202", 0, 90.0, data=data)
    first, *_, last = answer(plan)
    assert first.startswith("**Errors are NOT comparable with the paper's**: the data are a\\|b \\<script\\>, not the")
    assert first.endswith("test error here: resnet-20 **40.00 %** (1 seed).")
    assert last == "**Left: nothing**; all 2 planned runs have been made."


def test_a_run_of_other_settings_is_shown_and_left_to_do(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=2)
    plan.train("resnet-20", 0, 8.22, seconds=36_000.0)
    plan.train("resnet-20", 1, 8.42, train={"log_every": 50})
    assert answer(plan)[-1] == (
        "**Left: 1 of 2 runs** (1 of them begun with other settings, or another version, than the plan's), about "
        "10.0 h on Example GPU at the measured speed: `dvc repro`."
    )


def test_the_verdicts_of_the_primary_claims(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56", seeds=4)
    plan.train("resnet-20", 0, 8.5)
    plan.train("resnet-20", 1, 8.6)
    needs = "**Depth: nothing can be said**: a claim needs two seeds of each of its nets, and so far there is"
    assert answer(plan)[1] == f"{needs} none of resnet-56."
    plan.train("resnet-56", 0, 7.0)
    assert answer(plan)[1] == f"{needs} one of resnet-56."
    plan.train("resnet-56", 1, 8.9)
    statement = "**Depth**: test error falls from resnet-20 to resnet-56"
    assert answer(plan)[1].startswith(f"{statement} (**undecided**, -12.")  # with two seeds the interval is wide
    assert answer(plan)[1].endswith(" points). Interim: 4 of 8 seeds of these nets are done.")
    for seed in (1, 2, 3):
        plan.train("resnet-56", seed, 7.0 + 0.1 * seed)
        plan.train("resnet-20", seed, 8.5 + 0.1 * seed)
    assert answer(plan)[1] == f"{statement} (**shown**, -1.50 points)."


def test_claims_that_lack_seeds_beside_others(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56", "plain-20", "plain-56", seeds=3)
    for seed in range(3):
        plan.train("resnet-20", seed, 8.5 + 0.1 * seed)
        plan.train("resnet-56", seed, 7.0 + 0.1 * seed)
    plan.train("plain-56", 0, 13.0)
    # No word of the interim: what was tested has all its seeds.
    assert answer(plan)[1].endswith("; 2 not tested (too few seeds: one of plain-56 and none of plain-20).")


def test_a_net_of_one_planned_seed_does_not_stand_for_the_deepest(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56", "resnet-110", seeds=2, train={"iterations": 6400})
    plan.params.models["resnet-110"].train["seeds"] = 1
    for name in ("resnet-20", "resnet-56", "resnet-110"):
        plan.train(name, 0, 14.0)
    assert "resnet-20 **14.00 %** (1 seed) and resnet-56 **14.00 %** (1 seed)." in answer(plan)[0]


def test_nothing_run_and_no_net(files: Callable[..., Any]) -> None:
    assert answer(files("resnet-20"))[0] == "**Nothing has been trained yet.**"
    plan = files("resnet-20", seeds=1)
    plan.train("resnet-20", status="interrupted", iteration=0)
    assert answer(plan)[0] == "**No run is done yet.**"
    assert answer(files()) == ["The parameters name no net: there is nothing to report."]
