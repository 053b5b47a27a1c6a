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
from typing import Literal, NamedTuple

from pandas import DataFrame
from scipy.stats import kendalltau, mannwhitneyu, theilslopes

from resnet.params import ReportParams
from resnet.report import ladders, words
from resnet.report.ladders import DEEPEST, Nets
from resnet.report.markdown import bold, bullets, escaped
from resnet.report.published import published
from resnet.report.samples import contrast, holm, paired, sample
from resnet.report.section import Block, Line, Section
from resnet.report.table import Cell, table

FAMILIES = ("primary", "secondary")
Quantity = Literal["test_error", "training_error", "response"]
Values = Mapping[str, Mapping[int, float]]
"""Of each net, a value by seed."""


class Claim(NamedTuple):
    """That a contrast of a quantity, or its trend with depth, is on one side of a bound, and what its runs say of it.

    It is a row of claims.csv. Numbers are NaN unless they are tested.
    """

    sentence: str
    """Without its full stop."""
    quantity: Quantity
    sign: Literal[-1, 1]
    """1: above the bound, -1: below."""
    contrast: Mapping[str, int] = {}
    """Nets with the coefficients of their means, which add up to 0."""
    bound: float = 0.0
    """In points."""
    family: str = "secondary"
    trend: Mapping[str, int] = {}
    """Nets with their depths, if the claim is on the trend over all their runs. Those of the contrast must have two."""
    why_not_tested: str = ""
    difference: float = math.nan
    """Of the contrast; of a trend the slope."""
    low: float = math.nan
    """Lower end of its interval, which the claim says is above or below the claim's bound."""
    high: float = math.nan
    p: float = math.nan
    """Two-sided, against the bound."""
    test: str = ""
    """Its name with n."""
    paired_low: float = math.nan
    """Lower end of the interval of the differences by seed, if the nets have the same seeds."""
    paired_high: float = math.nan
    p_ranks: float = math.nan
    """Of a Mann-Whitney test, if the nets' variances differ by more than 4 to 1 and each side has four runs."""
    interim: bool = False
    """Whether planned seeds are missing."""
    p_holm: float = math.nan
    """After the correction over the family."""
    verdict: str = "not tested"
    notes: tuple[str, ...] = ()
    """What a reader of the verdict must know too, in sentences."""

    @property
    def nets(self) -> list[str]:
        return [*(self.trend or self.contrast)]

    @property
    def unit(self) -> str:
        return "" if self.quantity == "response" else "points per 10 layers" if self.trend else "points"

    @property
    def agrees(self) -> bool:
        """Whether the runs are on the claim's side."""
        return (self.difference - self.bound) * self.sign > 0

    def of(self, *nets: str, bound: float = 0.0) -> Claim:
        """This claim of two nets, the second minus the first, or of two and two, the first two minus the others."""
        contrast = dict(zip(nets, (-1, 1, 1, -1), strict=False))
        return self._replace(sentence=self.sentence.format(*nets, bound=bound), contrast=contrast, bound=bound)


COST = "Depth costs a plain net more than a residual one: test error rises more from {} to {} than from {} to {}"
INTERACTION = Claim(COST, "test_error", 1)
PLAIN_TRAINING = Claim("Plain nets degrade: training error rises from {} to {}", "training_error", 1)
PLAIN_TEST = Claim("Plain nets degrade: test error rises from {} to {}", "test_error", 1)
FALLS = Claim("Test error falls from {} to {}", "test_error", -1)
TREND = Claim("Test error falls with depth from {} to {}", "test_error", -1)
LESS = "Residual nets do not degrade: training error rises by less than {bound:g} points from {} to {}"
NO_DEGRADATION = Claim(LESS, "training_error", -1)
BETTER = Claim("{1} has a lower test error than {0}", "test_error", -1)
RESPOND_LESS = Claim("Residual nets respond less: the layers of {1} less than those of {0}", "response", -1)
DEEPER_LESS = Claim("Deeper residual nets respond less per layer: {1} less than {0}", "response", -1)


def _trend(upto: Mapping[int, str], shallow: str, deep: str) -> list[Claim]:
    """The trend over three depths or more, once two nets have two runs."""
    ends, trend = [*upto.values()], {name: depth for depth, name in upto.items()}
    sentence = TREND.sentence.format(ends[0], ends[-1])
    return [TREND.of(shallow, deep)._replace(sentence=sentence, trend=trend)] if len(upto) > 2 else []


def _primary(upto: Mapping[str, dict[int, str]], chosen: Sequence[int]) -> Iterator[Claim]:
    """Of the chosen depths, else of the ends that both kinds have, else of the ends of each kind.

    `upto`: the nets up to 110 layers, of each kind by depth.
    """
    shared, ends = sorted(upto["plain"].keys() & upto["resnet"].keys()), dict[str, list[str]]()
    for kind, names in upto.items():
        depths = [depth for depth in chosen if depth in names] or (shared if len(shared) > 1 else sorted(names))
        ends[kind] = [names[depths[0]], names[depths[-1]]] if len(depths) > 1 else []
    if len(shared) > 1 and all(ends.values()):
        yield INTERACTION.of(*ends["plain"], *ends["resnet"])
    if ends["plain"]:
        yield PLAIN_TRAINING.of(*ends["plain"])
    if ends["resnet"]:
        yield FALLS.of(*ends["resnet"])
        yield from _trend(upto["resnet"], *ends["resnet"]) if chosen else ()


def _deep(upto: Mapping[int, str]) -> list[tuple[str, str]]:
    """The shallowest net with those of 56 and 110 layers, or with the deepest."""
    shallow, *deeper = upto.values() or ("",)
    chosen = [upto[depth] for depth in (56, DEEPEST) if upto.get(depth) in deeper] or deeper[-1:]
    return [(shallow, name) for name in chosen]


def _secondary(upto: Mapping[str, dict[int, str]], margin: float) -> Iterator[Claim]:
    plain, residual = _deep(upto["plain"]), _deep(upto["resnet"])
    twins = {name: upto["resnet"][depth] for depth, name in upto["plain"].items() if depth in upto["resnet"]}
    yield from (INTERACTION.of(a, b, twins[a], twins[b]) for a, b in plain if {a, b} <= twins.keys())
    yield from (FALLS.of(*ends) for ends in residual)
    if residual:
        yield from _trend(upto["resnet"], residual[0][0], [*upto["resnet"].values()][-1])
    yield from (claim.of(*ends) for ends in plain for claim in (PLAIN_TRAINING, PLAIN_TEST))
    yield from (NO_DEGRADATION.of(*ends, bound=margin) for ends in residual)
    yield from (BETTER.of(deep, twins[deep]) for _, deep in plain if deep in twins)
    both = dict.fromkeys(name for ends in plain for name in ends if name in twins)
    yield from (RESPOND_LESS.of(name, twins[name]) for name in both)
    yield from (DEEPER_LESS.of(*ends) for ends in residual)


def _differing(nets: Nets, names: Sequence[str]) -> list[str]:
    """The settings that keep nets from being compared."""
    pairs = combinations([nets[name] for name in names], 2)
    return list(dict.fromkeys(key for pair in pairs for key in ladders.incomparable(*pair)))


def stated(nets: Nets, report: ReportParams) -> list[Claim]:
    """Every claim that the plan lets test, as its nets have the same settings; the primary family first."""
    planned, upto = {name: replace(net, runs=()) for name, net in nets.items()}, {}
    for kind in ("plain", "resnet"):
        main = [nets[name] for name in ladders.main_nets(nets, kind)]
        upto[kind] = {net.depth: net.name for net in main if net.planned > 1 and net.depth <= DEEPEST}
    primary = {x.sentence: x._replace(family="primary") for x in _primary(upto, report.primary_depths)}
    claims = primary | {x.sentence: x for x in _secondary(upto, report.margin) if x.sentence not in primary}
    return [claim for claim in claims.values() if not _differing(planned, claim.nets)]


# What the runs say of a claim.


NO_SPREAD = "the runs do not differ at all"
COLUMNS = (
    *("claim", "family", "verdict", "interim", "difference", "low", "high", "unit", "bound"),
    *("p", "p_holm", "test", "why_not_tested", "paired_low", "paired_high", "p_ranks"),
)
"""Of claims.csv."""


def _weigh_trend(claim: Claim, values: Values, confidence: float) -> Claim:
    """By Theil and Sen's slope of 10 layers with Sen's (1968) interval, and Jonckheere and Terpstra's test.

    The test is Kendall's with the depths as ties.
    """
    depths, errors = zip(*((claim.trend[name], x) for name in claim.trend for x in values[name].values()), strict=True)
    if len({*errors}) == 1:
        return claim._replace(why_not_tested=NO_SPREAD, test="")
    slopes, p = theilslopes(errors, depths, confidence), float(kendalltau(depths, errors).pvalue)
    value, low, high = (10 * float(x) for x in (slopes.slope, slopes.low_slope, slopes.high_slope))
    test = f"Jonckheere-Terpstra, n = {len(errors)} runs of {len({*depths})} depths"
    return claim._replace(difference=value, low=low, high=high, p=p, test=test)


def _of_each_seed(claim: Claim, values: Values, names: Sequence[str]) -> list[float]:
    """The part of a contrast that is of these nets, by seed; empty if they have not the same seeds."""
    seeds = values[names[0]].keys()
    alike = all(values[name].keys() == seeds for name in names)
    return [math.fsum(claim.contrast[name] * values[name][seed] for name in names) for seed in seeds if alike]


def weigh(claim: Claim, values: Values, confidence: float) -> Claim:
    """Test a claim, before any correction. Each net of its contrast has two runs."""
    if claim.trend:
        return _weigh_trend(claim, values, confidence)
    names, samples = [*claim.contrast], [x for name in claim.contrast if (x := sample(values[name].values()))]
    difference, by_seed = contrast([*claim.contrast.values()], samples), paired(_of_each_seed(claim, values, names))
    if difference is None:
        return claim._replace(why_not_tested=NO_SPREAD, test="")
    against = f", against {claim.bound:g} points" if claim.bound else ""
    test = f"{difference.test}{against}{' of the mean over layers' if claim.quantity == 'response' else ''}"
    low, high = difference.interval(confidence)
    claim = claim._replace(difference=difference.value, low=low, high=high, p=difference.p(claim.bound), test=test)
    low, high = by_seed.interval(confidence) if by_seed else (math.nan, math.nan)
    # An interaction compares what depth costs each seed of the two kinds.
    half, stds, ranks = len(names) // 2, [x.std or 0.0 for x in samples], math.nan
    first, second = (_of_each_seed(claim, values, side) for side in (names[:half], names[half:]))
    if max(stds) ** 2 > 4 * min(stds) ** 2 and min(len(first), len(second)) >= 4:
        ranks = float(mannwhitneyu([x - claim.bound for x in first], [-x for x in second]).pvalue)
    return claim._replace(paired_low=low, paired_high=high, p_ranks=ranks)


def verdict(agrees: bool, p: float, level: float, opposite: str = "contradicted") -> str:
    """One word, from a p after its correction."""
    return "undecided" if p >= level else "shown" if agrees else opposite


def _values(
    nets: Nets, claim: Claim, quantity: Quantity, centre: Callable[[Sequence[float]], float] = statistics.fmean
) -> Values:
    """Of each net of a claim, a value a run that is done and measured; of layers' responses their `centre`."""
    values = dict[str, dict[int, float]]()
    for name in claim.nets:
        responses = nets[name].responses
        centres = {x.seed: centre(x.std) for x in responses.seeds} if responses else {}
        measured = {run.seed: getattr(run.record, quantity, centres.get(run.seed)) for run in nets[name].done}
        values[name] = {seed: x for seed, x in measured.items() if x is not None and math.isfinite(x)}
    return values


def _weighed(nets: Nets, claim: Claim, confidence: float) -> Claim:
    """Before the correction over its family, or why it cannot be tested."""
    values, why_not = _values(nets, claim, claim.quantity), ""
    if missing := [name for name in claim.contrast if not values[name]]:
        what = "layer responses" if claim.quantity == "response" else "runs"
        why_not = f"{what} missing: {words.listed(missing)}"
    elif single := [name for name in claim.contrast if len(values[name]) < 2]:
        why_not = f"one run of {words.listed(single)} shows no spread"
    elif differing := _differing(nets, [name for name in claim.nets if values[name]]):
        why_not = f"the runs differ in {words.listed(differing)}"
    interim = any(len(values[name]) < nets[name].planned for name in claim.nets)
    weighed = claim._replace(why_not_tested=why_not) if why_not else weigh(claim, values, confidence)
    return weighed._replace(interim=interim)


def judge(nets: Nets, report: ReportParams) -> list[Claim]:
    """Every claim with its verdict, p values corrected over its family as planned (Holm)."""
    judged, weighed = list[Claim](), [_weighed(nets, claim, report.confidence) for claim in stated(nets, report)]
    for family in FAMILIES:
        ours = [x for x in weighed if x.family == family]
        corrected = zip(ours, holm([x.p for x in ours]), strict=True)
        judged += [_decided(x._replace(p_holm=p), nets, report) if x.test else x for x, p in corrected]
    return judged


def _decided(claim: Claim, nets: Nets, report: ReportParams) -> Claim:
    """With its verdict, and whether interval, other tests and other quantities agree with it."""
    level, notes = 1 - report.confidence, list[str]()
    shortened = min(nets[name].iterations for name in claim.nets) < published().protocol.iterations
    word = verdict(claim.agrees, claim.p_holm, level, "reversed at this length" if shortened else "contradicted")
    if (claim.low <= claim.bound <= claim.high) != (word == "undecided"):
        ps = f"p {_p(claim.p)} alone and {_p(claim.p_holm)} corrected for its family"
        notes.append(f"Interval and verdict differ: {ps}, and the corrected one decides.")
    significant, others = claim.p < level, list[str]()
    if not math.isnan(claim.paired_low) and (claim.paired_low <= claim.bound <= claim.paired_high) == significant:
        others.append(f"paired by seed {_by_seed(claim)}")
    if not math.isnan(claim.p_ranks) and (claim.p_ranks < level) != significant:
        others.append(f"by ranks p {_p(claim.p_ranks)}")
    if others:
        notes.append(f"Other tests do not agree: {words.listed(others)}. The verdict follows {claim.test}.")
    if word.startswith("reversed") and claim.quantity == "test_error" and not claim.trend:
        training = weigh(claim, _values(nets, claim, "training_error"), report.confidence)
        if training.test and not training.agrees:
            notes.append(f"Training error is reversed too: {_difference(training)} ({_interval(training)}).")
    if claim.quantity == "response":
        median = weigh(claim, _values(nets, claim, "response", statistics.median), report.confidence)
        found = f"{_difference(median)} ({_interval(median)}; p {_p(median.p)})"
        notes += [f"Of the median over layers: {found}."] if median.test else []
    return claim._replace(verdict=word, notes=tuple(notes))


# What is written: points with two decimals; responses, which have no unit, with three.


def _p(p: float) -> str:
    return written if (written := words.p_value(p)).startswith("<") else f"= {written}"


def _difference(judged: Claim) -> str:
    return f"{judged.difference:+.{2 if judged.unit else 3}f} {judged.unit}".strip()


def _interval(judged: Claim) -> str:
    return words.interval((judged.low, judged.high), 2 if judged.unit else 3)


def _by_seed(judged: Claim) -> str:
    return words.interval((judged.paired_low, judged.paired_high), 2 if judged.unit else 3)


def frame(judged: Sequence[Claim]) -> DataFrame:
    """claims.csv: a row a claim."""
    rows = [{**x._asdict(), "claim": x.sentence, "unit": x.unit if x.test else ""} for x in judged]
    return DataFrame(rows, columns=[*COLUMNS], dtype=object)


def _line(judged: Claim, confidence: float) -> Line:
    ps = {"p": judged.p, "p, corrected": judged.p_holm, "p by ranks": judged.p_ranks}
    return {
        "claim": judged.sentence,
        "verdict": bold(judged.verdict),
        "difference": Cell(_difference(judged), judged.difference),
        f"{100 * confidence:g} % interval": _interval(judged),
        "paired by seed": _by_seed(judged),
        **{title: Cell(words.p_value(p), None if math.isnan(p) else p) for title, p in ps.items()},
        "test": judged.test,
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


def _conditions(judged: Sequence[Claim], nets: Nets) -> str:
    """The schedule, if it is shorter than the paper's."""
    lengths = sorted({nets[name].iterations for x in judged for name in x.nets})
    papers = published().protocol.iterations
    if not lengths or lengths[0] >= papers:
        return ""
    runs = f"The runs have {words.listed(map(words.count, lengths))} of the paper's {papers:,} iterations."
    return f"{runs} *Reversed at this length* says nothing about the paper's length."


def every_claim(judged: Sequence[Claim], nets: Nets, confidence: float) -> Section:
    """All claims with their tests: the table of each family, what its verdicts leave open, and what is not tested."""
    blocks = list[Block]([_conditions(judged, nets)])
    for family in FAMILIES:
        ours = [x for x in judged if x.family == family]
        counts = words.listed(f"{number} {word}" for word, number in Counter(x.verdict for x in ours).items())
        tested = [(x, escaped(x.sentence)) for x in ours if x.test]
        open_ends = [f"{claim}. {' '.join(x.notes)}" for x, claim in tested if x.notes]
        open_ends += [f"Interim, runs are missing: {claim}." for x, claim in tested if x.interim]
        open_ends += [f"Not tested: {escaped(f'{x.sentence} ({x.why_not_tested})')}." for x in ours if not x.test]
        head = f"**{family.capitalize()} claims**: {counts}." if ours else ""
        blocks += [head, table([_line(x, confidence) for x, _ in tested], left=2), bullets(open_ends)]
    explained = bullets(line.format(level=1 - confidence) for line in EXPLAINED)
    return Section("Claims", (*blocks, explained if any(x.test for x in judged) else ""))


def _sentence(judged: Claim) -> str:
    """A claim with its verdict in a line of Markdown."""
    claim, interim = escaped(judged.sentence), ["Interim, runs are missing."] if judged.interim else []
    if not judged.test:
        return f"**Not tested**: {claim} ({escaped(judged.why_not_tested)})."
    found = escaped(f"{_difference(judged)} ({_interval(judged)}; p {_p(judged.p_holm)})")
    return " ".join([f"**{judged.verdict.capitalize()}**: {claim}: {found}.", *interim, *judged.notes])


def primary_claims(judged: Sequence[Claim], nets: Nets, confidence: float, page: str) -> Section:
    """The primary claims, a line each, once one is tested; `page` has the tests of all."""
    primary = [x for x in judged if x.family == "primary"]
    if not any(x.test for x in primary):
        return Section("Claims")
    family, others = (words.numbered(number, "claim") for number in (len(primary), len(judged) - len(primary)))
    brackets = f"In brackets: the {100 * confidence:g} % interval, and p corrected for the family of {family} (Holm)."
    rest = f"{brackets} With {others} more, and all tests: [{page}]({page}#claims)."
    return Section("Claims", (_conditions(judged, nets), bullets(map(_sentence, primary)), rest))
