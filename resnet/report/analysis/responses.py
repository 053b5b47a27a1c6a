"""How strongly the layers of trained nets respond (Figure 7)."""

import math
import statistics
from collections.abc import Iterable, Sequence

import numpy as np
from pandas import DataFrame

from resnet.report.samples import Sample, over_rows, sample
from resnet.report.tables import Tables, rows, select

APART = 100.0
"""How many times the median net's strongest layer a net's may be, before an even scale would flatten the others."""


def far_apart(lines: Iterable[Sequence[float]]) -> bool:
    """Whether the nets' lines need a logarithmic scale: a net that never learned may respond in the thousands."""
    kept = [list(line) for line in lines]
    peaks = [max(line) for line in kept]
    return bool(peaks) and min(map(min, kept)) > 0 and max(peaks) > APART * statistics.median(peaks)


def responses_by_seed(tables: Tables, name: str) -> DataFrame:
    """Standard deviation of each layer (a column) of each seed (a row) that is done and finite throughout."""
    responses, done = select(tables.responses, name=name), tables.seeds(name, "done")["seed"]
    kept = responses[responses["seed"].isin(done) & (not tables.net(name).mixed)]
    by_seed = kept.pivot_table(index="seed", columns="layer", values="std", aggfunc="last", dropna=False)
    return by_seed.replace([np.inf, -np.inf], np.nan).dropna()


def mean_response(tables: Tables, name: str) -> Sample | None:
    """The mean over layers of their standard deviations, one value a seed; None where nothing was measured."""
    by_seed = responses_by_seed(tables, name).to_numpy().tolist()
    return sample(math.fsum(layers) / len(layers) for layers in by_seed)


def profile(by_seed: DataFrame, ordered: bool) -> DataFrame:
    """A line of Figure 7: mean, low and high over seeds by layer; `ordered`: each seed's layers in descending order."""
    return over_rows(DataFrame(-np.sort(-by_seed.to_numpy(), axis=1)) if ordered else by_seed)


def others_responses(tables: Tables) -> dict[str, DataFrame]:
    """The same of others' weights, by their name: a table of one row, where they were measured and are finite."""
    measured = {
        x.name: DataFrame([x.responses.std])
        for x in rows(tables.evaluations)
        if x.responses == x.responses and x.responses is not None
    }
    return {name: layers for name, layers in measured.items() if np.isfinite(layers.to_numpy()).all()}
