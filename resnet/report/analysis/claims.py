"""The claims of section 4.2, each sentence generated together with the test that backs it.

What is claimed is fixed before anything is run: it depends on the nets of the plan alone. A verdict is "shown" or
"contradicted" only where a two-sided test says so after Holm's correction over all claims tested, "not shown" where
the runs do not decide, and "not tested" with the reason where nothing could be.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from pandas import DataFrame

from resnet.report.analysis.comparisons import ALL_ALIKE, Quantity, Unmet, change, obstacle
from resnet.report.analysis.nets import main_net, main_nets
from resnet.report.analysis.responses import mean_response
from resnet.report.analysis.statistics import Difference, Interval, holm, welch
from resnet.report.tables import Tables

VERDICTS = ("shown", "contradicted", "not shown", "not tested")
DEEPEST = 110
"""The deepest net that the paper's claims of falling error are about: ResNet-1202 it calls worse."""


@dataclass(frozen=True)
class Evidence:
    """The difference that a claim says is above or below 0."""

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
    """A sentence, complete without the full stop, in plain text, and what the runs say to it."""

    sentence: str
    evidence: Evidence | None
    unmet: Unmet | None = None
    """Why it was not tested."""
    p: float | None = None
    """After Holm's correction."""
    verdict: str = "not tested"


def _claim(tables: Tables, sentence: str, difference: Difference, sign: int, unit: str = "points") -> Claim:
    interval = difference.interval(tables.params.report.confidence)
    agrees = difference.value * sign > 0
    return Claim(sentence, Evidence(difference.value, interval, unit, difference.p, agrees, difference.test))


def _order(tables: Tables, names: list[str]) -> Claim:
    """Every depth has a lower error than the one before it: shown only if each single step is."""
    sentence = f"The order of the depths holds: test error falls at every step {' to '.join(names)}"
    changes = [change(tables, first, second, "test_error") for first, second in pairwise(names)]
    steps = [(step.welch, f"{step.first} to {step.second}") for step in changes if step.welch]
    unmet = [step.unmet for step in changes if step.unmet]
    if unmet:
        missing = dict.fromkeys(name for reason in unmet for name in reason.missing)
        return Claim(sentence, None, Unmet(unmet[0].reason, tuple(missing)))
    # All steps must hold: the weakest one's p is that of the whole (an intersection-union test). One step
    # that goes the other way contradicts it, and may be the smallest of several (Bonferroni).
    opposed = [step for step in steps if step[0].value >= 0]
    weakest, at = min(opposed, key=lambda step: step[0].p) if opposed else max(steps, key=lambda step: step[0].p)
    p = min(1.0, len(steps) * weakest.p) if opposed else weakest.p
    test = f"{weakest.test}, of the step {at}, {'the clearest against it' if opposed else 'the weakest'}"
    interval = weakest.interval(tables.params.report.confidence)
    return Claim(sentence, Evidence(weakest.value, interval, "points", p, not opposed, test))


def _response(tables: Tables, sentence: str, higher: str, lower: str) -> Claim:
    """The lower net responds less, in the mean over layers, than the higher."""
    samples = {name: mean_response(tables, name) for name in (lower, higher)}
    missing = tuple(name for name in (higher, lower) if not samples[name])
    unmet = obstacle(tables, higher, lower, (samples[higher], samples[lower]))
    if missing and not any(tables.net(name).mixed for name in (higher, lower)):
        return Claim(sentence, None, Unmet(f"runs missing: no responses of {' and '.join(missing)}", missing))
    values = [sample for sample in samples.values() if sample]
    difference = None if unmet else welch(*values)
    if difference is None:
        return Claim(sentence, None, unmet or ALL_ALIKE)
    named = difference._replace(test=f"{difference.test} of the mean over layers")
    return _claim(tables, sentence, named, -1, "")


def _deep(tables: Tables, names: list[str]) -> list[str]:
    """The deeper nets that claims are about: 56 and 110 layers, or the deepest that there is up to 110."""
    deeper = [name for name in names[1:] if tables.net(name).depth <= DEEPEST]
    return [name for name in deeper if tables.net(name).depth in (56, DEEPEST)] or deeper[-1:]


def _stated(tables: Tables) -> Iterator[Claim]:
    """Every claim that the plan's nets allow, tested or not, without corrections."""
    plain, residual = main_nets(tables, "plain"), main_nets(tables, "resnet")
    deep_plain, deep_residual = _deep(tables, plain), _deep(tables, residual)
    upto, beyond = ([x for x in residual if (tables.net(x).depth <= DEEPEST) == side] for side in (True, False))
    twins = {name: twin for name in plain if (twin := main_net(tables, "resnet", tables.net(name).depth))}

    def changes(sentence: str, first: str, second: str, quantity: Quantity, sign: int) -> Claim:
        step = change(tables, first, second, quantity)
        return _claim(tables, sentence, step.welch, sign) if step.welch else Claim(sentence, None, step.unmet)

    for name in deep_residual:
        yield changes(f"Test error falls from {residual[0]} to {name}", residual[0], name, "test_error", -1)
    if len(upto) > 2:
        yield _order(tables, upto)
    if beyond and upto:
        sentence = f"Test error rises again from {upto[-1]} to {beyond[0]}"
        yield changes(sentence, upto[-1], beyond[0], "test_error", 1)
    for name in deep_plain:
        sentence = f"Plain nets degrade: {{}} error rises from {plain[0]} to {name}"
        yield changes(sentence.format("training"), plain[0], name, "training_error", 1)
        yield changes(sentence.format("test"), plain[0], name, "test_error", 1)
    for name in deep_residual:
        sentence = f"Residual nets do not degrade: training error falls from {residual[0]} to {name}"
        yield changes(sentence, residual[0], name, "training_error", -1)
    for name in filter(twins.get, deep_plain):
        yield changes(f"{twins[name]} has a lower test error than {name}", name, twins[name], "test_error", -1)
    for name in filter(twins.get, [*plain[:1], *deep_plain]):
        sentence = f"Residual nets respond less: the layers of {twins[name]} less than those of {name}"
        yield _response(tables, sentence, name, twins[name])
    for name in deep_residual:
        sentence = f"Deeper residual nets respond less per layer: {name} less than {residual[0]}"
        yield _response(tables, sentence, residual[0], name)


def claims(tables: Tables) -> list[Claim]:
    """Every claim with its verdict, p values corrected over those that were tested (Holm)."""
    stated = list(_stated(tables))
    corrected = iter(holm([claim.evidence.p for claim in stated if claim.evidence]))
    level, judged = 1 - tables.params.report.confidence, []
    for claim in stated:
        if claim.evidence:
            p = next(corrected)
            decided = "shown" if claim.evidence.agrees else "contradicted"
            claim = replace(claim, p=p, verdict=decided if p < level else "not shown")
        judged.append(claim)
    return judged


def claims_table(judged: list[Claim]) -> DataFrame:
    """The rows of claims.csv."""
    columns = ("claim", "verdict", "difference", "low", "high", "unit", "p", "p_holm", "test", "why_not_tested")
    lines = []
    for claim in judged:
        tested, unmet = claim.evidence, claim.unmet
        cells = (tested.value, *tested.interval, tested.unit, tested.p, claim.p, tested.test) if tested else [None] * 7
        lines.append((claim.sentence, claim.verdict, *cells, unmet.reason if unmet else ""))
    return DataFrame(lines, columns=columns)
