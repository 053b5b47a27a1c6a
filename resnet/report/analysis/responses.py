"""How strongly the layers of trained nets respond (Figure 7)."""

import numpy as np
from pandas import DataFrame

from resnet.report.analysis.statistics import Sample, over_rows, sample
from resnet.report.tables import Tables, select


def responses_by_seed(tables: Tables, name: str) -> DataFrame:
    """Standard deviation of each layer (a column) of each seed (a row) that is done and finite throughout."""
    seeds = [] if tables.net(name).mixed else tables.seeds(name, "done")["seed"]
    responses = select(tables.responses, name=name)
    done = responses[responses["seed"].isin(seeds)]
    by_seed = done.pivot_table(index="seed", columns="layer", values="std", aggfunc="last")
    return by_seed[np.isfinite(by_seed).all(axis=1)]


def mean_response(tables: Tables, name: str) -> Sample | None:
    """The mean over layers of their standard deviations, one value a seed; None where nothing was measured."""
    return sample(over_rows(responses_by_seed(tables, name).T)["mean"])


def profile(by_seed: DataFrame, ordered: bool) -> DataFrame:
    """A line of Figure 7, layer by layer: mean, low and high over seeds; `ordered`: each seed's layers in descending order."""
    if ordered:
        by_seed = DataFrame(-np.sort(-by_seed.to_numpy(), axis=1))
    return over_rows(by_seed)
