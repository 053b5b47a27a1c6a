"""Published errors and ours, by hand."""

from __future__ import annotations

import re
from collections.abc import Callable

from resnet.report import answer
from resnet.report.topics import against_published as topic
from tests.report.conftest import Files


def verdicts(plan: Files) -> str:
    return plan.written(topic.verdicts, plan.params.report)


def test_the_other_methods_the_papers_nets_and_ours(files: Callable[..., Files]) -> None:
    plan = files("resnet-20", "resnet-B-20", "resnet-110", "plain-20", seeds=2)
    plan.train("plain-20")
    assert plan.written(topic.table_6) == ""  # the table has no plain nets
    plan.train_all({"resnet-20": (8.5, 8.7)})
    lines = [list(cells.values()) for cells in plan.rows_of(plan.written(topic.table_6))]
    assert lines[4:] == [
        ["Highway", "19", "2.3M", "7.72 ± 0.16, best 7.54", "–"],
        ["Highway", "32", "1.25M", "8.80", "–"],
        ["ResNet", "20", "0.27M", "8.75", "8.60 ± 0.14 (n = 2)"],
        ["ResNet", "110", "1.7M", "6.61 ± 0.16 (n = 5), best 6.43", "not run"],
    ]
    assert [line[0] for line in lines[:4]] == ["Maxout", "Network in Network", "DSN", "FitNet"]


def test_every_figure_has_a_verdict_and_its_numbers(files: Callable[..., Files]) -> None:
    plan = files("resnet-20", "plain-20", "resnet-32", seeds=2)
    plan.train_all({"resnet-20": (8.22, 8.42), "plain-20": (9.79,)})
    lines = plan.rows_of(verdicts(plan))
    # Mean 8.32, s = 0.1 sqrt(2), error s sqrt(3/2) = 0.1732, t(0.975, 1) = 12.7062.
    assert " | ".join(lines[0].values()) == (
        "resnet-20 | paper | 8.75 | 8.32 ± 0.14 (n = 2) | -0.43 (-2.63 to +1.77) | **undecided** | 0.244, 0.378 | "
        "prediction of a single run, n = 2"
    )
    assert [line["source"] for line in lines] == ["paper", "nabla0001", "akamaster", "nabla0001"]
    assert lines[2]["published, %"] == "8.27 (n = 1), 50k images"
    assert lines[3]["verdict"].startswith("undecided (one run")
    plan.train_all({"resnet-20": (8.72, 8.78), "resnet-32": (12.0, 12.1)})
    words = {line["net"]: line["verdict"] for line in plan.rows_of(verdicts(plan)) if line["source"] == "paper"}
    assert words == {"resnet-20": "**equivalent**", "resnet-32": "**different**"}


def test_the_answer_gives_the_shallowest_and_the_deepest_net_with_any_number_of_runs(
    files: Callable[..., Files],
) -> None:
    plan = files("resnet-20", "resnet-32", "resnet-56", seeds=2)
    plan.train_all({"resnet-20": (8.22, 8.42), "resnet-32": (7.5, 7.6), "resnet-56": (7.78,)})
    assert re.findall(r"\*\*([\d.]+) %", answer.reproduced(plan.results())) == ["8.32", "7.78"]


def test_nothing_published_applies_to_a_short_schedule_other_data_or_another_net(files: Callable[..., Files]) -> None:
    plan = files("resnet-20", "plain-20", seeds=2, train={"iterations": 400})
    assert verdicts(plan) == ""  # nothing was run
    plan.train("resnet-20", 0, 40.0)
    assert "Does not apply: not the paper" in verdicts(plan)
    assert plan.written(topic.table_6) == ""
    plan.train("resnet-20", 0, data=plan.data(official=False))
    assert "Does not apply: not the paper" in verdicts(plan)
    assert plan.written(topic.elsewhere) == ""
    plan = files("resnet-20", model={"shortcut": "B"})
    plan.train("resnet-20")
    assert plan.written(topic.table_6) == ""


def test_what_others_published_is_by_net_and_source(files: Callable[..., Files]) -> None:
    shown = files("plain-20", "resnet-110", "resnet-20", "plain-32", seeds=1).written(topic.elsewhere)
    rows = [line for line in shown.splitlines() if line.startswith(("| resnet", "| plain"))]
    assert rows[0] == "| resnet-20 | 8.51 ± 0.22 (n = 5) | 8.64 ± 0.16 (n = 5) | 8.27 (n = 1) |"
    assert [row.split(" | ")[0] for row in rows] == ["| resnet-20", "| resnet-110", "| plain-20"]
    assert "- resnet-110, nabla0001: " in shown


def test_others_weights_and_what_their_authors_give(files: Callable[..., Files]) -> None:
    plan = files("resnet-20")
    assert plan.topic(topic.weights(())) == ""
    plan.published("theirs", 20, source="https://github.com/akamaster/pytorch_resnet_cifar10")
    plan.published("other", 20, data="digits|", official=False, trained="")
    first, second = plan.rows_of(plan.topic(topic.weights(plan.results().published)))
    assert [first[x] for x in ("test error, %", "by their authors, %", "parameters")] == ["8.27", "8.27", "269,722"]
    assert [second[x] for x in ("by their authors, %", "trained on", "source")] == ["–", "not said", "not said"]
    assert second["test images"] == "10,000 of digits\\|"
