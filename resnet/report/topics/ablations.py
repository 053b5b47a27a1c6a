"""Ablations: nets that differ in a setting from the net that represents their kind and depth, and what that changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from resnet.params import ReportParams
from resnet.report import ladders, words
from resnet.report.markdown import Markdown, code, escaped
from resnet.report.results import Net
from resnet.report.samples import Difference, paired, welch
from resnet.report.section import Section
from resnet.report.table import Cell, table

Nets = Mapping[str, Net]


class Ablation(NamedTuple):
    """A net and the one without its own settings."""

    net: Net
    base: Net
    changes: dict[str, tuple[Any, Any]]
    """Setting to its value, and to that of the base."""


def pairs(nets: Nets, others: Nets) -> Iterator[Ablation]:
    """Every net of a plan that is not the main one of its kind and depth, with that one.

    Args:
        nets: of the plan.
        others: of another plan, with which nets that this plan lacks are compared; empty if there is none.
    """
    known = {**others, **nets}
    for net in nets.values():
        name = ladders.main_net(known, net.kind, net.depth)
        if name is None or known[name] is net:
            continue
        changes = ladders.differing_settings(net, known[name])
        # Before both have run, a precision that is found at the start is no difference yet.
        changes = {key: values for key, values in changes.items() if "auto" not in values}
        yield Ablation(net, known[name], changes)


def _line(pair: Ablation, report: ReportParams) -> dict[str, Cell | str]:
    error, theirs = pair.net.over_seeds("test_error"), pair.base.over_seeds("test_error")
    runs, others = pair.net.done, pair.base.done
    same_data = bool(runs and others) and runs[0].record.identity.data == others[0].record.identity.data
    found = welch(error, theirs) if error and theirs and same_data else None
    same_seeds = [run.seed for run in runs] == [run.seed for run in others]
    by_seed = paired(error.values, theirs.values) if error and theirs and found and same_seeds else None

    def points(difference: Difference | None) -> Cell:
        if difference is None:
            return Cell(words.NONE)
        return Cell(words.difference(difference.value, difference.interval(report.confidence)), difference.value)

    level = f"{100 * report.confidence:g} % interval"
    return {
        "net": pair.net.name,
        "what is changed": Markdown(
            words.listed(
                f"{code(key)} {escaped(words.setting(ours))} (not {escaped(words.setting(not_ours))})"
                for key, (ours, not_ours) in pair.changes.items()
            )
        ),
        "against": pair.base.name,
        "test error, %": words.sample(error, "not run"),
        "of that, %": words.sample(theirs, "not run"),
        f"points ({level}, Welch)": points(found),
        f"paired by seed ({level})": points(by_seed),
        "p of difference": words.p_value(found.p) if found else words.NONE,
        f"p of {report.margin:g} points or more": (
            words.p_value(found.equivalence_p(report.margin)) if found else words.NONE
        ),
    }


def ablations(nets: Nets, report: ReportParams, others: Nets | None = None) -> Section:
    """Every net with settings of its own, and what they change."""
    compared = [*pairs(nets, others or {})]
    explained = (
        "The first p is of Welch's test, two-sided, that the two differ; the second of two one-sided tests that they "
        f"differ by less than {report.margin:g} points. Neither is corrected for the number of lines. Paired by seed: "
        "a seed has the same batches and augmentation in both nets, and the same first weights if the layers before "
        "are the same."
    )
    lines = [_line(pair, report) for pair in compared]
    started = any(pair.net.done for pair in compared)
    return Section("Ablations", (table(lines, left=3), explained if started else ""))
