"""The stopwatch with a clock that the steps themselves move on; on a GPU, that a clock waits for the device."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from resnet.measuring.stopwatch import steps_that_fill, time_in_turn, time_round, wall_clock
from resnet.system import Machine


class Laboratory:
    """A clock of its own, and steps that take as long as they say."""

    def __init__(self) -> None:
        self.now = 0.0
        self.done: list[str] = []

    def clock(self) -> float:
        return self.now

    def step(self, name: str, *seconds: float) -> Callable[[], None]:
        """A step whose calls last these seconds, and then the last of them."""
        durations = list(seconds)

        def step() -> None:
            self.done.append(name)
            self.now += durations.pop(0) if len(durations) > 1 else durations[0]

        return step


def test_a_round_gives_the_seconds_of_one_step() -> None:
    laboratory = Laboratory()
    assert time_round(laboratory.step("a", 1.0, 2.0, 6.0), laboratory.clock, 3) == 3.0


def test_steps_fill_a_round_after_one_that_warms_up() -> None:
    laboratory = Laboratory()
    assert steps_that_fill(laboratory.step("a", 9.0, 0.25), laboratory.clock, 1.9) == (8, 0.25)
    assert len(laboratory.done) == 2
    assert steps_that_fill(laboratory.step("b", 5.0), laboratory.clock, 1.0) == (1, 5.0)
    # A step below what the clock resolves fills a round all the same.
    steps, once = steps_that_fill(laboratory.step("c", 0.0), laboratory.clock, 0.001)
    assert (steps, once) == (10_000, 1e-7)


def test_steps_take_turns_and_warm_up_untimed_before_each() -> None:
    laboratory = Laboratory()
    steps = [laboratory.step("a", 7.0, 1.0, 2.0, 7.0, 3.0, 4.0), laboratory.step("b", 9.0, 5.0, 9.0, 6.0)]
    seconds = time_in_turn(steps, laboratory.clock, [2, 1], rounds=2, warmup=1)
    assert seconds == [(1.5, 3.5), (5.0, 6.0)]
    assert "".join(laboratory.done) == "aaabb" * 2


def test_a_clock_goes_forward(device: torch.device) -> None:
    read = wall_clock(Machine(device, "fp32"))
    readings = [read() for _ in range(5)]
    assert readings == sorted(readings)


@pytest.mark.gpu
def test_the_clock_waits_for_every_stream_of_a_gpu() -> None:
    stream = torch.cuda.Stream()

    def step() -> None:
        with torch.cuda.stream(stream):
            torch.cuda._sleep(200_000_000)  # a GPU's clock runs at 2.1 GHz at most: a tenth of a second, near enough

    assert time_round(step, wall_clock(Machine(torch.device("cuda"), "fp32")), 1) > 0.09
