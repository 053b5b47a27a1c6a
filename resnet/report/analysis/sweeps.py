"""Sweeps: whether the order of depths survives tuning each depth at equal budget."""

import math
from itertools import pairwise
from typing import NamedTuple

from pandas import DataFrame

from resnet.report.tables import Tables, different, rows, select


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
    conditions_differ: bool = False


def standard_error(errors: tuple[float, float], images: int) -> float:
    """Standard error, in points, of the difference of two errors in % over so many images.

    As if measured on independent images: the errors of two nets on the same images are correlated, so
    that the true one is smaller. It holds the sampling of images alone, not the spread of seeds.
    """
    return math.sqrt(sum(error * (100 - error) / images for error in errors))


def _errors(trials: DataFrame) -> tuple[float, float] | None:
    """The errors in % of the own values (trial 0) and of the best trial, where the budget is spent."""
    own, best = trials["validation_error"].iloc[0], trials.loc[trials["best"].astype(bool), "validation_error"]
    finished = trials["status"].iloc[0] == "done" and own == own and own is not None and len(best)
    return (float(own), float(best.iloc[0])) if finished else None


def orders(tables: Tables) -> list[Order]:
    """One for each kind of net that has two sweeps."""
    told = []
    for net in ("resnet", "plain"):
        sweeps = {name: trials for name, trials in select(tables.trials, net=net).groupby("name", sort=False)}
        if len(sweeps) < 2:
            continue
        errors = {str(name): pair for name, trials in sweeps.items() if (pair := _errors(trials))}
        first = next(rows(next(iter(sweeps.values()))))
        unfinished = tuple(str(name) for name in sweeps if name not in errors)
        if unfinished or len(different(trials["conditions"].iloc[0] for trials in sweeps.values())) > 1:
            told.append(Order(net, unfinished=unfinished, conditions_differ=not unfinished))
            continue
        own, tuned = (tuple(sorted(errors, key=lambda name: errors[name][place])) for place in (0, 1))
        images = first.data.validation_images
        ties = tuple(
            (a, b)
            for a, b in pairwise(tuned)
            if errors[b][1] - errors[a][1] < 2 * standard_error((errors[a][1], errors[b][1]), images)
        )
        told.append(Order(net, own, tuned, ties, images))
    return told
