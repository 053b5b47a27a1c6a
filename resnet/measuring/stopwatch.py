"""The one way to time a step: warmed up, then rounds of several steps between two readings of a clock.

Steps that are compared are timed in turn, a round of each, so that a busy machine meets all alike.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

import torch

from resnet.system import Machine, captured

Step = Callable[[], object]
"""One call is one step; it need not wait for the device."""

Clock = Callable[[], float]
"""A call gives seconds since any moment."""


def wall_clock(machine: Machine) -> Clock:
    """The host's clock, read when the device has done all that it was given, on whatever stream."""

    def read() -> float:
        machine.synchronise()
        return time.perf_counter()

    return read


def time_round(step: Step, clock: Clock, steps: int) -> float:
    """Seconds of one step, from `steps` of them between two readings of the clock."""
    began = clock()
    for _ in range(steps):
        step()
    return (clock() - began) / steps


def steps_that_fill(step: Step, clock: Clock, seconds: float) -> tuple[int, float]:
    """Warm a step up and time it once.

    Returns:
        How many steps last about `seconds`, one at least, and the seconds of one.
    """
    time_round(step, clock, 1)
    once = max(time_round(step, clock, 1), 1e-7)
    return max(1, math.ceil(seconds / once)), once


def time_in_turn(
    steps: Sequence[Step], clock: Clock, lengths: Sequence[int], rounds: int, warmup: int = 0
) -> list[tuple[float, ...]]:
    """Time several steps in turn.

    Args:
        steps: what is timed.
        clock: waits for the device.
        lengths: of each step, how often a round repeats it.
        rounds: of each step.
        warmup: runs before every round, untimed.

    Returns:
        Of each step, the seconds that one takes, one figure a round.
    """
    figures: list[list[float]] = [[] for _ in steps]
    for _ in range(rounds):
        for step, length, seconds in zip(steps, lengths, figures, strict=True):
            for _ in range(warmup):
                step()
            seconds.append(time_round(step, clock, length))
    return [tuple(seconds) for seconds in figures]


def graphed(step: Step) -> Step | None:
    """Capture a step, which uses the same memory at every call, as a CUDA graph; None if that cannot be done here.

    A call of what it gives replays the graph and does not wait for its end.
    """
    result: object = None

    def kept() -> None:
        nonlocal result
        result = step()  # the graph writes into what it returned: it must outlive it

    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):  # libraries set themselves up
            kept()
    torch.cuda.current_stream().wait_stream(side)
    graph = captured(kept)
    if graph is None:
        return None

    def replay() -> object:
        graph.replay()
        return result

    return replay
