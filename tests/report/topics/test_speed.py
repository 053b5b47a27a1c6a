"""Speed and memory, by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from resnet.report.style import style
from resnet.report.topics import speed
from tests.report.drawn import assert_readable, assert_room_for_axes, y_of


def line(plan: Any, name: str) -> dict[str, str]:
    """A net's row of the table."""
    rows: list[dict[str, str]] = plan.rows_of(plan.topic(speed.every_net(plan.results().nets)))
    return next(row for row in rows if row["net"] == name)


def test_memory_and_training_time_of_a_net(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-32", "resnet-44", seeds=2)
    plan.throughput("resnet-20")
    for seed, seconds in enumerate((1200.0, 1260.0)):
        plan.train("resnet-20", seed, seconds=seconds)
    plan.train("resnet-44", status="interrupted")
    memory, time = "2.0 GiB (a training step)", "20.5 ± 0.7 min (n = 2) on Example GPU"
    assert line(plan, "resnet-20") == {"net": "resnet-20", "peak memory": memory, "training time a seed": time}
    assert [*line(plan, "resnet-32").values()][1:] == ["not measured", "–"]
    assert [*line(plan, "resnet-44").values()][1:] == ["3.0 GiB (whole run)", "–"]
    text = plan.topic(speed.every_net(plan.results().nets))
    assert "Images/s and memory of resnet-20: batch 128, bf16, 3 repeats of 5 steps, on Example GPU" in text


def test_times_of_machines_are_not_averaged(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=3)
    first, second = plan.system(), plan.system(device_name="Other GPU")
    plan.train("resnet-20", 0, seconds=1200.0, systems=[first])
    plan.train("resnet-20", 1, seconds=600.0, systems=[second])
    plan.train("resnet-20", 2, seconds=999.0, systems=[first, second])
    one, other = (system.timed_on for system in (first, second))
    time = line(plan, "resnet-20")["training time a seed"]
    assert time == f"20.0 min (n = 1) on {one}; 10.0 min (n = 1) on {other}"


def test_speed_is_drawn_at_the_medians(files: Callable[..., Any]) -> None:
    plan = files("plain-20", "resnet-20", "resnet-56", seeds=1)
    assert speed.figure(plan.results().nets) is None
    plan.throughput("plain-20")
    plan.throughput("resnet-20")
    plan.throughput("resnet-56", training_seconds=[0.04, 0.05, 0.05])
    drawn: Any = speed.figure(plan.results().nets)
    training, inference = drawn.axes
    assert (training.get_xscale(), training.get_yscale()) == ("log", "log")
    assert [y_of(bars.lines[0]) for bars in training.containers] == [[10_240.0, 2_560.0], [10_240.0]]
    assert [y_of(bars.lines[0]) for bars in inference.containers] == [[32_000.0, 32_000.0], [32_000.0]]


@pytest.mark.filterwarnings("error")
def test_machines_are_lines_that_leave_room_for_the_axes(files: Callable[..., Any]) -> None:
    plan = files(*(f"resnet-{depth}" for depth in range(8, 68, 6)), seeds=1)
    for k, name in enumerate(plan.params.models):
        plan.throughput(name, system=plan.system(device_name=f"A processor with a long name, model {k % 2}"))
    with style():
        drawn = speed.figure(plan.results().nets)
        assert_readable(drawn)
    assert len(drawn.legends[0].get_texts()) == 2  # type: ignore[union-attr]
    assert_room_for_axes(drawn)


def test_ratios_are_those_within_the_rounds(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=1)
    assert plan.topic(speed.usual_loop([], None)) == ""
    plan.usual_loop()
    text = plan.topic(speed.usual_loop(plan.results().usual_loop, "../runs"))
    # Ratios within the rounds: 3, 2.5 and 4.
    assert "| 3.00 (2.50 to 4.00, n = 3) | [usual-loop/cpu-resnet-20.json](../runs/usual-loop/" in text
    assert "200.0 ± 100.0 (n = 3), fp32" in text
