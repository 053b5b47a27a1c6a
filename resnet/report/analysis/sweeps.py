"""Sweeps: whether the order of depths survives tuning each depth at equal budget."""

import math
from itertools import pairwise
from typing import NamedTuple

from pandas import DataFrame

from resnet.report.tables import Tables, different, select


class Order(NamedTuple):
    """The nets of a kind by validation error; empty where it cannot be told, with the reason."""

    net: str
    own: tuple[str, ...] = ()
    """With the parameters' own values, lowest error first."""
    tuned: tuple[str, ...] = ()
    """With the best trial's."""
    ties: tuple[tuple[str, str], ...] = ()
    """Neighbours after tuning that are within two standard errors."""
    images: int = 0
    unfinished: tuple[str, ...] = ()
    """Nets without a finished sweep and own values that train."""


def standard_error(errors: tuple[float, float], images: int) -> float:
    """Standard error, in points, of the difference of two errors in % over so many images.

    As if measured on independent images: the errors of two nets on the same images are correlated, so
    that the true one is smaller. It holds the sampling of images alone, not the spread of seeds.
    """
    return math.sqrt(sum(error * (100 - error) / images for error in errors))


def _errors(trials: DataFrame) -> tuple[float, ...] | None:
    """The errors in % of the own values (trial 0) and of the best trial, where the budget is spent."""
    both = trials[(trials["number"] == 0) | trials["best"].astype(bool)]["validation_error"].astype(float)
    finished = trials["status"].iloc[0] == "done" and both.notna().all() and trials["best"].any()
    return (both.iloc[0], both.iloc[-1]) if finished else None


def orders(tables: Tables) -> list[Order]:
    """One for each kind of net that has two sweeps."""
    told = []
    for net in ("resnet", "plain"):
        sweeps = {str(name): trials for name, trials in select(tables.trials, net=net).groupby("name", sort=False)}
        errors = {name: pair for name, trials in sweeps.items() if (pair := _errors(trials))}
        unfinished = tuple(name for name in sweeps if name not in errors)
        if len(sweeps) < 2:
            continue
        if unfinished or len(different(trials["conditions"].iloc[0] for trials in sweeps.values())) > 1:
            told.append(Order(net, unfinished=unfinished))
            continue
        own, tuned = (tuple(sorted(errors, key=lambda name: errors[name][place])) for place in (0, 1))
        images, best = sweeps[own[0]]["data"].iloc[0].validation_images, {name: errors[name][1] for name in errors}
        ties = (
            (a, b) for a, b in pairwise(tuned) if best[b] - best[a] < 2 * standard_error((best[a], best[b]), images)
        )
        told.append(Order(net, own, tuned, tuple(ties), images))
    return told
