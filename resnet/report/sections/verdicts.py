"""The claims that have a verdict, a line each, the secondary ones on a click; of the others the number."""

from typing import Any

from resnet.report.analysis.headline import judged_claims
from resnet.report.style import words
from resnet.report.style.drawing import Section
from resnet.report.style.markdown import bullets, details, escaped
from resnet.report.tables import Tables, rows


def _line(claim: Any) -> str:
    decimals, unit = (2, f" {claim.unit}") if claim.unit else (3, "")
    interim = " (interim: seeds are missing)" if claim.interim else ""
    interval = words.interval((claim.low, claim.high), decimals)
    return (
        f"**{claim.verdict.capitalize()}**{interim}: {escaped(claim.claim)}: "
        f"{claim.difference:+.{decimals}f}{unit} ({interval})."
    )


def section(tables: Tables, statistics: str) -> Section:
    """The section; `statistics` is the page where the claims stand with their tests."""
    judged, level = judged_claims(tables), f"{100 * tables.params.report.confidence:g} % interval"
    tested = judged[judged["verdict"] != "not tested"]
    if tested.empty:
        return Section("Claims", "")
    lines = {primary: bullets(map(_line, rows(claims))) for primary, claims in tested.groupby("primary")}
    parts = [f"With the {level}:\n\n{lines[True]}"] if True in lines else []
    if False in lines:
        counted = words.numbered(len(tested) - sum(tested["primary"]), "secondary claim")
        parts.append(details(f"{counted} with a verdict, with the {level}", lines[False]))
    untested = len(judged) - len(tested)
    rest = f"{words.numbered(untested, 'claim')} not tested. " if untested else ""
    return Section("Claims", "\n".join([*parts, f"{rest}Each with its test: [{statistics}]({statistics}#claims).\n"]))
