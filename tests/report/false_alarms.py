"""How often each test of the report gives a verdict where nothing differs: counted on made-up seeds.

`python -m tests.report.false_alarms` counts anew and prints the lines of the table in docs/protocol.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from resnet.params import load
from resnet.report.published import PublishedError
from resnet.report.results import read_results
from resnet.report.samples import Evidence, Sample, holm, sample, versus_published, welch
from resnet.report.topics.claims import Claim, stated, weigh

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "protocol.md"
LEVEL = 0.05
SEEDS = (2, 3, 5)
MARGIN = 0.5
Generator = np.random.Generator
Spread = Mapping[str, float]


def means(claim: Claim, apart: float) -> dict[str, float]:
    """Means of a claim's nets, around 10, that are `apart` on the claim's side; a trend is a straight line."""
    if claim.trend:
        shallow, *_, deep = claim.trend.values()
        size, places = deep - shallow, {name: depth - shallow for name, depth in claim.trend.items()}
    else:
        size, places = sum(coefficient**2 for coefficient in claim.contrast.values()), {**claim.contrast}
    return {name: 10 + claim.sign * apart * place / size for name, place in places.items()}


def drawn(mean: Mapping[str, float], spread: Spread, runs: int, generator: Generator) -> dict[str, dict[int, float]]:
    """Runs of each net by seed, normal around its mean; its spread is 1 unless it is named."""
    return {
        name: dict(enumerate(generator.normal(level, spread.get(name, 1.0), runs).tolist()))
        for name, level in mean.items()
    }


@cache
def claims_of_the_plan() -> tuple[Claim, ...]:
    """What params.yaml states before anything is run."""
    plan = load(ROOT / "params.yaml")
    return tuple(stated(read_results(plan, ROOT / "no such folder").nets, plan.report))


Alarm = Callable[[int, Generator], bool]
"""Whether an experiment of n seeds ends in a verdict."""


def weighed(starts: Sequence[str], spread: Spread, n: int, generator: Generator) -> list[Evidence]:
    """Draw n runs of every net, none of which differs, and weigh the claims that start so."""
    claims = [claim for claim in claims_of_the_plan() if claim.sentence.startswith(tuple(starts))]
    values = dict[str, dict[str, dict[int, float]]]()
    for claim in claims:
        known = values.setdefault(claim.quantity, {})
        known |= drawn({x: y for x, y in means(claim, 0.0).items() if x not in known}, spread, n, generator)
    return [x for claim in claims if (x := weigh(claim, values[claim.quantity], 1 - LEVEL))]


def a_verdict(found: Sequence[Evidence]) -> bool:
    return min(holm([x.p for x in found])) < LEVEL


def by_seed(found: Sequence[Evidence]) -> bool:
    """The interval of the differences by seed that is written next to a claim's."""
    return not all(x.paired_low <= 0 <= x.paired_high for x in found)


def by_ranks(found: Sequence[Evidence]) -> bool:
    """The test by ranks that is written next to a claim's; no alarm if none is written."""
    return min(x.p_ranks for x in found) < LEVEL


def about(*starts: str, says: Callable[[Sequence[Evidence]], bool] = a_verdict, **spread: float) -> Alarm:
    """Claims that start so; `spread` names nets as in `plain_56`."""
    named = {name.replace("_", "-"): std for name, std in spread.items()}
    return lambda n, generator: says(weighed(starts, named, n, generator))


def _sample(values: Any) -> Sample:
    made = sample(values)
    assert made is not None
    return made


def called(word: str, runs: int, apart: float = 0.0, std: float = 1.0) -> Alarm:
    """Ours and a published mean of so many runs, whose true means are `apart`, get this word."""

    def alarm(n: int, generator: Generator) -> bool:
        theirs = _sample(generator.normal(apart, std, runs))
        figure = PublishedError(net="resnet", depth=20, source="x", error=theirs.mean, std=theirs.std, n=runs)
        difference = versus_published(_sample(generator.normal(0.0, std, n)), figure)
        if difference is None:
            return False
        equivalent = difference.equivalence_p(MARGIN) < LEVEL
        return equivalent if word == "equivalent" else difference.p() < LEVEL and not equivalent

    return alarm


def correlated(correlation: float) -> Alarm:
    """Seeds of the same number, of two nets, that are alike or unlike: Welch's test takes them as independent."""

    def alarm(n: int, generator: Generator) -> bool:
        first, other = generator.normal(size=(2, n))
        own = (1 - correlation**2) ** 0.5
        found = welch(_sample(first), _sample(correlation * first + own * other))
        return found is not None and found.p() < LEVEL

    return alarm


def images(n: int, generator: Generator) -> bool:
    """Nets of n runs that would be equally good over all images there are, on a test set of 250 of them."""
    wrong = generator.random((250, 2 * n)) < generator.beta(0.3, 2.0, (250, 1))
    low, high = _sample(wrong[:, :n].mean(axis=1) - wrong[:, n:].mean(axis=1)).interval(1 - LEVEL) or (0, 0)
    return not low <= 0 <= high


class Row(NamedTuple):
    """A test, and what its false alarms must keep to, in %."""

    words: str
    alarm: Alarm
    high: float = 7.0
    low: float = 0.0
    """At 5 seeds."""
    exact: bool = False
    """The low bound holds at every number of seeds: the t distribution is the right one."""
    repetitions: int = 20_000


COST, PLAIN = "Depth costs", "Plain nets degrade"
FALLS, TREND = "Test error falls from resnet-20 to resnet-56", "Test error falls with"
ROWS = (
    # Where the spreads are alike, the estimated degrees of freedom are at most the true ones: Welch's and
    # Satterthwaite's tests are then conservative, most with few seeds. A low bound would be false there.
    Row("Two nets, Welch's t", about(FALLS), low=3.0),
    Row("The same, one net scattering three times as much", about(FALLS, resnet_20=3.0), low=3.0),
    Row("The interaction, Satterthwaite's t", about(COST), low=3.0),
    Row("The same, plain-56 scattering three times as much", about(COST, plain_56=3.0), low=3.0),
    # With few seeds only the most ordered draws are below the level.
    Row("The trend over five depths, Jonckheere-Terpstra", about(TREND), low=3.0, repetitions=4_000),
    Row("The same, resnet-56 scattering three times as much", about(TREND, resnet_56=3.0), 7.0, 3.0, repetitions=4_000),
    # Given from four runs of each on: with fewer no ranks are below the level.
    Row("Two nets by ranks, one scattering five times as much", about(FALLS, says=by_ranks, resnet_56=5.0), low=3.0),
    Row(
        "The interaction by ranks, plain-56 scattering five times as much",
        about(COST, says=by_ranks, plain_56=5.0),
        low=3.0,
    ),
    # Holm keeps to the level at most, and here four tests share nets.
    Row("The four claims, any verdict", about(COST, PLAIN, FALLS, TREND), repetitions=4_000),
    Row("Two nets, paired by seed", about(FALLS, says=by_seed), low=3.0, exact=True),
    Row("The interaction, paired by seed", about(COST, says=by_seed), low=3.0, exact=True),
    Row("A published single run: *different*", called("different", 1), low=3.0, exact=True),
    Row("A published mean ± std of five runs: *different*", called("different", 5), low=3.0),
    # Only where the spread is small beside the margin can anything be called equivalent.
    Row("A published single run a margin away: *equivalent*", called("equivalent", 1, MARGIN, 0.05)),
    Row("These very nets, paired by image", images, low=3.0, exact=True),
    # Seeds that are not as the tests suppose, and what that would cost.
    Row("Two nets, Welch's t, seeds correlated by 0.5", correlated(0.5), high=5.0),
    Row("Two nets, Welch's t, seeds correlated by -0.5", correlated(-0.5), high=100.0, low=7.0),
)


def share(row: Row, n: int, repetitions: int) -> float:
    """False alarms in % of so many experiments of n seeds; the same for the same arguments."""
    generator = np.random.default_rng([n, repetitions])
    return 100 * sum(row.alarm(n, generator) for _ in range(repetitions)) / repetitions


if __name__ == "__main__":
    for row in ROWS:
        print("|", row.words, *(f"| {share(row, n, row.repetitions):.1f}" for n in SEEDS), "|")
