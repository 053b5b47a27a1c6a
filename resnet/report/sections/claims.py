"""The claims of section 4.2 with their verdicts; those that are not tested are one line."""

from typing import Any

from pandas import DataFrame

from resnet.report import words
from resnet.report.analysis.claims import VERDICTS
from resnet.report.analysis.nets import main_nets
from resnet.report.analysis.stated import planned_tests, stated
from resnet.report.markdown import bullets, escaped
from resnet.report.published import published
from resnet.report.style import Section
from resnet.report.tables import Tables, rows, select


def _conditions(tables: Tables) -> str:
    """Data and schedule of the claims' nets where they are not the paper's: `on digits, 400 iterations`."""
    claimed = [name for kind in ("plain", "resnet") for name in main_nets(tables, kind) if len(tables.started(name))]
    lengths, papers = sorted({int(tables.net(name).iterations) for name in claimed}), published().protocol.iterations
    conditions = [] if tables.official else [words.listed(escaped(data.name) for data in tables.data)]
    if lengths and lengths != [papers]:
        counts = words.listed(map(words.count, lengths))
        conditions.append(f"{counts} of the paper's {words.count(papers)} iterations")
    return f"on {', '.join(conditions)}" if conditions else ""


def _tested(claim: Any, where: str) -> str:
    (difference, interval), unit = words.claimed(claim), f" {claim.unit}" if claim.unit else ""
    notes = "; ".join(filter(None, ["interim, seeds are missing" if claim.interim else "", where]))
    ps = [p if p.startswith("<") else f"= {p}" for p in map(words.p_value, (claim.p, claim.p_holm))]
    return (
        f"**{claim.verdict.capitalize()}: {interval}{unit}**{f' ({notes})' if notes else ''}. {escaped(claim.claim)}: "
        f"{difference}{unit} ({escaped(claim.test)}; p {ps[0]}, corrected {ps[1]})."
    )


LACKS = (
    ("missing", 1, "Runs of {} are missing.", "Layer responses of {} are missing."),
    ("single", 2, "One seed of {} shows no spread.", "One seed with layer responses of {} shows no spread."),
)
"""A column of nets, the seeds that suffice, what is said of fewer, and of their responses where they suffice."""


def _untested(tables: Tables, untested: DataFrame) -> str:
    """How many claims were not tested, and what is missing for them: a sentence a lack, whichever claims it is of."""
    needed = []
    for column, seeds, of_runs, of_responses in LACKS:
        nets = dict.fromkeys(name for names in untested[column] for name in names)
        enough = [name for name in nets if len(tables.seeds(name, "done")) >= seeds]
        for sentence, lacking in ((of_runs, [name for name in nets if name not in enough]), (of_responses, enough)):
            needed += [sentence.format(words.listed(map(escaped, lacking)))] if lacking else []
    others = dict.fromkeys(
        escaped(claim.why_not_tested) for claim in rows(untested) if not claim.missing and not claim.single
    )
    needed += [f"{reason[0].upper()}{reason[1:]}." for reason in others]
    counted = words.numbered(len(untested), "claim")
    return " ".join([f"**Not tested**: {counted}, see [claims.csv](claims.csv).", *needed])


def _family(tables: Tables, judged: DataFrame, family: str) -> str:
    """The claims of a family, a line each, with how many tests the correction is over."""
    tested = judged[judged["verdict"] != "not tested"]
    counts = {verdict: len(select(judged, verdict=verdict)) for verdict in VERDICTS}
    counted = words.listed(f"{number} {verdict}" for verdict, number in counts.items() if number)
    planned = words.numbered(planned_tests(tables, stated(tables), family), "planned test")
    correction = f", corrected over {planned} (Holm)" if len(tested) else ""
    where = _conditions(tables)
    lines = [_tested(claim, where) for claim in rows(tested)]
    lines += [_untested(tables, untested)] if len(untested := select(judged, verdict="not tested")) else []
    return f"**{family.capitalize()} claims** ({counted}{correction})\n\n{bullets(lines)}"


def _explained(tables: Tables) -> str:
    report = tables.params.report
    return (
        f"\nThe interval is the {100 * report.confidence:g} % one of the difference: the second net minus the first "
        "where the sentence goes *from* one *to* another, the first minus the second where it compares them with "
        "*than*. The verdict allows for the number of claims, the interval does not. *Shown* or *contradicted*: the "
        f"corrected p is below {1 - report.confidence:.2g}; *undecided* is no proof of the contrary. *Interim*: until "
        "every planned seed is done a verdict may change, and looking at it more than once raises the chance of a "
        "false one. Seeds are taken as independent between nets, though a seed draws the same batches for every net.\n"
    )


def section(tables: Tables, judged: DataFrame) -> Section:
    if judged.empty:
        return Section("Claims", "The plan holds no two nets that a claim is about." if len(tables.nets) else "")
    families = [(family, select(judged, family=family)) for family in ("primary", "secondary")]
    parts = [_family(tables, of_family, family) for family, of_family in families if len(of_family)]
    tested = judged["p"].notna().any()
    return Section("Claims", "\n".join(parts) + (_explained(tables) if tested else ""))
