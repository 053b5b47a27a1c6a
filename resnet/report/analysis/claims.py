"""The claims of section 4.2, each sentence generated together with the test that backs it.

What is claimed is fixed before anything is run: it depends on the nets of the plan alone. A sentence reads
"shown" or "contradicted" only where a two-sided test says so after Holm's correction over all claims
tested, "not shown" where the runs do not decide, and "not tested" with the reason where nothing could be.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from resnet.report.analysis.comparisons import DEEPEST, change, incomparable, main_row, main_rows, p_value
from resnet.report.analysis.published import published
from resnet.report.analysis.statistics import Difference, Interval, holm, welch
from resnet.report.sections.responses import mean_response
from resnet.report.style import words as text
from resnet.report.tables import Results, Row

Word = Literal["shown", "not shown", "contradicted", "not tested"]

SIGNS: dict[str, Literal[-1, 1]] = {"falls": -1, "rises": 1}


@dataclass(frozen=True)
class Evidence:
    """What a test found: the difference that the claim says is above or below 0."""

    value: float
    interval: Interval
    unit: str
    p: float
    """Two-sided; of several tests that must all hold, that of the weakest."""
    agrees: bool
    """Whether the difference has the claimed sign."""
    test: str
    """The test and its n."""


@dataclass(frozen=True)
class Claim:
    """A sentence and what the runs say to it."""

    sentence: str
    """Complete, without the full stop."""
    evidence: Evidence | None
    why_not: str = ""
    """Why it was not tested."""
    p: float | None = None
    """After Holm's correction."""
    word: Word = "not tested"


def _evidence(found: Difference, sign: Literal[-1, 1], unit: str, confidence: float, test: str = "") -> Evidence:
    agrees = found.value * sign > 0
    return Evidence(found.value, found.interval(confidence), unit, found.p, agrees, test or found.test)


def _of_change(
    results: Results, sentence: str, first: Row, second: Row, quantity: Literal["test_error", "training_error"], to: str
) -> Claim:
    found = change(first, second, quantity)
    if found.welch is None:
        return Claim(sentence, None, found.why_not)
    return Claim(sentence, _evidence(found.welch, SIGNS[to], "points", results.params.report.confidence))


def _order(results: Results, rows: list[Row]) -> Claim:
    """Every depth has a lower error than the one before it: shown only if each single step is."""
    confidence = results.params.report.confidence
    sentence = "The order of the depths holds: test error falls at every step " + " to ".join(
        text.escaped(row.name) for row in rows
    )
    changes = [change(first, second, "test_error") for first, second in pairwise(rows)]
    missing = next((found.why_not for found in changes if found.welch is None), None)
    steps = [found.welch for found in changes if found.welch is not None]
    if missing is not None:
        return Claim(sentence, None, missing)
    # All steps must hold: the weakest one's p is that of the whole (an intersection-union test). One step
    # that goes the other way contradicts it, and may be the smallest of several (Bonferroni).
    against = [step for step in steps if step.value >= 0]
    weakest = min(against, key=lambda step: step.p) if against else max(steps, key=lambda step: step.p)
    p = min(1.0, len(steps) * weakest.p) if against else weakest.p
    at = changes[steps.index(weakest)]
    name = f"{text.escaped(at.first.name)} to {text.escaped(at.second.name)}"
    test = f"{weakest.test}, of the step {name}, {'the clearest against it' if against else 'the weakest'}"
    evidence = Evidence(weakest.value, weakest.interval(confidence), "points", p, not against, test)
    return Claim(sentence, evidence)


def _response(results: Results, sentence: str, higher: Row, lower: Row) -> Claim:
    """The lower row responds less, in the mean over layers, than the higher."""
    for row in (higher, lower):
        if row.mixed:
            return Claim(sentence, None, f"the seeds of {row.name} have different settings")
    samples = [mean_response(row) for row in (higher, lower)]
    missing = [row.name for row, values in zip((higher, lower), samples, strict=True) if values is None]
    if missing:
        return Claim(sentence, None, f"runs missing: no responses of {text.listed(missing)}")
    of_higher, of_lower = samples
    assert of_higher is not None, "missing ones were named"
    assert of_lower is not None, "missing ones were named"
    differing = incomparable(higher, lower)
    if differing:
        return Claim(sentence, None, f"the runs differ in {text.listed(differing)}")
    found = welch(of_lower, of_higher)
    if found is None:
        return Claim(sentence, None, "one seed shows no spread")
    test = f"{found.test} of the mean over layers"
    return Claim(sentence, _evidence(found, -1, "", results.params.report.confidence, test))


def _deep(rows: list[Row]) -> list[Row]:
    """The deeper rows that claims are about: 56 and 110 layers, or the deepest that there is up to 110."""
    deeper = [row for row in rows[1:] if row.depth <= DEEPEST]
    return [row for row in deeper if row.depth in (56, DEEPEST)] or deeper[-1:]


def _stated(results: Results) -> Iterator[Claim]:
    """Every claim that the plan's nets allow, tested or not, without corrections."""
    plain, residual = main_rows(results, "plain"), main_rows(results, "resnet")
    upto = [row for row in residual if row.depth <= DEEPEST]

    def said(row: Row) -> str:
        return text.escaped(row.name)

    for row in _deep(residual):
        sentence = f"Test error falls from {said(residual[0])} to {said(row)}"
        yield _of_change(results, sentence, residual[0], row, "test_error", "falls")
    if len(upto) > 2:
        yield _order(results, upto)
    deepest = next((row for row in residual if row.depth > DEEPEST), None)
    if deepest and upto:
        sentence = f"Test error rises again from {said(upto[-1])} to {said(deepest)}"
        yield _of_change(results, sentence, upto[-1], deepest, "test_error", "rises")
    for row in _deep(plain):
        sentence = f"Plain nets degrade: training error rises from {said(plain[0])} to {said(row)}"
        yield _of_change(results, sentence, plain[0], row, "training_error", "rises")
        sentence = f"Plain nets degrade: test error rises from {said(plain[0])} to {said(row)}"
        yield _of_change(results, sentence, plain[0], row, "test_error", "rises")
    for row in _deep(residual):
        sentence = f"Residual nets do not degrade: training error falls from {said(residual[0])} to {said(row)}"
        yield _of_change(results, sentence, residual[0], row, "training_error", "falls")
    for row in _deep(plain):
        same = main_row(results, "resnet", row.depth)
        if same:
            sentence = f"{said(same)} has a lower test error than {said(row)}"
            yield _of_change(results, sentence, row, same, "test_error", "falls")
    for row in [*plain[:1], *_deep(plain)]:
        same = main_row(results, "resnet", row.depth)
        if same:
            sentence = f"Residual nets respond less: the layers of {said(same)} less than those of {said(row)}"
            yield _response(results, sentence, row, same)
    for row in _deep(residual):
        sentence = f"Deeper residual nets respond less per layer: {said(row)} less than {said(residual[0])}"
        yield _response(results, sentence, residual[0], row)


def claims(results: Results) -> list[Claim]:
    """Every claim with its verdict, p values corrected over those that were tested (Holm)."""
    stated = list(_stated(results))
    tested = [claim.evidence for claim in stated if claim.evidence]
    corrected = iter(holm([evidence.p for evidence in tested]))
    level = 1 - results.params.report.confidence
    judged = []
    for claim in stated:
        if claim.evidence is None:
            judged.append(claim)
            continue
        p = next(corrected)
        word: Word = "not shown"
        if p < level:
            word = "shown" if claim.evidence.agrees else "contradicted"
        judged.append(Claim(claim.sentence, claim.evidence, "", p, word))
    return judged


def conditions(results: Results) -> str:
    """Data and schedule of the claims' nets where they are not the paper's: `on digits, 400 iterations`; else empty."""
    said = []
    if not results.official:
        said.append(text.listed([text.escaped(data.name) for data in results.data]))
    claimed = [*main_rows(results, "plain"), *main_rows(results, "resnet")]
    lengths = sorted({row.iterations for row in claimed if row.records})
    papers = published().protocol.iterations
    if lengths and lengths != [papers]:
        counts = text.listed([text.count(length) for length in lengths])
        said.append(f"{counts} of the paper's {text.count(papers)} iterations")
    return f" (on {', '.join(said)})" if said else ""


def _sentence(claim: Claim, where: str, confidence: float, family: int) -> str:
    if claim.evidence is None:
        return f"**Not tested**: {claim.sentence}. {claim.why_not[0].upper()}{claim.why_not[1:]}."
    found = claim.evidence
    decimals = 2 if found.unit else 3
    unit = f" {found.unit}" if found.unit else ""
    assert claim.p is not None, "what was tested has a p value"
    return (
        f"**{claim.word.capitalize()}**{where}: {claim.sentence}. Difference {found.value:+.{decimals}f}{unit} "
        f"({100 * confidence:g} % interval {found.interval.low:+.{decimals}f} to {found.interval.high:+.{decimals}f}; "
        f"{found.test}; p {_p(found.p)}, after Holm over {family} claims {_p(claim.p)})."
    )


def _p(p: float) -> str:
    said = p_value(p)
    return said if said.startswith("<") else f"= {said}"


ORDER: tuple[Word, ...] = ("shown", "contradicted", "not shown", "not tested")


def claims_section(results: Results, found: list[Claim]) -> str:
    """The sentences for summary.md, in the paper's order, and how many there are of each verdict."""
    if not found:
        return "The plan holds no two nets that a claim is about.\n"
    confidence = results.params.report.confidence
    family = sum(claim.evidence is not None for claim in found)
    counts = {word: sum(claim.word == word for claim in found) for word in ORDER}
    said = text.listed([f"{number} {word}" for word, number in counts.items() if number])
    where = conditions(results)
    lines = [_sentence(claim, where, confidence, family) for claim in found]
    explained = (
        f"Differences are the second net's mean over seeds minus the first's. A claim is shown, or contradicted, where "
        f"p after Holm's correction is below {1 - confidence:.2g}; *not shown* is no proof of the contrary. "
        "Seeds are taken as independent between nets, though a seed draws the same batches for every net: "
        "that makes the intervals rather too wide than too narrow.\n"
    )
    return f"{len(found)} claims: {said}.\n\n{text.bullets(lines)}\n{explained}"


CLAIM_FIELDS = (
    "claim",
    "verdict",
    *("difference", "low", "high", "unit", "p", "p_holm", "test", "why_not_tested"),
)


def claim_rows(found: list[Claim]) -> Iterator[tuple[str | float | None, ...]]:
    """The rows of claims.csv."""
    for claim in found:
        evidence = claim.evidence
        if evidence is None:
            yield (claim.sentence, claim.word, None, None, None, None, None, None, None, claim.why_not)
        else:
            yield (
                *(claim.sentence, claim.word, evidence.value, evidence.interval.low, evidence.interval.high),
                *(evidence.unit, evidence.p, claim.p, evidence.test, ""),
            )
