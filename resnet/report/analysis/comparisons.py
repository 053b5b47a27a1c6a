"""Nets compared with one another and with what others published."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations, pairwise
from typing import Any, Literal, NamedTuple

from resnet.report.analysis import nets
from resnet.report.analysis.protocol import deviations
from resnet.report.published import PublishedError, published
from resnet.report.samples import (
    Difference,
    Sample,
    Summary,
    contrast,
    paired,
    prediction,
    welch,
)
from resnet.report.tables import Tables, different

Quantity = Literal["test_error", "training_error"]


class Unmet(NamedTuple):
    """Why something cannot be tested."""

    reason: str
    missing: tuple[str, ...] = ()
    """The nets without the runs, or the responses, that it needs."""
    single: tuple[str, ...] = ()
    """The nets with one seed of them."""


class Change(NamedTuple):
    """How a quantity of a net differs from that of another: the second's mean minus the first's, in points."""

    first: str
    second: str
    welch: Difference | None
    paired: Difference | None = None
    """The same seed by seed, where both have the same seeds."""
    unmet: Unmet | None = None


def depth_pairs(names: Sequence[str]) -> list[tuple[str, str]]:
    """Each depth with the next, and the shallowest with each of the others."""
    return [*pairwise(names), *((names[0], name) for name in names[2:])]


def obstacle(
    tables: Tables, samples: Mapping[str, Sample | None], varied: str | None = None, measured: str = ""
) -> Unmet | None:
    """What keeps nets from being compared.

    Args:
        tables: what was read.
        samples: of each net over its finished seeds.
        varied: a setting in which the nets may differ.
        measured: what else than errors the samples are of.
    """
    mixed = [name for name in samples if tables.net(name).mixed]
    missing = tuple(name for name in samples if tables.seeds(name, "done").empty)
    if mixed:
        return Unmet(f"the seeds of {mixed[0]} have different settings")
    if missing:
        reasons = (f"no seed of {name} done" if len(tables.started(name)) else f"{name} not run" for name in missing)
        return Unmet(f"runs missing: {'; '.join(reasons)}", missing)
    keys = (key for pair in combinations(samples, 2) for key in nets.incomparable(tables, *pair) if key != varied)
    if differing := different(keys):
        return Unmet(f"the runs differ in {', '.join(differing)}")
    single = tuple(name for name, values in samples.items() if values is None or values.n < 2)
    having = f" with {measured}" if measured else ""
    return Unmet(f"one seed{having} of {' and '.join(single)} shows no spread", single=single) if single else None


ALL_ALIKE = Unmet("the seeds do not differ at all")


def change(tables: Tables, first: str, second: str, quantity: Quantity) -> Change:
    theirs, ours = (nets.over_seeds(tables, name, quantity) for name in (first, second))
    unmet = obstacle(tables, {first: theirs, second: ours})
    if unmet or ours is None or theirs is None:
        return Change(first, second, None, None, unmet)
    same_seeds = list(tables.seeds(first, "done")["seed"]) == list(tables.seeds(second, "done")["seed"])
    difference, by_seed = welch(ours, theirs), paired(ours.values, theirs.values) if same_seeds else None
    return Change(first, second, difference, by_seed, None if difference else ALL_ALIKE)


class Ablation(NamedTuple):
    """A net with settings of its own beside the one without."""

    name: str
    base: str
    changes: dict[str, tuple[Any, Any]]
    """Setting to what it is and what it is not; `net` where the kind is another."""
    error: Sample | None
    base_error: Sample | None
    difference: Difference | None


def ablations(tables: Tables) -> list[Ablation]:
    compared = []
    for name, net in ((name, tables.net(name)) for name in tables.nets.index):
        base = nets.main_net(tables, net.net, net.depth)
        if base is None or base == name:
            continue
        changes = nets.differing_settings(tables, name, base)
        if not all(len(tables.started(one)) for one in (name, base)):
            # What only a run knows is not yet a difference.
            changes = {key: pair for key, pair in changes.items() if key != "data" and "auto" not in pair}
        if net.net != tables.net(base).net:
            changes = {"net": (net.net, tables.net(base).net), **changes}
        error, base_error = (nets.over_seeds(tables, one, "test_error") for one in (name, base))
        difference = welch(error, base_error) if error and base_error else None
        compared.append(Ablation(name, base, changes, error, base_error, difference))
    return compared


class Verdict(NamedTuple):
    word: Literal["equivalent", "different", "undecided"]
    difference: Difference
    equivalence_p: float


def against(values: Sample, figure: PublishedError, confidence: float, margin: float) -> Verdict | None:
    """Judge a published error against ours; None where we have one seed, or seeds without spread.

    `equivalent`: within the margin by two one-sided tests. `different`: not so, and the interval of the
    difference leaves 0 out. `undecided`: neither. A figure without a spread is taken as a single run.
    """
    if figure.n is not None and figure.sample_std is not None:
        theirs = Summary(figure.error, figure.sample_std, figure.n)
        difference = contrast((1, -1), (values.summary, theirs), "Welch's t")
    else:
        difference = prediction(values, figure.error)
    if difference is None:
        return None
    level, equivalence = 1 - confidence, difference.equivalence_p(margin)
    if equivalence < level:
        return Verdict("equivalent", difference, equivalence)
    return Verdict("different" if difference.p < level else "undecided", difference, equivalence)


class PublishedComparison(NamedTuple):
    """A published figure of the same net with the same shortcut beside ours."""

    name: str
    figure: PublishedError
    values: Sample | None
    training_images: int | None
    """Theirs, where they are others than ours."""
    verdict: Verdict | None


def on_the_papers_schedule(tables: Tables, names: Iterable[str]) -> list[str]:
    """Nets that published figures apply to. Others train on 45k or 50k images: that is said beside the figure."""
    alike = [name for name in names if not tables.net(name).mixed]
    return [name for name in alike if all(d.key in ("split", "shortcut") for d in deviations(tables, name))]


def published_comparisons(tables: Tables, names: Iterable[str]) -> list[PublishedComparison]:
    report, known, compared = tables.params.report, published(), []
    for net in map(tables.net, names):
        values = nets.over_seeds(tables, net.name, "test_error")
        ours = tables.seeds(net.name, "done")["data"].iloc[0].train_images
        for figure in known.errors_of(net.net, net.depth, net.shortcut):
            images = known.sources[figure.source].training_images
            verdict = against(values, figure, report.confidence, report.margin) if values else None
            compared.append(PublishedComparison(net.name, figure, values, images if images != ours else None, verdict))
    return compared
