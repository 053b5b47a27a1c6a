"""The claims of section 4.2, each sentence judged by the test that backs it.

A verdict is "shown" or "contradicted" only where a two-sided test says so after Holm's correction over the claim's
family as planned, "undecided" where the runs do not decide, and "not tested" with the reason where nothing could be.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from pandas import DataFrame

from resnet.report.analysis.comparisons import ALL_ALIKE, Unmet, obstacle
from resnet.report.analysis.nets import over_seeds
from resnet.report.analysis.responses import mean_response
from resnet.report.analysis.stated import Claim, planned_seeds, planned_tests, stated
from resnet.report.samples import Difference, Sample, Trend, contrast, holm
from resnet.report.tables import Tables

VERDICTS = ("shown", "contradicted", "undecided", "not tested")
COLUMNS = (
    *("claim", "family", "verdict", "interim", "difference", "low", "high", "unit", "bound"),
    *("p", "p_holm", "test", "why_not_tested"),
)
"""Of claims.csv. `claim`: a sentence without its full stop; `family`: `primary` or `secondary`; `interim`: planned
seeds are missing; `low` and `high`: the interval of the difference, which the claim says is above or below `bound`;
`p`: two-sided, and of several tests that must all hold that of the weakest; `p_holm`: after the correction over the
family as planned; `test`: with its n."""


class Evidence(NamedTuple):
    """What samples say of a claim, before any correction."""

    difference: Difference | Trend
    """Of the contrast that decides."""
    p: float
    agrees: bool
    """Whether the samples lie on the claim's side."""
    test: str


def _difference(coefficients: Mapping[str, int], samples: Mapping[str, Sample]) -> Difference | None:
    name = "Welch's t" if len(coefficients) == 2 else "Satterthwaite's t"
    return contrast(list(coefficients.values()), [samples[net].summary for net in coefficients], name)


def weigh(claim: Claim, samples: Mapping[str, Sample]) -> Evidence | None:
    """Test a claim on a sample of each of its nets; None where the seeds of all nets of a contrast are alike.

    Several contrasts must all hold: the weakest one's p is that of the whole (an intersection-union test). One that
    goes the other way contradicts it, and may be the smallest of several (Bonferroni).
    """
    if claim.trend:
        return _weigh_trend(claim, samples)
    tested = [(_difference(coefficients, samples), coefficients) for coefficients in claim.contrasts]
    steps = [(step, step.p_against(claim.bound), names) for step, names in tested if step]
    if len(steps) < len(claim.contrasts):
        return None
    opposed = [step for step in steps if (step[0].value - claim.bound) * claim.sign <= 0]
    decisive = min if opposed else max
    difference, p, coefficients = decisive(opposed or steps, key=lambda step: step[1])
    test = f"{difference.test}, against {claim.bound:g} points" if claim.bound else difference.test
    if len(steps) > 1:
        first, second = coefficients
        role = "the clearest against it" if opposed else "the weakest"
        test, p = f"{test}, of the step {first} to {second}, {role}", min(1.0, len(steps) * p) if opposed else p
    return Evidence(difference, p, not opposed, test)


def _weigh_trend(claim: Claim, samples: Mapping[str, Sample]) -> Evidence | None:
    """Test a claim on a trend with the runs that exist; None where all have the same error."""
    known = [(float(depth), samples[name]) for name, depth in claim.trend.items() if name in samples]
    depths = tuple(depth for depth, errors in known for _ in range(errors.n))
    values = sum((errors.values for _, errors in known), ())  # noqa: PD011
    if len(set(values)) < 2:
        return None
    slope = Trend(depths, values)
    return Evidence(slope, slope.p, slope.value * claim.sign > 0, slope.test)


def verdict(agrees: bool, p: float, level: float) -> str:
    """One word, from a p after its correction."""
    return "undecided" if p >= level else "shown" if agrees else "contradicted"


def _unmet(tables: Tables, claim: Claim, samples: Mapping[str, Sample | None]) -> Unmet | None:
    if claim.quantity != "response":
        return obstacle(tables, samples, claim.varied)
    missing = tuple(name for name in samples if not samples[name])
    if missing and not any(tables.net(name).mixed for name in samples):
        return Unmet(f"runs missing: no responses of {' and '.join(missing)}", missing)
    return obstacle(tables, samples, claim.varied, "layer responses")


def _judged(tables: Tables, claim: Claim) -> dict[str, Any]:
    """The cells of a claim, without corrections."""
    sampled: dict[str, Sample | None] = {
        name: mean_response(tables, name) if claim.quantity == "response" else over_seeds(tables, name, claim.quantity)
        for name in claim.nets
    }
    samples = {name: values for name, values in sampled.items() if values}
    interim = any(name not in samples or samples[name].n < planned_seeds(tables, name) for name in claim.nets)
    cells: dict[str, Any] = {"claim": claim.sentence, "family": claim.family, "interim": interim, "bound": claim.bound}
    several = {name: values for name, values in sampled.items() if name in claim.needed or (values and values.n > 1)}
    unmet = _unmet(tables, claim, several)
    evidence = None if unmet else weigh(claim, samples)
    if evidence is None:
        reason, missing, single = unmet or ALL_ALIKE
        return cells | {"why_not_tested": reason, "missing": missing, "single": single}
    low, high = evidence.difference.interval(tables.params.report.confidence)
    unit = "" if claim.quantity == "response" else "points per 10 layers" if claim.trend else "points"
    cells |= {"difference": evidence.difference.value, "low": low, "high": high, "unit": unit}
    test = f"{evidence.test} of the mean over layers" if claim.quantity == "response" else evidence.test
    return cells | {"p": evidence.p, "agrees": evidence.agrees, "test": test}


def claims(tables: Tables) -> DataFrame:
    """Every claim with its verdict, p values corrected over its family as planned (Holm).

    `missing` and `single`: the nets without what it needs, and with one seed of it.
    """
    claims, level = stated(tables), 1 - tables.params.report.confidence
    cells = [_judged(tables, claim) for claim in claims]
    for family in ("primary", "secondary"):
        tested = [cell for cell in cells if cell["family"] == family and "p" in cell]
        adjusted = holm([cell["p"] for cell in tested], planned_tests(tables, claims, family))
        for cell, p in zip(tested, adjusted, strict=True):
            cell |= {"p_holm": p, "verdict": verdict(cell["agrees"], p, level)}
    judged = [{"verdict": "not tested"} | cell for cell in cells]
    return DataFrame(judged, columns=[*COLUMNS, "agrees", "missing", "single"], dtype=object)
