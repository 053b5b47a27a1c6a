"""The claims of section 4.2: stated from the plan alone, each judged by the test that backs it.

The primary family is three claims on two depths of both kinds of nets: depth costs a plain net more than a residual
one, plain nets degrade, residual nets gain. A plan that names the two depths (`report.primary_depths`) has a fourth:
the error falls over all depths of the residual nets. All others are secondary. One run shows no spread, so claims are
about nets with several planned seeds, up to 110 layers.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any, Literal, NamedTuple

from pandas import DataFrame
from scipy.stats import mannwhitneyu

from resnet.params import ReportParams
from resnet.report import ladders, words
from resnet.report.ladders import DEEPEST
from resnet.report.markdown import bold, bullets, escaped
from resnet.report.published import published
from resnet.report.results import Net
from resnet.report.samples import Difference, Interval, Sample, Trend, contrast, holm, paired
from resnet.report.section import Block, Section
from resnet.report.table import Cell, table

Nets = Mapping[str, Net]
Family = Literal["primary", "secondary"]
Quantity = Literal["test_error", "training_error", "response"]
Contrast = Mapping[str, int]
"""Nets with the coefficients of their means, which add up to 0."""
Values = Mapping[str, Mapping[int, float]]
"""Of each net, a value by seed."""

COLUMNS = (
    *("claim", "family", "verdict", "interim", "difference", "low", "high", "unit", "bound"),
    *("p", "p_holm", "test", "why_not_tested", "paired_low", "paired_high", "p_ranks"),
)
"""Of claims.csv. `interim`: planned seeds are missing; `low` and `high`: the interval of the difference, which the
claim says is above or below `bound`; `p`: two-sided; `p_holm`: after the correction over the family; `test`: with its
n; `paired_low` and `paired_high`: the interval of the differences by seed; `p_ranks`: if variances differ."""


class Claim(NamedTuple):
    """That a contrast of a quantity, or its trend with depth, is on one side of a bound."""

    sentence: str
    """Without its full stop."""
    quantity: Quantity
    contrast: Contrast
    sign: Literal[-1, 1]
    """1: above the bound, -1: below."""
    bound: float = 0.0
    """In points."""
    family: Family = "secondary"
    trend: tuple[tuple[str, int], ...] = ()
    """Nets with their depths, if the claim is on the trend over all their runs. Those of the contrast must have two."""

    @property
    def nets(self) -> list[str]:
        return [name for name, _ in self.trend] or [*self.contrast]

    @property
    def unit(self) -> str:
        return "" if self.quantity == "response" else "points per 10 layers" if self.trend else "points"


# What is claimed.


class Ends(NamedTuple):
    """The shallowest and the deepest net of a kind that claims are about."""

    shallow: str
    deep: str


def _change(first: str, second: str) -> Contrast:
    """The second net's mean minus the first's."""
    return {first: -1, second: 1}


def _primary_ends(upto: Mapping[str, dict[int, str]], chosen: Sequence[int]) -> dict[str, Ends]:
    """The ends of each kind, shared if both have two of the same depths; a kind with one depth has none.

    Args:
        upto: the nets up to 110 layers, of each kind by depth.
        chosen: the plan's depths, if it names them.
    """
    shared, ends = sorted(upto["plain"].keys() & upto["resnet"].keys()), {}
    for kind, names in upto.items():
        depths = [depth for depth in chosen if depth in names] or (shared if len(shared) > 1 else sorted(names))
        if len(depths) > 1:
            ends[kind] = Ends(names[depths[0]], names[depths[-1]])
    return ends


def _interaction(plain: Ends, residual: Ends) -> Claim:
    sentence = (
        "Depth costs a plain net more than a residual one: test error rises more "
        f"from {plain.shallow} to {plain.deep} than from {residual.shallow} to {residual.deep}"
    )
    return Claim(sentence, "test_error", {**_change(*plain), residual.shallow: 1, residual.deep: -1}, 1)


def _plain_degrade(plain: Ends, quantity: Literal["test_error", "training_error"]) -> Claim:
    sentence = f"Plain nets degrade: {quantity.replace('_', ' ')} rises from {plain.shallow} to {plain.deep}"
    return Claim(sentence, quantity, _change(*plain), 1)


def _depth_helps(residual: Ends) -> Claim:
    return Claim(f"Test error falls from {residual.shallow} to {residual.deep}", "test_error", _change(*residual), -1)


def _falls_with_depth(upto: Mapping[int, str], ends: Ends) -> Iterator[Claim]:
    """The trend over three depths or more; those of `ends` must have two runs."""
    if len(upto) > 2:
        first, *_, last = upto.values()
        trend = tuple((name, depth) for depth, name in upto.items())
        sentence = f"Test error falls with depth from {first} to {last}"
        yield Claim(sentence, "test_error", _change(*ends), -1, trend=trend)


def _primary(upto: Mapping[str, dict[int, str]], report: ReportParams) -> Iterator[Claim]:
    ends = _primary_ends(upto, report.primary_depths)
    if len(ends) == 2 and len(upto["plain"].keys() & upto["resnet"].keys()) > 1:
        yield _interaction(ends["plain"], ends["resnet"])
    if "plain" in ends:
        yield _plain_degrade(ends["plain"], "training_error")
    if "resnet" in ends:
        yield _depth_helps(ends["resnet"])
        if report.primary_depths:
            yield from _falls_with_depth(upto["resnet"], ends["resnet"])


def _deep(upto: Mapping[int, str]) -> list[Ends]:
    """The shallowest net with those of 56 and 110 layers, or with the deepest."""
    shallow, *deeper = upto.values() or ("",)
    chosen = [upto[depth] for depth in (56, DEEPEST) if upto.get(depth) in deeper] or deeper[-1:]
    return [Ends(shallow, name) for name in chosen]


def _secondary(upto: Mapping[str, dict[int, str]], margin: float) -> Iterator[Claim]:
    plain, residual = (_deep(upto[kind]) for kind in ("plain", "resnet"))
    twins = {name: upto["resnet"][depth] for depth, name in upto["plain"].items() if depth in upto["resnet"]}
    paired_ends = [ends for ends in plain if ends.shallow in twins and ends.deep in twins]
    yield from (_interaction(ends, Ends(twins[ends.shallow], twins[ends.deep])) for ends in paired_ends)
    yield from map(_depth_helps, residual)
    if residual:
        first, *_, last = upto["resnet"].values()
        yield from _falls_with_depth(upto["resnet"], Ends(first, last))
    for ends in plain:
        yield _plain_degrade(ends, "training_error")
        yield _plain_degrade(ends, "test_error")
    for ends in residual:
        less = f"training error rises by less than {margin:g} points from {ends.shallow} to {ends.deep}"
        yield Claim(f"Residual nets do not degrade: {less}", "training_error", _change(*ends), -1, margin)
    for name in (ends.deep for ends in plain if ends.deep in twins):
        sentence = f"{twins[name]} has a lower test error than {name}"
        yield Claim(sentence, "test_error", _change(name, twins[name]), -1)
    for name in filter(twins.get, dict.fromkeys(name for ends in plain for name in ends)):
        sentence = f"Residual nets respond less: the layers of {twins[name]} less than those of {name}"
        yield Claim(sentence, "response", _change(name, twins[name]), -1)
    for ends in residual:
        sentence = f"Deeper residual nets respond less per layer: {ends.deep} less than {ends.shallow}"
        yield Claim(sentence, "response", _change(*ends), -1)


def _comparable(nets: Nets, claim: Claim) -> bool:
    """Whether the plan gives the nets of a claim the same settings, those that it is about apart."""
    planned = [replace(nets[name], runs=()) for name in claim.nets]
    return not any(ladders.incomparable(*pair) for pair in combinations(planned, 2))


def stated(nets: Nets, report: ReportParams) -> list[Claim]:
    """Every claim that the plan lets test, the primary family first."""
    upto = {}
    for kind in ("plain", "resnet"):
        main = [nets[name] for name in ladders.main_nets(nets, kind)]
        upto[kind] = {net.depth: net.name for net in main if net.planned > 1 and net.depth <= DEEPEST}
    primary = [claim._replace(family="primary") for claim in _primary(upto, report)]
    sentences = {claim.sentence for claim in primary}
    secondary = (x for x in _secondary(upto, report.margin) if x.sentence not in sentences)
    return [claim for claim in (*primary, *secondary) if _comparable(nets, claim)]


# What the runs say of a claim.


class Evidence(NamedTuple):
    """What runs say of a claim, before any correction."""

    difference: Difference | Trend
    p: float
    agrees: bool
    """Whether the runs are on the claim's side."""
    by_seed: Difference | None
    """The same, paired by seed; None if the nets have not the same seeds."""
    p_ranks: float | None
    """Of a Mann-Whitney test, if the nets' variances differ by more than 4 to 1 and each side has four runs."""


def _sums(claim: Claim, values: Values, names: Sequence[str]) -> list[float] | None:
    """The part of a contrast that is of these nets, a seed each; None if they have not the same seeds."""
    seeds = sorted(values[names[0]])
    if any(sorted(values[name]) != seeds for name in names):
        return None
    return [math.fsum(claim.contrast[name] * values[name][seed] for name in names) for seed in seeds]


def _ranks(claim: Claim, values: Values, samples: Sequence[Sample]) -> float | None:
    """See `Evidence.p_ranks`; an interaction compares what depth costs each seed of the two kinds."""
    stds, names = [x.std or 0.0 for x in samples], [*claim.contrast]
    sides = [_sums(claim, values, part) for part in (names[: len(names) // 2], names[len(names) // 2 :])]
    first, second = (side or [] for side in sides)
    if max(stds) ** 2 <= 4 * min(stds) ** 2 or min(len(first), len(second)) < 4:
        return None
    return float(mannwhitneyu([x - claim.bound for x in first], [-x for x in second]).pvalue)


def weigh(claim: Claim, values: Values) -> Evidence | None:
    """Test a claim; None if no run differs from another. Each net of its contrast has two runs."""
    if claim.trend:
        known = [(float(depth), error) for name, depth in claim.trend for error in values.get(name, {}).values()]
        depths, errors = zip(*known, strict=True)
        slope = Trend(depths, errors)
        return Evidence(slope, slope.p, slope.value * claim.sign > 0, None, None) if len({*errors}) > 1 else None
    samples = [Sample(tuple(values[name].values())) for name in claim.contrast]
    test = "Welch's t" if len(samples) == 2 else "Satterthwaite's t"
    difference = contrast([*claim.contrast.values()], [x.summary for x in samples], test)
    if difference is None:
        return None
    by_seed = _sums(claim, values, [*claim.contrast])
    return Evidence(
        difference,
        difference.p_against(claim.bound),
        (difference.value - claim.bound) * claim.sign > 0,
        paired(by_seed, [0.0] * len(by_seed)) if by_seed else None,
        _ranks(claim, values, samples),
    )


def verdict(agrees: bool, p: float, level: float, opposite: str = "contradicted") -> str:
    """One word, from a p after its correction."""
    return "undecided" if p >= level else "shown" if agrees else opposite


def _by_seed(
    net: Net, quantity: Quantity, centre: Callable[[Sequence[float]], float] = statistics.fmean
) -> dict[int, float]:
    """A value a run that is done and measured; the layers' responses are taken at their `centre`."""
    values = {run.seed: None if quantity == "response" else getattr(run.record, quantity) for run in net.done}
    if quantity == "response" and net.responses:
        values |= {x.seed: centre(x.std) for x in net.responses.seeds if x.seed in values}
    return {seed: float(value) for seed, value in values.items() if value is not None and math.isfinite(value)}


def _why_not(nets: Nets, claim: Claim, values: Values) -> str | None:
    """Why a claim cannot be tested; None if it can."""
    what = "layer responses" if claim.quantity == "response" else "runs"
    if missing := [name for name in claim.contrast if not values[name]]:
        return f"{what} missing: {words.listed(missing)}"
    if single := [name for name in claim.contrast if len(values[name]) < 2]:
        return f"one run of {words.listed(single)} shows no spread"
    pairs = combinations([nets[name] for name in claim.nets if values[name]], 2)
    differing = dict.fromkeys(key for pair in pairs for key in ladders.incomparable(*pair))
    return f"the runs differ in {words.listed(differing)}" if differing else None


class Judged(NamedTuple):
    """A claim with its verdict."""

    claim: Claim
    interim: bool
    """Whether planned seeds are missing."""
    evidence: Evidence | None
    why_not: str = ""
    """Why it is not tested."""
    verdict: str = "not tested"
    p_holm: float = math.nan
    notes: tuple[str, ...] = ()
    """What a reader of the verdict must know too, in sentences."""


def _weighed(nets: Nets, claim: Claim) -> Judged:
    """Before the correction over its family."""
    values = {name: _by_seed(nets[name], claim.quantity) for name in claim.nets}
    interim = any(len(values[name]) < nets[name].planned for name in claim.nets)
    if why_not := _why_not(nets, claim, values):
        return Judged(claim, interim, None, why_not)
    evidence = weigh(claim, values)
    return Judged(claim, interim, evidence, "" if evidence else "the runs do not differ at all")


def judge(nets: Nets, report: ReportParams) -> list[Judged]:
    """Every claim with its verdict, p values corrected over its family as planned (Holm)."""
    weighed, judged = [_weighed(nets, claim) for claim in stated(nets, report)], list[Judged]()
    for family in ("primary", "secondary"):
        ours = [x for x in weighed if x.claim.family == family]
        corrected = iter(holm([x.evidence.p for x in ours if x.evidence], len(ours)))
        for x in ours:
            if x.evidence is None:
                judged.append(x)
                continue
            p, lengths = next(corrected), [nets[name].iterations for name in x.claim.nets]
            shortened = min(lengths) < published().protocol.iterations
            opposite = "reversed at this length" if shortened else "contradicted"
            decided = x._replace(p_holm=p, verdict=verdict(x.evidence.agrees, p, 1 - report.confidence, opposite))
            judged.append(decided._replace(notes=tuple(_notes(decided, x.evidence, nets, report))))
    return judged


def _notes(judged: Judged, evidence: Evidence, nets: Nets, report: ReportParams) -> Iterator[str]:
    """Whether interval, other tests and other quantities agree with the verdict."""
    claim, level = judged.claim, 1 - report.confidence
    low, high = evidence.difference.interval(report.confidence)
    if (low <= claim.bound <= high) != (judged.verdict == "undecided"):
        ps = f"p {_p(evidence.p)} alone and {_p(judged.p_holm)} corrected for its family"
        yield f"Interval and verdict differ: {ps}, and the corrected one decides."
    by_seed, ranks, others = evidence.by_seed, evidence.p_ranks, list[str]()
    if by_seed and (by_seed.p_against(claim.bound) < level) != (evidence.p < level):
        others.append(f"paired by seed {_ends(claim, by_seed.interval(report.confidence))}")
    if ranks is not None and (ranks < level) != (evidence.p < level):
        others.append(f"by ranks p {_p(ranks)}")
    if others:
        yield f"Other tests do not agree: {words.listed(others)}. The verdict follows {evidence.difference.test}."
    if judged.verdict.startswith("reversed") and claim.quantity == "test_error" and not claim.trend:
        training = weigh(claim, {name: _by_seed(nets[name], "training_error") for name in claim.nets})
        if training and not training.agrees:
            ends = _ends(claim, training.difference.interval(report.confidence))
            yield f"Training error is reversed too: {training.difference.value:+.2f} points ({ends})."
    if claim.quantity == "response":
        medians = {name: _by_seed(nets[name], "response", statistics.median) for name in claim.nets}
        if other := weigh(claim, medians):
            ends = _ends(claim, other.difference.interval(report.confidence))
            yield f"Of the median over layers: {_difference(claim, other)} ({ends}; p {_p(other.p)})."


# What is written.


def _p(p: float) -> str:
    return written if (written := words.p_value(p)).startswith("<") else f"= {written}"


def _ends(claim: Claim, ends: Interval) -> str:
    """An interval: points with two decimals; responses, which have no unit, with three."""
    return words.interval(ends, 2 if claim.unit else 3)


def _difference(claim: Claim, evidence: Evidence) -> str:
    return f"{evidence.difference.value:+.{2 if claim.unit else 3}f} {claim.unit}".strip()


def _test(claim: Claim, evidence: Evidence) -> str:
    """The name of the test with its n."""
    against = f", against {claim.bound:g} points" if claim.bound else ""
    layers = " of the mean over layers" if claim.quantity == "response" else ""
    return f"{evidence.difference.test}{against}{layers}"


def frame(judged: Sequence[Judged], confidence: float) -> DataFrame:
    """claims.csv: a row a claim."""
    rows = []
    for x in judged:
        cells: dict[str, Any] = {"claim": x.claim.sentence, "family": x.claim.family, "verdict": x.verdict}
        cells |= {"interim": x.interim, "bound": x.claim.bound, "why_not_tested": x.why_not or None}
        if x.evidence:
            low, high = x.evidence.difference.interval(confidence)
            cells |= {"difference": x.evidence.difference.value, "low": low, "high": high, "unit": x.claim.unit}
            cells |= {"p": x.evidence.p, "p_holm": x.p_holm, "test": _test(x.claim, x.evidence)}
            cells["p_ranks"] = x.evidence.p_ranks
            if x.evidence.by_seed:
                cells["paired_low"], cells["paired_high"] = x.evidence.by_seed.interval(confidence)
        rows.append(cells)
    return DataFrame(rows, columns=[*COLUMNS], dtype=object)


def _line(judged: Judged, evidence: Evidence, confidence: float) -> dict[str, Cell | str]:
    claim, by_seed, ranks = judged.claim, evidence.by_seed, evidence.p_ranks
    return {
        "claim": claim.sentence,
        "verdict": bold(judged.verdict),
        "difference": Cell(_difference(claim, evidence), evidence.difference.value),
        f"{100 * confidence:g} % interval": _ends(claim, evidence.difference.interval(confidence)),
        "paired by seed": _ends(claim, by_seed.interval(confidence)) if by_seed else words.NONE,
        "p": Cell(words.p_value(evidence.p), evidence.p),
        "p, corrected": Cell(words.p_value(judged.p_holm), judged.p_holm),
        "p by ranks": words.NONE if ranks is None else Cell(words.p_value(ranks), ranks),
        "test": _test(claim, evidence),
    }


EXPLAINED = (
    "Difference: the second net minus the first if a claim goes *from* one *to* another, the first minus the second if "
    "it compares them with *than*.",
    "p is two-sided, and corrected for the number of claims of its family (Holm). The corrected p decides: *undecided* "
    "at {level:.2g} or more, and no proof of the contrary. The interval is not corrected.",
    "Paired by seed: the interval of the differences of the same seeds. A seed has the same batches and augmentation "
    "in every net. Plain and residual nets of a depth start from the same weights. Nets of two depths start from the "
    "same weights in the first convolution and in the shallower net's first stage. The verdicts do not use it.",
    "p by ranks: Mann-Whitney's, if the variances differ by more than 4 to 1 and four runs of each are done. An "
    "interaction compares what depth costs each seed of the two kinds.",
    "n counts runs. Another machine rounds differently, and in deep nets that changes a run as much as another seed.",
    "The primary claims follow from the plan. The secondary claims are the report's: some of their tests, such as the "
    "trend with depth, were chosen after first runs. They say where to look next.",
    "Interim: until every planned run is done a verdict may change. Looking more than once raises the chance of a "
    "false one.",
)


def _conditions(judged: Sequence[Judged], nets: Nets) -> str:
    """The schedule, if it is not the paper's."""
    lengths, papers = {nets[name].iterations for x in judged for name in x.claim.nets}, published().protocol.iterations
    if min(lengths, default=papers) >= papers:
        return ""
    counts = words.listed(map(words.count, sorted(lengths)))
    runs = f"The runs have {counts} of the paper's {words.count(papers)} iterations."
    return f"{runs} *Reversed at this length* says nothing about the paper's length."


def _family(judged: Sequence[Judged], family: Family, confidence: float) -> tuple[Block, ...]:
    """The table of a family, what its verdicts leave open, and what is not tested."""
    ours = [x for x in judged if x.claim.family == family]
    counts = Counter(x.verdict for x in ours)
    lines = [_line(x, x.evidence, confidence) for x in ours if x.evidence]
    open_ends = [f"{escaped(x.claim.sentence)}. {' '.join(x.notes)}" for x in ours if x.notes]
    open_ends += [f"Interim, runs are missing: {escaped(x.claim.sentence)}." for x in ours if x.interim and x.evidence]
    open_ends += [f"Not tested: {escaped(x.claim.sentence)} ({escaped(x.why_not)})." for x in ours if not x.evidence]
    counted = words.listed(f"{number} {word}" for word, number in counts.items())
    head = f"**{family.capitalize()} claims**: {counted}." if ours else ""
    return head, table(lines, left=2), bullets(open_ends)


def every_claim(judged: Sequence[Judged], nets: Nets, confidence: float) -> Section:
    """All claims with their tests."""
    blocks = [*_family(judged, "primary", confidence), *_family(judged, "secondary", confidence)]
    explained = bullets(line.format(level=1 - confidence) for line in EXPLAINED)
    tested = any(x.evidence for x in judged)
    return Section("Claims", (_conditions(judged, nets), *blocks, explained if tested else ""))


def sentence(judged: Judged, confidence: float) -> str:
    """A claim with its verdict in a line of Markdown."""
    claim, evidence, word = judged.claim, judged.evidence, f"**{judged.verdict.capitalize()}**"
    if evidence is None:
        return f"{word}: {escaped(claim.sentence)} ({escaped(judged.why_not)})."
    found = f"{_difference(claim, evidence)} ({_ends(claim, evidence.difference.interval(confidence))}"
    line = f"{word}: {escaped(claim.sentence)}: {escaped(f'{found}; p {_p(judged.p_holm)}')})."
    return " ".join([line, *(["Interim, runs are missing."] if judged.interim else []), *judged.notes])


def primary_claims(judged: Sequence[Judged], nets: Nets, confidence: float, page: str) -> Section:
    """The primary claims, a line each, once one is tested; `page` has the tests of all."""
    primary = [x for x in judged if x.claim.family == "primary"]
    if not any(x.evidence for x in primary):
        return Section("Claims")
    lines = bullets(sentence(x, confidence) for x in primary)
    family, others = (words.numbered(number, "claim") for number in (len(primary), len(judged) - len(primary)))
    brackets = f"In brackets: the {100 * confidence:g} % interval, and p corrected for the family of {family} (Holm)."
    rest = f"{brackets} With {others} more, and all tests: [{page}]({page}#claims)."
    return Section("Claims", (_conditions(judged, nets), lines, rest))
