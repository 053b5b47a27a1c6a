"""Published figures, as they stand beside ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from resnet.report.sections.published import elsewhere_section, verdicts_section, weights_section
from resnet.results import PublishedRecord, PublishedRecords


def test_every_figure_has_a_verdict_and_its_numbers(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "plain-20", seeds=2)
    plan.train("resnet-20", 0, 8.22)
    plan.train("resnet-20", 1, 8.42)
    plan.train("plain-20", 0, 9.79)
    lines = plan.rows(verdicts_section)
    # Mean 8.32, s = 0.1 sqrt(2), error s sqrt(3/2) = 0.1732, t(0.975, 1) = 12.7062.
    assert lines[0] == {
        "net": "resnet-20",
        "source": "paper",
        "published, %": "8.75",
        "ours, %": "8.32 ± 0.14 (n = 2)",
        "ours minus theirs (95 % interval)": "-0.43 (-2.63 to +1.77)",
        "verdict": "**undecided**",
        "p of difference, of TOST": "0.244, 0.378",
        "test": "prediction of a single run, n = 2",
    }
    columns = list(lines[0])
    assert columns.index("ours minus theirs (95 % interval)") < columns.index("verdict")
    assert [line["source"] for line in lines] == ["paper", "nabla0001", "akamaster", "nabla0001"]
    assert lines[2]["published, %"] == "8.27 (n = 1), 50k images"
    assert lines[3]["verdict"] == "undecided (one seed shows no spread)"


def test_they_do_not_apply_to_a_short_schedule_or_other_data(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=2, train={"iterations": 400})
    assert plan.text(verdicts_section).strip() == ""  # nothing was run
    for seed in range(2):
        plan.train("resnet-20", seed, 40.0 + seed)
    assert "Does not apply: these are runs on another schedule than the paper's" in plan.text(verdicts_section)
    plan.train("resnet-20", 0, data=plan.data(official=False))
    assert "Does not apply: these are runs on other data" in plan.text(verdicts_section)


def test_what_others_published_stands_by_net_and_source(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-110", "plain-32", seeds=1)
    text = plan.text(elsewhere_section)
    assert "| resnet-20 | 8.51 ± 0.22 (n = 5) | 8.64 ± 0.16 (n = 5) | 8.27 (n = 1) |" in text
    assert "plain-32" not in text  # nothing is published of it
    assert "[nabla0001/resnet](https://github.com/nabla0001/resnet): 45,000 training images" in text
    assert "- resnet-110, nabla0001: Its schedule goes from 0.1 to 0.001" in text
    plan.train("resnet-20", data=plan.data(official=False))
    assert plan.text(elsewhere_section).strip() == ""


def test_others_weights_have_rows_of_their_own(files: Callable[..., Any]) -> None:
    plan = files("resnet-20")
    assert plan.text(weights_section).strip() == ""
    weights = PublishedRecord(
        net="resnet",
        depth=20,
        shortcut="A",
        weights="file.th",
        data="digits|",
        official=False,
        data_fingerprint="x",
        images=10_000,
        wrong=827,
        test_error=8.27,
        test_loss=0.4,
        name="theirs",
        source="",
        parameters=269_722,
        weights_sha256="x",
        normalisation="mean",
        trained="50k images",
    )
    PublishedRecords(evaluations=(weights,), system=plan.system()).write(plan.runs / "published.json")
    text = plan.text(weights_section)
    line = "| theirs | resnet-20, shortcut A | 269,722 | 8.27 | 10,000 of digits\\| | 50k images | mean | not said |"
    assert line in text
