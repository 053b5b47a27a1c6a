"""Degradation: deeper nets that learn the training set less well (section 1 of the paper)."""

from typing import NamedTuple

from pandas import DataFrame

from resnet.report.analysis.comparisons import Change, change
from resnet.report.analysis.curves import curves_of
from resnet.report.analysis.nets import main_nets
from resnet.report.samples import Difference
from resnet.report.tables import Tables


def degradation(tables: Tables) -> list[Change]:
    """Training error of each depth minus that of the shallowest, plain and residual."""
    ladders = [main_nets(tables, kind) for kind in ("plain", "resnet")]
    return [change(tables, names[0], name, "training_error") for names in ladders for name in names[1:]]


class Degraded(NamedTuple):
    """A deeper net whose errors are the higher ones on both sets: it has learned less, it does not overfit."""

    deeper: str
    shallower: str
    training: Difference
    test: Difference
    at_highest_rate: float | None
    """By how many points the training error was higher before the learning rate fell; None where it never does."""


def error_at_highest_rate(curve: DataFrame, window: int) -> float | None:
    """The mean training error in % of the last iterations before the learning rate falls from its highest.

    Args:
        curve: rows with `iteration`, `learning_rate` and `training_error`, at equal distances.
        window: how many iterations.

    Returns:
        None where the rate never falls.
    """
    highest = curve[curve["learning_rate"] == curve["learning_rate"].max()]
    last = highest["iteration"].max()
    if highest.empty or last == curve["iteration"].max():
        return None
    return float(highest[highest["iteration"] > last - window]["training_error"].mean())


def _lag(tables: Tables, deeper: str, shallower: str) -> float | None:
    """Over the seeds that are done."""
    window, means = tables.params.train.warmup_window, []
    for name in (deeper, shallower):
        errors = [error_at_highest_rate(curve, window) for _, curve in curves_of(tables, name).groupby("seed")]
        told = [error for error in errors if error is not None]
        if not told or len(told) < len(errors):
            return None
        means.append(sum(told) / len(told))
    return means[0] - means[1]


def degraded(tables: Tables) -> list[Degraded]:
    """Of each kind the deepest net that can be compared, where the intervals of both differences lie above 0."""
    level = tables.params.report.confidence
    deepest = {tables.net(step.second).net: step for step in degradation(tables) if step.welch}
    found = []
    for step in deepest.values():
        training, test = step.welch, change(tables, step.first, step.second, "test_error").welch
        if training and test and min(training.interval(level).low, test.interval(level).low) > 0:
            lag = _lag(tables, step.second, step.first)
            found.append(Degraded(step.second, step.first, training, test, lag))
    return found
