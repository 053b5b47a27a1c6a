"""Errors by hand: the one table and its figure, and every net with its seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from matplotlib.container import ErrorbarContainer

from resnet.report.results import Net
from resnet.report.table import as_markdown
from resnet.report.topics import errors
from tests.report.conftest import Files
from tests.report.drawn import assert_readable, drawn_line, y_of
from tests.report.made_up import a_plan, unpadded

Nets = Mapping[str, Net]


def one_table(plan: Files, others: Nets | None = None) -> list[dict[str, str]]:
    results = plan.results()
    return plan.rows_of(unpadded(as_markdown(errors.one_table(results.nets, results.data, others or {}))))


def every_net(plan: Files) -> tuple[str, dict[str, dict[str, str]]]:
    """The section as text, and the rows of its table by net; a mark may follow the name."""
    text = plan.written(errors.every_net, 0.95)
    return text, {cells["net"].split(" (")[0]: cells for cells in plan.rows_of(text)} if text else {}


def figure(plan: Files) -> Any:
    results = plan.results()
    return errors.figure(results.nets, results.data)


def points(drawn: Any) -> dict[str, list[float]]:
    """The errors of every series of markers, by its identifier."""
    bars = [series for axes in drawn.axes for series in axes.containers if isinstance(series, ErrorbarContainer)]
    return {str(line.get_gid()): [float(y) for y in line.get_ydata()] for line in (series[0] for series in bars)}


# The one table


def test_a_row_a_net_by_kind_and_depth(files: Callable[..., Files]) -> None:
    plan = files("plain-20", "resnet-110", "resnet-20", "resnet-B-20", "resnet-32", seeds=3)
    plan.train_all({"resnet-20": (8.4, 8.5, 8.6), "resnet-32": (7.5,)})
    plan.train("resnet-110", 0, status="interrupted", iteration=12_000)
    plan.throughput("resnet-20")
    rows = {row["net"]: row for row in one_table(plan)}
    assert [*rows] == ["resnet-20", "resnet-32", "resnet-110", "plain-20"]
    assert [*rows["resnet-20"]][3:5] == ["test error, % (runs)", "the paper, %"]
    assert " | ".join(rows["resnet-20"].values()) == (
        "resnet-20 | 269,722 | 40.55M | 8.50 ± 0.10 (3) | 8.75 | 10,240 ± 2,402 | 32,000 ± 3,695"
    )
    cells = [row["test error, % (runs)"] for row in rows.values()]
    assert cells[1:] == ["7.50 (1 of 3)", "interrupted at 12,000 of 64,000", "not run"]
    assert rows["plain-20"]["training, images/s"] == "not measured"


def test_another_plan_has_a_column_and_lends_its_throughput(files: Callable[..., Files], tmp_path: Path) -> None:
    whole, short = files("resnet-20", seeds=1), Files(a_plan("resnet-20", train={"iterations": 400}), tmp_path / "b")
    whole.train("resnet-20", 0, 8.0)
    short.train_all({"resnet-20": (30.0, 31.0, 32.0)})
    whole.throughput("resnet-20")
    (row,) = one_table(whole, short.results().nets)
    assert row["test error, % (runs)"] == "8.00 (1)"
    assert row["after 400 iterations, % (runs)"] == "31.00 ± 1.00 (3)"
    (row,) = one_table(short, whole.results().nets)
    assert [*row][3:5] == ["after 400 iterations, % (runs)", "test error, % (runs)"]
    assert row["training, images/s"] == "10,240 ± 2,402"
    assert "the paper, %" not in row


# The figure


def test_ours_filled_and_every_published_depth_hollow(files: Callable[..., Files]) -> None:
    plan = files("plain-20", "resnet-20", "resnet-B-20", "resnet-56", "resnet-110", seeds=3)
    plan.train_all({"plain-20": [9.0, 9.5, 10.0], "resnet-20": [8.0, 8.5, 9.0], "resnet-56": [7.0, 7.2]})
    plan.train_all({"resnet-B-20": [8.2, 8.2], "resnet-110": [6.5]})  # an ablation stays out, one run is not joined
    drawn = figure(plan)
    shown = points(drawn)
    assert shown["ours-plain-20"] == pytest.approx([9.5])
    assert [shown["ours-resnet-20"], shown["ours-resnet-56"]] == [pytest.approx([8.5]), pytest.approx([7.1])]
    assert (shown["paper-resnet"], shown["nabla0001-plain"]) == ([8.75, 6.97, 6.61], [9.78])
    assert y_of(drawn_line(drawn, "joined-resnet")) == pytest.approx([8.5, 7.1])
    residual, _ = drawn.axes
    assert [label.get_text() for label in residual.get_xticklabels()] == ["20\nn = 3", "56\nn = 2", "110\nn = 1"]
    assert y_of(drawn_line(drawn, "runs-plain-20")) == [9.0, 9.5, 10.0]
    assert_readable(drawn)


@pytest.mark.parametrize("official", [True, False])
def test_nothing_published_is_drawn_with_another_protocol(files: Callable[..., Files], official: bool) -> None:
    plan = files("resnet-20", "resnet-56", seeds=1, train={} if not official else {"iterations": 400})
    assert figure(plan) is None
    plan.train("resnet-20", data=plan.data(official=official))
    drawn = figure(plan)
    assert points(drawn).keys() == {"ours-resnet-20"}
    where = "CIFAR-10, 400 of the paper's 64,000 iterations" if official else "digits"
    assert drawn.get_suptitle() == f"Test error against depth on {where}"


# Every net


def test_every_net_and_seed_by_hand(files: Callable[..., Files]) -> None:
    plan = files("plain-20", "resnet-20", "resnet-32", "resnet-110")
    assert every_net(plan) == ("", {})
    plan.train_all({"plain-20": (20.0, 40.0), "resnet-20": (8.0, 9.0, 10.0)})
    plan.train("resnet-32", 1, 7.5)
    _, rows = every_net(plan)
    # 9 ± 4.302653 / sqrt(3)
    assert " | ".join(rows["resnet-20"].values()) == (
        "resnet-20 | 3 of 3 | 8.00 (seed 0), 9.00 (seed 1), 10.00 (seed 2) | 9.00 ± 1.00 (n = 3) | 6.52 to 11.48 | "
        "8.75 | 0.50 ± 0.00 (n = 3) | 9.00 ± 1.00 (n = 3)"
    )
    assert [*rows["resnet-32"].values()][1:5] == ["1 of 3", "7.50 (seed 1)", "7.50 (n = 1)", "–"]
    assert [*rows["resnet-110"].values()][1:6] == ["0 of 3", "not run", "–", "–", "6.61 ± 0.16 (n = 5), best 6.43"]
    # The interval is cut at what is possible.
    assert [*rows["plain-20"].values()][3:6] == ["30.00 ± 14.14 (n = 2)", "0.00 to 100.00", "–"]
    plan.train("resnet-20", 1, status="diverged", iteration=1234)
    _, rows = every_net(plan)
    # 8 and 10: sqrt(2) = 1.41. A seed that diverged is named and not averaged.
    seeds = "8.00 (seed 0), diverged at 1,234 of 64,000 (seed 1), 10.00 (seed 2)"
    assert [*rows["resnet-20"].values()][1:4] == ["2 of 3", seeds, "9.00 ± 1.41 (n = 2)"]


def test_a_net_off_the_protocol_is_marked_and_a_deviation_of_all_nets_marks_none(files: Callable[..., Files]) -> None:
    plan = files("resnet-B-20", "resnet-20", seeds=1, train={"iterations": 400})
    plan.train("resnet-20")
    rows = [[*row.values()] for row in every_net(plan)[1].values()]
    # The paper's figure is of option A.
    assert [(row[0], row[5]) for row in rows] == [("resnet-B-20 (option B)", "–"), ("resnet-20", "8.75")]
    plan.train("resnet-20", data=plan.data(official=False))
    text, rows_by_net = every_net(plan)
    assert rows_by_net["resnet-20"]["mean ± std"] == "8.75 (n = 1)"  # our own
    assert "paper" not in text
