"""The claims of section 4.2 with their verdicts; those that are not tested are one line."""

from resnet.report.analysis.claims import VERDICTS, Claim, claims
from resnet.report.analysis.nets import main_nets
from resnet.report.analysis.published import published
from resnet.report.style import words
from resnet.report.style.drawing import Section
from resnet.report.style.markdown import bullets, escaped
from resnet.report.tables import Tables


def _conditions(tables: Tables) -> str:
    """Data and schedule of the claims' nets where they are not the paper's: ` (on digits, 400 iterations)`."""
    claimed = [name for kind in ("plain", "resnet") for name in main_nets(tables, kind) if len(tables.started(name))]
    lengths, papers = sorted({int(tables.net(name).iterations) for name in claimed}), published().protocol.iterations
    conditions = [] if tables.official else [words.listed(escaped(data.name) for data in tables.data)]
    if lengths and lengths != [papers]:
        counts = words.listed(map(words.count, lengths))
        conditions.append(f"{counts} of the paper's {words.count(papers)} iterations")
    return f" (on {', '.join(conditions)})" if conditions else ""


def _tested(claim: Claim, where: str, level: str, family: int) -> str:
    evidence, p = claim.evidence, claim.p
    assert evidence is not None, "claims that were not tested are counted elsewhere"
    assert p is not None, "what was tested has a p value"
    decimals, unit = (2, f" {evidence.unit}") if evidence.unit else (3, "")
    written = [value if value.startswith("<") else f"= {value}" for value in map(words.p_value, (evidence.p, p))]
    return (
        f"**{claim.verdict.capitalize()}**{where}: {escaped(claim.sentence)}. Difference "
        f"{evidence.value:+.{decimals}f}{unit} ({level} {words.interval(evidence.interval, decimals)}; "
        f"{escaped(evidence.test)}; p {written[0]}, after Holm over {family} claims {written[1]})."
    )


def _untested(untested: list[Claim]) -> str:
    """How many claims were not tested, and what is missing for them."""
    reasons = [claim.unmet for claim in untested if claim.unmet]
    missing = dict.fromkeys(escaped(name) for unmet in reasons for name in unmet.missing)
    needed = [f"Results are missing of {words.listed(missing)}. "] if missing else []
    others = dict.fromkeys(escaped(unmet.reason) for unmet in reasons if not unmet.missing)
    needed += [f"{reason[0].upper()}{reason[1:]}. " for reason in others]
    counted = words.numbered(len(untested), "claim")
    return f"**Not tested**: {counted}, see [claims.csv](claims.csv). {''.join(needed)}".rstrip()


def section(tables: Tables) -> Section:
    judged, confidence = claims(tables), tables.params.report.confidence
    if not judged:
        return Section("Claims", "The plan holds no two nets that a claim is about." if len(tables.nets) else "")
    tested, untested = ([claim for claim in judged if bool(claim.evidence) == side] for side in (True, False))
    counts = {verdict: sum(claim.verdict == verdict for claim in judged) for verdict in VERDICTS}
    counted = words.listed(f"{number} {verdict}" for verdict, number in counts.items() if number)
    where, level = _conditions(tables), f"{100 * confidence:g} % interval"
    lines = [_tested(claim, where, level, len(tested)) for claim in tested] + (
        [_untested(untested)] if untested else []
    )
    explained = (
        "\nA difference is the second net's mean over seeds minus the first's. A claim is shown, or contradicted, "
        f"where p after Holm's correction is below {1 - confidence:.2g}; *not shown* is no proof of the contrary. "
        "Seeds are taken as independent between nets, though a seed draws the same batches for every net.\n"
    )
    text = f"{words.numbered(len(judged), 'claim')}: {counted}.\n\n{bullets(lines)}"
    return Section("Claims", text + (explained if tested else ""))
