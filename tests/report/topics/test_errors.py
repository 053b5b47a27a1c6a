"""Errors by hand: the one table and its figure, every net, and seed by seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure

from resnet.report.results import Net
from resnet.report.table import as_markdown
from resnet.report.topics import errors
from tests.report.conftest import Files
from tests.report.drawn import assert_room_for_axes, drawn_line, y_of
from tests.report.made_up import a_plan, unpadded

Nets = Mapping[str, Net]


def one_table(plan: Files, others: Nets | None = None) -> list[dict[str, str]]:
    results = plan.results()
    return plan.rows_of(unpadded(as_markdown(errors.one_table(results.nets, results.data, others or {}))))


def every_net(plan: Files) -> tuple[str, dict[str, dict[str, str]]]:
    """The section as text, and the rows of its table by net; a mark may follow the name."""
    results = plan.results()
    text = plan.topic(errors.every_net(results.nets, results.data))
    return text, {cells["net"].split(" (")[0]: cells for cells in plan.rows_of(text)} if text else {}


def figure(plan: Files) -> Figure | None:
    results = plan.results()
    return errors.figure(results.nets, results.data)


def points(drawn: Figure | None) -> dict[str, list[float]]:
    """The errors of every series of markers, by its identifier."""
    assert drawn is not None
    bars = [series for axes in drawn.axes for series in axes.containers if isinstance(series, ErrorbarContainer)]
    return {str(line.get_gid()): [float(y) for y in line.get_ydata()] for line in (series[0] for series in bars)}


# The one table


def test_a_row_a_net_by_kind_and_depth(files: Callable[..., Files]) -> None:
    plan = files("plain-20", "resnet-110", "resnet-20", "resnet-B-20", "resnet-32", seeds=3)
    for seed, error in enumerate((8.4, 8.5, 8.6)):
        plan.train("resnet-20", seed, error)
    plan.train("resnet-32", 0, 7.5)
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
    for seed in range(3):
        short.train("resnet-20", seed, 30.0 + seed)
    whole.throughput("resnet-20")
    (row,) = one_table(whole, short.results().nets)
    assert row["test error, % (runs)"] == "8.00 (1)"
    assert row["after 400 iterations, % (runs)"] == "31.00 ± 1.00 (3)"
    (row,) = one_table(short, whole.results().nets)
    assert [*row][3:5] == ["after 400 iterations, % (runs)", "test error, % (runs)"]
    assert row["training, images/s"] == "10,240 ± 2,402"
    assert "the paper, %" not in row


def test_runs_of_other_settings_do_not_count(files: Callable[..., Files]) -> None:
    plan = files("resnet-32", "resnet-1202", seeds=2)
    plan.train("resnet-32", 0, 7.5)
    plan.train("resnet-32", 1, 99.0, train={"momentum": 0.8})
    plan.train("resnet-1202", 0, train={"momentum": 0.8})
    assert [row["test error, % (runs)"] for row in one_table(plan)] == ["7.50 (1 of 2)", "not run"]
    left_out = [file for file, _ in plan.results().not_counted]
    assert left_out == ["train/resnet-32/seed-1/metrics.json", "train/resnet-1202/seed-0/metrics.json"]


# The figure


def test_ours_filled_and_every_published_depth_hollow(files: Callable[..., Files]) -> None:
    plan = files("plain-20", "resnet-20", "resnet-56", seeds=3)
    by_net = {"plain-20": [9.0, 9.5, 10.0], "resnet-20": [8.0, 8.5, 9.0], "resnet-56": [7.0, 7.2]}
    for name, values in by_net.items():
        for seed, error in enumerate(values):
            plan.train(name, seed, error)
    drawn = figure(plan)
    shown = points(drawn)
    assert shown["ours-plain-20"] == pytest.approx([9.5])
    assert [shown["ours-resnet-20"], shown["ours-resnet-56"]] == [pytest.approx([8.5]), pytest.approx([7.1])]
    assert (shown["paper-resnet"], shown["nabla0001-plain"]) == ([8.75, 6.97], [9.78])
    assert drawn is not None
    residual, _ = drawn.axes
    assert [label.get_text() for label in residual.get_xticklabels()] == ["20\nn = 3", "56\nn = 2"]
    assert y_of(drawn_line(drawn, "runs-plain-20")) == [9.0, 9.5, 10.0]
    assert_room_for_axes(drawn)


@pytest.mark.parametrize("official", [True, False])
def test_nothing_published_is_drawn_with_another_protocol(files: Callable[..., Files], official: bool) -> None:
    plan = files("resnet-20", "resnet-56", seeds=1, train={} if not official else {"iterations": 400})
    assert figure(plan) is None
    plan.train("resnet-20", data=plan.data(official=official))
    drawn = figure(plan)
    assert points(drawn).keys() == {"ours-resnet-20"}
    assert drawn is not None
    where = "CIFAR-10, 400 of the paper's 64,000 iterations" if official else "digits"
    assert drawn.get_suptitle() == f"Test error against depth on {where}"


def test_ablations_stay_out_of_the_figure_and_one_run_is_not_joined(files: Callable[..., Files]) -> None:
    plan = files("resnet-20", "resnet-B-20", "resnet-56", "resnet-110", seeds=2)
    for name, error in (("resnet-20", 8.0), ("resnet-B-20", 8.2), ("resnet-56", 7.0)):
        plan.train(name, 0, error)
        plan.train(name, 1, error)
    plan.train("resnet-110", 0, 6.5)
    drawn = figure(plan)
    assert points(drawn)["ours-resnet-20"] == [8.0]
    assert drawn is not None
    assert y_of(drawn_line(drawn, "joined-resnet")) == [8.0, 7.0]


# Every net


def test_the_table_by_hand(files: Callable[..., Files]) -> None:
    plan = files("plain-20", "resnet-20", "resnet-32", "resnet-110")
    assert every_net(plan) == ("", {})
    for name in ("plain-20", "resnet-20"):
        for seed, error in enumerate([8.0, 9.0, 10.0]):
            plan.train(name, seed, error)
    plan.train("resnet-32", 1, 7.5)
    text, rows = every_net(plan)
    assert " | ".join(rows["resnet-20"].values()) == (
        "resnet-20 | 3 of 3 | 9.00 ± 1.00 (n = 3) | 8.75 | 0.50 ± 0.00 (n = 3) | 9.00 ± 1.00 (n = 3)"
    )
    assert [*rows["resnet-32"].values()][1:3] == ["1 of 3", "7.50 (n = 1)"]
    assert [*rows["resnet-110"].values()][1:4] == ["0 of 3", "not run", "6.61 ± 0.16 (n = 5), best 6.43"]
    assert rows["plain-20"]["paper's test error, %"] == "–"
    assert "- resnet-32: seeds 0 and 2 not run." in text


def test_diverged_and_interrupted_seeds_are_counted_and_not_averaged(files: Callable[..., Files]) -> None:
    plan = files("resnet-20", "resnet-32", seeds=5)
    for seed in range(4):
        plan.train("resnet-20", seed, 8.0 + seed)
    plan.train("resnet-20", 4, status="diverged", iteration=1234)
    plan.train("resnet-32", 0, status="interrupted", iteration=0)
    text, rows = every_net(plan)
    # The deviations are ±1.5 and ±0.5: sqrt(5 / 3) = 1.29
    assert [*rows["resnet-20"].values()][1:3] == ["4 of 5 (1 diverged)", "9.50 ± 1.29 (n = 4)"]
    assert "- resnet-20: diverged at 1,234 of 64,000 (seed 4)." in text
    assert rows["resnet-32"]["test error, %"].startswith("interrupted at 0 of 64,000")


def test_a_net_off_the_protocol_is_marked_and_a_deviation_of_all_nets_marks_none(files: Callable[..., Files]) -> None:
    plan = files("resnet-B-20", "resnet-20", seeds=1, train={"iterations": 400})
    plan.train("resnet-20")
    plan.train("resnet-B-20")
    rows = [[*row.values()] for row in every_net(plan)[1].values()]
    # The paper's figure is of option A.
    assert [(row[0], row[3]) for row in rows] == [("resnet-B-20 (option B)", "–"), ("resnet-20", "8.75")]


def test_other_data_has_no_errors_of_the_paper(files: Callable[..., Files]) -> None:
    plan = files("plain-20", "resnet-20", seeds=1)
    plan.train("resnet-20", data=plan.data(official=False))
    text, rows = every_net(plan)
    assert rows["resnet-20"]["test error, %"] == "8.75 (n = 1)"  # our own
    assert "paper" not in text


# Seed by seed


def test_every_seed_and_the_interval_of_the_mean(files: Callable[..., Files]) -> None:
    plan = files("resnet-20", "resnet-32", "resnet-56")
    assert plan.topic(errors.seed_by_seed(plan.results().nets, 0.95)) == ""
    for name, seed, error in [("resnet-20", seed, 8.0 + seed) for seed in range(3)]:
        plan.train(name, seed, error)
    plan.train("resnet-32", 0, 20.0)
    plan.train("resnet-32", 1, 40.0)
    plan.train("resnet-56", 1, 8.75)
    text = plan.topic(errors.seed_by_seed(plan.results().nets, 0.95))
    # 9 ± 4.302653 / sqrt(3)
    line = "| resnet-20 | 8.00 (seed 0), 9.00 (seed 1), 10.00 (seed 2) | 9.00 ± 1.00 (n = 3) | 6.52 to 11.48 |"
    assert line in text
    assert "| 30.00 ± 14.14 (n = 2) | 0.00 to 100.00 |" in text  # cut at what is possible
    assert "| resnet-56 | 8.75 (seed 1) | 8.75 (n = 1) | – |" in text
