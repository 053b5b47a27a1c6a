"""Sweeps: what is said of the order of depths, the table and the figure."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from resnet.report.section import Picture
from resnet.report.topics import tuning
from resnet.results import SweepRecord
from tests.report.conftest import Files
from tests.report.drawn import assert_readable
from tests.report.made_up import a_sweep, some_data

FIRST = a_sweep(20, 12.0, 11.0)


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (a_sweep(56, 9.0, 8.0), "resnet-56 \\< resnet-20, the same as with the own values."),
        (a_sweep(56, 12.5, 8.0), "resnet-56 \\< resnet-20, with the own values resnet-20 \\< resnet-56."),
        # Of 11.0 and 10.5 % over 5,000 images: sqrt(11 * 89 / 5000 + 10.5 * 89.5 / 5000) = 0.62
        (a_sweep(56, 11.5, 10.5), "Within two standard errors for 5,000 images: resnet-56 and resnet-20."),
        (a_sweep(56, 9.0, 8.0, status="interrupted"), "own values that diverge: resnet-56."),
        (a_sweep(56, None, 8.0), "own values that diverge: resnet-56."),
        (a_sweep(56, 9.0, 8.0, precision="fp32"), "precision differ between the nets."),
        (a_sweep(56, 9.0, 8.0, settings={"sweep": {"trials": 5}}), "precision differ between the nets."),
    ],
)
def test_whether_the_order_survives(second: SweepRecord, said: str) -> None:
    (sentence,) = tuning.orders([FIRST, second])
    assert said in sentence


def test_the_table_and_the_figure_come_and_go_with_the_sweeps(files: Callable[..., Files]) -> None:
    plan = files()
    assert plan.topic(tuning.tuned([])) == ""
    assert list(tuning.orders([FIRST])) == []
    second = a_sweep(56, None, 8.0, status="interrupted", data=some_data(official=False), settings={"sweep": {}})
    sweeps = [FIRST, second]
    section = tuning.tuned(sweeps)
    text = plan.topic(section._replace(blocks=tuple(x for x in section.blocks if not isinstance(x, Picture))))
    assert "| resnet-20 | 2 of 8,000 iterations (2 complete) | 12.00 | 11.00 | 0.3 | 0.0001 | no |" in text
    assert "| resnet-56 | 2 of 8,000 iterations (1 complete, 1 diverged) | – | 8.00 |" in text
    assert "- On digits, not the official CIFAR-10." in text
    drawn = tuning.figure(sweeps)
    assert drawn is not None
    assert len(drawn.axes) == 6
    points = [line.get_xydata()[0].tolist() for line in drawn.axes[0].lines if line.get_linestyle() == "None"]  # type: ignore[index, union-attr]
    assert points == [[0.0, 12.0], [1.0, 11.0]]
    assert [axes.get_ylabel().split("\n")[0] for axes in drawn.axes[::3]] == ["resnet-20 (n = 2)", "resnet-56 (n = 1)"]
    assert_readable(drawn)


def test_a_sweep_without_any_measurement_draws_nothing() -> None:
    (trial, *_) = a_sweep(20, None, 8.0).trials
    sweep = a_sweep(20, None, 8.0, status="interrupted", trials=(trial,))
    assert tuning.figure([sweep]) is None
    assert tuning.tuned([sweep]).blocks[0].rows[0][3].text == "–"  # type: ignore[union-attr]
