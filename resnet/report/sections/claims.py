"""The claims of section 4.2 with their verdicts; those that are not tested are one line."""

from typing import Any

from pandas import DataFrame

from resnet.report.analysis.claims import VERDICTS, claims
from resnet.report.analysis.nets import main_nets
from resnet.report.analysis.published import published
from resnet.report.style import words
from resnet.report.style.drawing import Section
from resnet.report.style.markdown import bullets, escaped
from resnet.report.tables import Tables, rows, select


def _conditions(tables: Tables) -> str:
    """Data and schedule of the claims' nets where they are not the paper's: ` (on digits, 400 iterations)`."""
    claimed = [name for kind in ("plain", "resnet") for name in main_nets(tables, kind) if len(tables.started(name))]
    lengths, papers = sorted({int(tables.net(name).iterations) for name in claimed}), published().protocol.iterations
    conditions = [] if tables.official else [words.listed(escaped(data.name) for data in tables.data)]
    if lengths and lengths != [papers]:
        counts = words.listed(map(words.count, lengths))
        conditions.append(f"{counts} of the paper's {words.count(papers)} iterations")
    return f" (on {', '.join(conditions)})" if conditions else ""


def _tested(claim: Any, where: str, level: str, family: int) -> str:
    decimals, unit = (2, f" {claim.unit}") if claim.unit else (3, "")
    written = [p if p.startswith("<") else f"= {p}" for p in map(words.p_value, (claim.p, claim.p_holm))]
    return (
        f"**{claim.verdict.capitalize()}**{where}: {escaped(claim.claim)}. Difference "
        f"{claim.difference:+.{decimals}f}{unit} ({level} {words.interval((claim.low, claim.high), decimals)}; "
        f"{escaped(claim.test)}; p {written[0]}, after Holm over {family} claims {written[1]})."
    )


def _untested(untested: DataFrame) -> str:
    """How many claims were not tested, and what is missing for them."""
    missing = dict.fromkeys(escaped(name) for names in untested["missing"] for name in names)
    needed = [f"Results are missing of {words.listed(missing)}. "] if missing else []
    others = dict.fromkeys(escaped(claim.why_not_tested) for claim in rows(untested) if not claim.missing)
    needed += [f"{reason[0].upper()}{reason[1:]}. " for reason in others]
    counted = words.numbered(len(untested), "claim")
    return f"**Not tested**: {counted}, see [claims.csv](claims.csv). {''.join(needed)}".rstrip()


def section(tables: Tables) -> Section:
    judged, confidence = claims(tables), tables.params.report.confidence
    if judged.empty:
        return Section("Claims", "The plan holds no two nets that a claim is about." if len(tables.nets) else "")
    tested, untested = judged[judged["verdict"] != "not tested"], select(judged, verdict="not tested")
    counts = {verdict: len(select(judged, verdict=verdict)) for verdict in VERDICTS}
    counted = words.listed(f"{number} {verdict}" for verdict, number in counts.items() if number)
    where, level = _conditions(tables), f"{100 * confidence:g} % interval"
    lines = [_tested(claim, where, level, len(tested)) for claim in rows(tested)]
    lines += [_untested(untested)] if len(untested) else []
    explained = (
        "\nA difference is the second net's mean over seeds minus the first's. A claim is shown, or contradicted, "
        f"where p after Holm's correction is below {1 - confidence:.2g}; *not shown* is no proof of the contrary. "
        "Seeds are taken as independent between nets, though a seed draws the same batches for every net.\n"
    )
    text = f"{words.numbered(len(judged), 'claim')}: {counted}.\n\n{bullets(lines)}"
    return Section("Claims", text + (explained if len(tested) else ""))
