"""Ablations: nets that differ in a setting from the net that represents their kind and depth, and what that changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from resnet.params import ReportParams
from resnet.report import ladders, words
from resnet.report.markdown import Markdown, code, escaped
from resnet.report.results import Net
from resnet.report.samples import Difference
from resnet.report.section import Line, Section
from resnet.report.table import Cell, table

Nets = Mapping[str, Net]
Changes = Mapping[str, tuple[Any, Any]]
"""Setting to its value, and to that of the base."""


def pairs(nets: Nets, others: Nets) -> Iterator[tuple[Net, Net, Changes]]:
    """Every net of a plan that is not the main one of its kind and depth, with that one, and what differs.

    The main one may be of another plan, `others`, if this plan lacks it.
    """
    known = {**others, **nets}
    for net in nets.values():
        base = known[ladders.main_net(known, net.kind, net.depth) or net.name]
        if base is not net:
            changes = ladders.differing_settings(net, base)
            # Before both have run, a precision that is found at the start is no difference yet.
            yield net, base, {key: values for key, values in changes.items() if "auto" not in values}


def _line(net: Net, base: Net, changes: Changes, report: ReportParams) -> Line:
    same_data = len({one.done[0].record.identity.data for one in (net, base) if one.done}) == 1
    found, by_seed = ladders.compared(net, base, "test_error") if same_data else (None, None)

    def points(difference: Difference | None) -> Cell:
        if difference is None:
            return Cell(words.NONE)
        return Cell(words.difference(difference.value, difference.interval(report.confidence)), difference.value)

    changed = [
        f"{code(key)} {escaped(words.setting(ours))} (not {escaped(words.setting(not_ours))})"
        for key, (ours, not_ours) in changes.items()
    ]
    level = f"{100 * report.confidence:g} % interval"
    return {
        "net": net.name,
        "what is changed": Markdown(words.listed(changed)),
        "against": base.name,
        "test error, %": words.sample(net.over_seeds("test_error"), "not run"),
        "of that, %": words.sample(base.over_seeds("test_error"), "not run"),
        f"points ({level}, Welch)": points(found),
        f"paired by seed ({level})": points(by_seed),
        "p of difference": words.p_value(found and found.p()),
        f"p of {report.margin:g} points or more": words.p_value(found and found.equivalence_p(report.margin)),
    }


def ablations(nets: Nets, report: ReportParams, others: Nets) -> Section:
    """Every net with settings of its own, and what they change; `others`: of another plan, which may have the base."""
    compared = [*pairs(nets, others)]
    explained = (
        "The first p is of Welch's test, two-sided, that the two differ; the second of two one-sided tests that they "
        f"differ by less than {report.margin:g} points. Neither is corrected for the number of lines. Paired by seed: "
        "a seed has the same batches and augmentation in both nets, and the same first weights if the layers before "
        "are the same."
    )
    started = any(net.done for net, *_ in compared)
    return Section("Ablations", (table([_line(*x, report) for x in compared], left=3), explained if started else ""))
