"""When nets begin to learn: until then they guess, and in a short schedule that is a good part of it."""

import math
import statistics
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from pandas import DataFrame

from resnet.report.analysis.curves import drawn_runs
from resnet.report.analysis.nets import series
from resnet.report.tables import Tables, select


def first_below(curve: DataFrame, window: int, error: float) -> int | None:
    """The iteration after which the training error of the last iterations is below a bound for the first time.

    Args:
        curve: rows with `iteration`, and the mean `training_error` in % of the iterations since the row before.
        window: over how many iterations the error is averaged, at least; more where no row is as near.
        error: the bound in %.

    Returns:
        None where it never is.
    """
    at, errors = curve["iteration"].to_numpy(), curve["training_error"].to_numpy(dtype=float)
    ends, sums = np.concatenate([[0], at]), np.concatenate([[0.0], np.cumsum(np.diff(at, prepend=0) * errors)])
    whole = np.flatnonzero(ends >= window)
    begins = np.searchsorted(ends, ends[whole] - window, side="right") - 1
    means = (sums[whole] - sums[begins]) / (ends[whole] - ends[begins])
    return next((int(iteration) for iteration in ends[whole][means < error]), None)


class Start(NamedTuple):
    """When the finished seeds of a net began to learn."""

    name: str
    iterations: int
    """Of the schedule."""
    seeds: dict[int, int | None]
    """The iteration by seed; None: never."""

    @property
    def begun(self) -> list[int]:
        """The iterations, of the seeds that ever began, in ascending order."""
        return sorted(iteration for iteration in self.seeds.values() if iteration is not None)

    @property
    def median(self) -> float:
        """Infinite where half of the seeds never began."""
        return statistics.median(math.inf if iteration is None else iteration for iteration in self.seeds.values())


def starts(tables: Tables) -> list[Start]:
    """Every net with a finished seed whose schedule is longer than what the error is averaged over.

    A net begins to learn where the paper's warm-up would end: `train.warmup_until_error` and `train.warmup_window`.
    """
    train, drawn, told = tables.params.train, drawn_runs(tables), []
    for name in tables.nets.index:
        curves, seeds = select(drawn, name=name), tables.seeds(name, "done")["seed"]
        by_seed = {
            int(seed): first_below(curve, train.warmup_window, train.warmup_until_error)
            for seed in seeds
            if len(curve := select(curves, seed=seed)) and curve["iteration"].iloc[-1] > train.warmup_window
        }
        told += [Start(name, int(tables.net(name).iterations), by_seed)] if by_seed else []
    return told


def deeper_are_later(tables: Tables, told: Sequence[Start]) -> bool:
    """Whether among these nets each depth begins later than the one before, of both kinds that have several depths."""
    medians = {start.name: start.median for start in told}
    ladders = (sorted(names, key=lambda name: tables.net(name).depth) for names in series(tables, [*medians]).values())
    steps = [step for names in ladders for step in pairwise(names)]
    return bool(steps) and all(medians[first] < medians[second] for first, second in steps)
