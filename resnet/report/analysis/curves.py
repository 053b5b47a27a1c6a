"""Learning curves: averaged over seeds, and what choosing an iterate would buy."""

from typing import NamedTuple

import numpy as np
from pandas import DataFrame

from resnet.report.samples import Sample, over_rows, sample
from resnet.report.tables import Tables, select


def drawn_runs(tables: Tables) -> DataFrame:
    """The curves that stand for a net: none where its seeds must not be taken together."""
    return tables.curves[~tables.curves["name"].isin(tables.mixed)]


def curves_of(tables: Tables, name: str) -> DataFrame:
    """The finished seeds' learning curves; where none is finished, what there is."""
    curves = select(drawn_runs(tables), name=name)
    done = curves[curves["seed"].isin(tables.seeds(name, "done")["seed"])]
    return curves if done.empty else done


def averaged(curves: DataFrame, quantity: str) -> DataFrame:
    """Mean, low and high over seeds at the iterations (the index) where every seed has a finite value."""
    by_seed = curves.pivot_table(index="seed", columns="iteration", values=quantity, aggfunc="last", dropna=False)
    return over_rows(by_seed.replace([np.inf, -np.inf], np.nan).dropna(axis=1))


class Choices(NamedTuple):
    """Test error over seeds by the choice of the iterate."""

    name: str
    last: Sample
    by_validation: Sample | None
    """Where validation error was lowest, first of equals; None without a validation set."""
    best: Sample
    """The lowest of the curve: what peeking at the test set would report."""
    gained: Sample


def choices(tables: Tables, name: str) -> Choices | None:
    """None where no finished seed has a curve with a test error."""
    measured, done = select(tables.curves, name=name).dropna(subset="test_error"), tables.seeds(name, "done")
    curves = {seed: curve for seed, curve in measured.groupby("seed") if seed in set(done["seed"])}
    if tables.net(name).mixed or not curves:
        return None
    ours = done[done["seed"].isin(list(curves))]
    validated = [curve.dropna(subset="validation_error") for curve in map(curves.__getitem__, ours["seed"])]
    chosen = sample(c["test_error"].iloc[c["validation_error"].argmin()] for c in validated if len(c))
    last = Sample(tuple(ours["test_error"]))
    best = Sample(tuple(curves[seed]["test_error"].min() for seed in ours["seed"]))
    gained = Sample(tuple(a - b for a, b in zip(last.values, best.values, strict=True)))
    return Choices(name, last, chosen, best, gained)
