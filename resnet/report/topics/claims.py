"""The claims of section 4.2: stated from the plan alone, each judged by the test that backs it.

Three are on two depths of both kinds of nets: depth costs a plain net more than a residual one, plain nets degrade,
residual nets gain. A plan that names the two depths (`report.primary_depths`) has a fourth: the error falls over all
depths of the residual nets. One run shows no spread, so claims are about nets with several planned seeds, up to 110
layers. All other comparisons are in `differences`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import NamedTuple

from pandas import DataFrame

from resnet.params import ReportParams
from resnet.report import ladders, words
from resnet.report.markdown import bold, bullets, escaped
from resnet.report.published import published
from resnet.report.results import Nets
from resnet.report.samples import Evidence, Values, compare, holm, trend
from resnet.report.section import Line, Section
from resnet.report.table import Cell, table


class Claim(NamedTuple):
    """That a contrast of errors, or their trend with depth, is on one side of 0."""

    sentence: str
    """Without its full stop."""
    quantity: str
    sign: int
    """1: above 0, -1: below."""
    contrast: Mapping[str, int]
    """Nets with the coefficients of their means, which add up to 0."""
    trend: Mapping[str, int] = {}
    """Nets with their depths, if the claim is on the trend over all their runs."""

    @property
    def nets(self) -> list[str]:
        return [*(self.trend or self.contrast)]

    @property
    def unit(self) -> str:
        return "points per 10 layers" if self.trend else "points"


class Judged(NamedTuple):
    """A claim with what its runs say of it; a row of claims.csv."""

    claim: Claim
    interim: bool
    """Whether planned seeds are missing."""
    why_not_tested: str
    tested: Evidence | None
    p_holm: float = math.nan
    """After the correction over the claims."""
    verdict: str = "not tested"
    notes: tuple[str, ...] = ()
    """What a reader of the verdict must know too, in sentences."""


def _claim(sentence: str, quantity: str, sign: int, *nets: str) -> Claim:
    """Of two nets, the second minus the first, or of two and two, the first two minus the others."""
    return Claim(sentence.format(*nets), quantity, sign, dict(zip(nets, (-1, 1, 1, -1), strict=False)))


COST = "Depth costs a plain net more than a residual one: test error rises more from {} to {} than from {} to {}"


def _differing(nets: Nets, names: Sequence[str]) -> list[str]:
    """The settings that keep nets from being compared."""
    pairs = combinations([nets[name] for name in names], 2)
    return list(dict.fromkeys(key for pair in pairs for key in ladders.incomparable(*pair)))


def stated(nets: Nets, report: ReportParams) -> list[Claim]:
    """What the plan lets test, as its nets have the same settings.

    On the chosen depths, else on the ends that both kinds have, else on the ends of each kind.
    """
    main, ends, claims = dict[str, dict[int, str]](), list[list[str]](), list[Claim]()
    for kind in ("plain", "resnet"):
        of_kind = (nets[name] for name in ladders.main_nets(nets, kind))
        main[kind] = {net.depth: net.name for net in of_kind if net.planned > 1 and net.depth <= ladders.DEEPEST}
    shared = sorted(main["plain"].keys() & main["resnet"].keys())
    for names in main.values():
        depths = [x for x in report.primary_depths if x in names] or (shared if len(shared) > 1 else sorted(names))
        ends.append([names[depths[0]], names[depths[-1]]] if len(depths) > 1 else [])
    plain, residual = ends
    if len(shared) > 1 and plain and residual:
        claims.append(_claim(COST, "test_error", 1, *plain, *residual))
    if plain:
        claims.append(_claim("Plain nets degrade: training error rises from {} to {}", "training_error", 1, *plain))
    if residual:
        claims.append(_claim("Test error falls from {} to {}", "test_error", -1, *residual))
    if residual and report.primary_depths and len(main["resnet"]) > 2:
        shallow, *_, deep = over = {name: depth for depth, name in main["resnet"].items()}
        sentence = f"Test error falls with depth from {shallow} to {deep}"
        claims.append(_claim(sentence, "test_error", -1, *residual)._replace(trend=over))
    planned = {name: replace(net, runs=()) for name, net in nets.items()}
    return [claim for claim in claims if not _differing(planned, claim.nets)]


# What the runs say of a claim.


def weigh(claim: Claim, values: Values, confidence: float) -> Evidence | None:
    """Test a claim, before any correction; None if the runs do not differ at all."""
    return trend(claim.trend, values, confidence) if claim.trend else compare(claim.contrast, values, confidence)


def verdict(claim: Claim, tested: Evidence, p: float, level: float, opposite: str = "contradicted") -> str:
    """A word, from a p after its correction."""
    return "undecided" if p >= level else "shown" if tested.difference * claim.sign > 0 else opposite


def _weighed(nets: Nets, claim: Claim, confidence: float, family: Sequence[str]) -> Judged:
    """Before the correction, or why it cannot be tested; `family` has the nets of all claims' contrasts."""
    values, tested, why_not = {name: nets[name].by_seed(claim.quantity) for name in claim.nets}, None, ""
    if few := [name for name in family if len(nets[name].by_seed(claim.quantity)) < 2]:
        why_not = f"fewer than two runs of {words.listed(few)}"
    elif differing := _differing(nets, [name for name in claim.nets if values[name]]):
        why_not = f"the runs differ in {words.listed(differing)}"
    elif (tested := weigh(claim, values, confidence)) is None:
        why_not = "the runs do not differ at all"
    return Judged(claim, any(len(values[name]) < nets[name].planned for name in claim.nets), why_not, tested)


def judge(nets: Nets, report: ReportParams) -> list[Judged]:
    """Every claim with its verdict, once all nets have two runs; p is corrected for the claims as planned (Holm)."""
    claims = stated(nets, report)
    family = list(dict.fromkeys(name for claim in claims for name in claim.contrast))
    weighed = [_weighed(nets, claim, report.confidence, family) for claim in claims]
    return [
        _decided(x._replace(p_holm=p), x.tested, nets, report) if x.tested else x
        for x, p in zip(weighed, holm([x.tested.p if x.tested else math.nan for x in weighed]), strict=True)
    ]


def _decided(judged: Judged, tested: Evidence, nets: Nets, report: ReportParams) -> Judged:
    """With its verdict, and whether interval, other tests and the training error agree with it."""
    claim, level, notes, others = judged.claim, 1 - report.confidence, list[str](), list[str]()
    shortened = min(nets[name].iterations for name in claim.nets) < published().protocol.iterations
    opposite = "reversed at this length" if shortened else "contradicted"
    word = verdict(claim, tested, judged.p_holm, level, opposite)
    if (tested.low <= 0 <= tested.high) != (word == "undecided"):
        ps = f"p {_p(tested.p)} alone and {_p(judged.p_holm)} corrected"
        notes.append(f"Interval and verdict differ: {ps}, and the corrected one decides.")
    if missing := [name for name in claim.nets if not nets[name].done]:
        notes.append(f"No run is done of {words.listed(missing)}.")
    significant = tested.p < level
    if not math.isnan(tested.paired_low) and (tested.paired_low <= 0 <= tested.paired_high) == significant:
        others.append(f"paired by seed {words.interval((tested.paired_low, tested.paired_high))}")
    if not math.isnan(tested.p_ranks) and (tested.p_ranks < level) != significant:
        others.append(f"by ranks p {_p(tested.p_ranks)}")
    if others:
        notes.append(f"Other tests do not agree: {words.listed(others)}. The verdict follows {tested.test}.")
    if word.startswith("reversed") and claim.quantity == "test_error" and not claim.trend:
        training = weigh(claim, {name: nets[name].by_seed("training_error") for name in claim.nets}, report.confidence)
        if training and training.difference * claim.sign < 0:
            interval = words.interval((training.low, training.high))
            why = ": slower learning, not overfitting" if training.low * training.high > 0 else ""
            notes.append(f"Training error is reversed too: {training.difference:+.2f} points ({interval}){why}.")
    return judged._replace(verdict=word, notes=tuple(notes))


# What is written.

COLUMNS = (
    *("claim", "verdict", "interim", "difference", "low", "high", "unit", "p", "p_holm", "test", "why_not_tested"),
    *("paired_low", "paired_high", "p_ranks"),
)
"""Of claims.csv."""


def _p(p: float) -> str:
    return written if (written := words.p_value(p)).startswith("<") else f"= {written}"


def frame(judged: Sequence[Judged]) -> DataFrame:
    """claims.csv: a row a claim."""
    tested = [x.tested._asdict() | {"unit": x.claim.unit} if x.tested else {} for x in judged]
    rows = [{**x._asdict(), **numbers, "claim": x.claim.sentence} for x, numbers in zip(judged, tested, strict=True)]
    return DataFrame(rows, columns=[*COLUMNS], dtype=object)


def _line(judged: Judged, tested: Evidence, confidence: float) -> Line:
    ps = {"p": tested.p, "p, corrected": judged.p_holm, "p by ranks": tested.p_ranks}
    return {
        "claim": judged.claim.sentence,
        "verdict": bold(judged.verdict),
        "difference": Cell(f"{tested.difference:+.2f} {judged.claim.unit}", tested.difference),
        f"{100 * confidence:g} % interval": words.interval((tested.low, tested.high)),
        "paired by seed": words.interval((tested.paired_low, tested.paired_high)),
        **{title: Cell(words.p_value(p), None if math.isnan(p) else p) for title, p in ps.items()},
        "test": tested.test,
    }


def _conditions(judged: Sequence[Judged], nets: Nets) -> str:
    """The schedule, if it is shorter than the paper's."""
    papers = published().protocol.iterations
    length = min((nets[name].iterations for x in judged for name in x.claim.nets), default=papers)
    runs = f"The runs have {length:,} of the paper's {papers:,} iterations."
    return f"{runs} *Reversed at this length* says nothing about the paper's length." if length < papers else ""


def _sentence(judged: Judged) -> str:
    """A claim with its verdict in a line of Markdown."""
    claim, tested = judged.claim, judged.tested
    if not tested:
        return f"**Not tested**: {escaped(f'{claim.sentence} ({judged.why_not_tested})')}."
    interim = ["Interim, runs are missing."] if judged.interim else []
    brackets = f"{words.interval((tested.low, tested.high))}; p {_p(judged.p_holm)}"
    found = escaped(f"{claim.sentence}: {tested.difference:+.2f} {claim.unit} ({brackets})")
    return " ".join([f"**{judged.verdict.capitalize()}**: {found}.", *interim, *judged.notes])


def every_test(judged: Sequence[Judged], nets: Nets, confidence: float) -> Section:
    """The tests of all claims, and in sentences what the verdicts leave open."""
    lines = [_line(x, x.tested, confidence) for x in judged if x.tested]
    left_open = bullets(_sentence(x) for x in judged if x.notes or x.interim or not x.tested)
    explained = (
        "p is two-sided, and corrected for the number of claims (Holm). The corrected p decides: *undecided* at "
        f"{1 - confidence:.2g} or more, and no proof of the contrary. The interval is not corrected. Paired by seed "
        "and p by ranks (Mann-Whitney) do not decide; an interaction compares what depth costs a seed of each kind."
    )
    return Section("Claims", (_conditions(judged, nets), table(lines, left=2), left_open, explained if lines else ""))


def verdicts(judged: Sequence[Judged], nets: Nets, confidence: float, page: str) -> Section:
    """The claims, a line each, once one is tested; `page` has the tests."""
    if not any(x.tested for x in judged):
        return Section("Claims")
    family = words.numbered(len(judged), "claim")
    brackets = f"In brackets: the {100 * confidence:g} % interval, and p corrected for the family of {family} (Holm)."
    rest = f"{brackets} All tests: [{page}]({page}#claims)."
    return Section("Claims", (_conditions(judged, nets), bullets(map(_sentence, judged)), rest))
