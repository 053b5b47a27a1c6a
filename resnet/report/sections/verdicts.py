"""The claims that have a verdict, a line each, the secondary ones on a click; of the others the number."""

from typing import Any

from pandas import DataFrame

from resnet.report import words
from resnet.report.markdown import bullets, details, escaped
from resnet.report.style import Section
from resnet.report.tables import Tables, rows, select


def _line(claim: Any) -> str:
    (difference, interval), unit = words.claimed(claim), f" {claim.unit}" if claim.unit else ""
    interim = " (interim: seeds are missing)" if claim.interim else ""
    return f"**{claim.verdict.capitalize()}**{interim}: {escaped(claim.claim)}: {difference}{unit} ({interval})."


def section(tables: Tables, judged: DataFrame, statistics: str) -> Section:
    """The section; `statistics` is the page where the claims stand with their tests."""
    tested, level = judged[judged["verdict"] != "not tested"], f"{100 * tables.params.report.confidence:g} % interval"
    if tested.empty:
        return Section("Claims", "")
    primary, secondary = (select(tested, family=family) for family in ("primary", "secondary"))
    apart = "; a verdict allows for the number of claims (Holm), the interval does not"
    parts = [f"With the {level}{apart}:\n\n{bullets(map(_line, rows(primary)))}"] if len(primary) else []
    counted = words.numbered(len(secondary), "secondary claim")
    opened = bullets(map(_line, rows(secondary)))
    parts += [details(f"{counted} with a verdict, with the {level}", opened)] if opened else []
    untested = len(judged) - len(tested)
    rest = f"{words.numbered(untested, 'claim')} not tested. " if untested else ""
    return Section("Claims", "\n".join([*parts, f"{rest}Each with its test: [{statistics}]({statistics}#claims).\n"]))
