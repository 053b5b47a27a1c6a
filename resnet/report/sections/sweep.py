"""The sweeps in the report: what tuning each depth at equal budget changes, from `runs/sweep/*.json` alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from resnet.records import SweepRecord, SweepTrial
from resnet.report.style import words as text
from resnet.report.style.drawing import BOLD, COLOURS, new_figure, save_or_remove, style

NAME = "sweep"
"""File name below `figures/`, without its ending."""

NETS = {"resnet": "Residual nets", "plain": "Plain nets"}


def read_sweeps(runs: Path) -> list[SweepRecord]:
    """Read the sweeps below a folder of runs, by kind of net and depth.

    Raises:
        UserError: a file is damaged.
    """
    found = [SweepRecord.read(path) for path in sorted((runs / "sweep").glob("*.json"))]
    return sorted(found, key=lambda record: (record.net, record.depth, record.name))


def standard_error(difference: tuple[float, float], images: int) -> float:
    """Standard error, in points, of the difference of two errors in % over so many images.

    As if measured on independent images: the errors of two nets on the same images are correlated, so
    that the true one is smaller. It holds the sampling of images alone, not the spread of seeds.
    """
    return math.sqrt(sum(error * (100 - error) / images for error in difference))


def _finished(record: SweepRecord) -> tuple[float, float] | None:
    """The errors of the own values and of the best trial, where the budget is spent; in %."""
    if record.status != "done" or record.best is None:
        return None
    own, best = record.default.validation_error, record.best.validation_error
    return None if own is None or best is None else (own, best)


def _order(errors: Sequence[tuple[str, float]]) -> list[str]:
    return [name for name, _ in sorted(errors, key=lambda pair: pair[1])]


def _same_conditions(records: Sequence[SweepRecord]) -> bool:
    """Whether budget, search, data, version and precision are the same for all."""
    first = records[0]
    return all(
        (record.settings["sweep"], record.identity.data, record.identity.version, record.precision)
        == (first.settings["sweep"], first.identity.data, first.identity.version, first.precision)
        for record in records
    )


def conclusions(records: Sequence[SweepRecord]) -> list[str]:
    """Say of each kind of net whether the order of depths survives tuning, or why that is not shown."""
    said = []
    for net, title in NETS.items():
        members = [record for record in records if record.net == net]
        if len(members) < 2:
            continue
        errors = {record.name: found for record in members if (found := _finished(record))}
        question = f"{title}: whether the order of depths survives tuning is **not shown**"
        if len(errors) < len(members):
            missing = [text.escaped(record.name) for record in members if record.name not in errors]
            said.append(f"{question}: {text.listed(missing)} without a finished sweep and own values that train.")
            continue
        if not _same_conditions(members):
            said.append(f"{question}: budget, search, data, version or precision differ between the nets.")
            continue
        own = [(record.name, errors[record.name][0]) for record in members]
        best = [(record.name, errors[record.name][1]) for record in members]
        before, after = " < ".join(_order(own)), " < ".join(_order(best))
        images = members[0].data.validation_images
        close = [
            f"{a} and {b}"
            for a, b in pairwise(_order(best))
            if errors[b][1] - errors[a][1] < 2 * standard_error((errors[a][1], errors[b][1]), images)
        ]
        ties = (
            f" Within two standard errors for {text.count(images)} images, and so not told apart: {'; '.join(close)}."
            if close
            else ""
        )
        verdict = f"the same as with the own values, {before}" if before == after else f"{after}; own values: {before}"
        mark = ("the order is " if not close else "the order of these single runs is ") + verdict
        said.append(f"{title}, by validation error after tuning: {text.escaped(mark)}.{ties}")
    return said


def _percent(value: float | None) -> str:
    return text.NONE if value is None else f"{value:.2f}"


def sweep_table(records: Sequence[SweepRecord]) -> str:
    """A row a net: how its trials ended, its validation error before and after, the best values."""
    rows = []
    for record in records:
        states = [trial.state for trial in record.trials]
        kinds: tuple[str, ...] = ("complete", "pruned", "diverged", "unfinished")
        counted = ", ".join(f"{states.count(kind)} {kind}" for kind in kinds if kind in states)
        best = record.best
        values = best.values if best else None
        rows.append(
            [
                text.escaped(record.name),
                f"{len(states)} of {text.count(record.iterations)} iterations ({counted})",
                _percent(record.default.validation_error),
                _percent(best.validation_error if best else None),
                f"{values.learning_rate:.3g}" if values else text.NONE,
                f"{values.weight_decay:.2g}" if values else text.NONE,
                ("on" if values.warmup else "off") if values else text.NONE,
                ", ".join(f"{part:g}" for part in values.milestones) if values else text.NONE,
                text.duration(sum(trial.seconds or 0.0 for trial in record.trials)),
            ]
        )
    headings = [
        "net",
        "trials",
        "own values: validation error, %",
        "best trial: validation error, %",
        "learning rate",
        "weight decay",
        "warm-up",
        "milestones",
        "time",
    ]
    return text.table(headings, rows, left=2)


def section(records: Sequence[SweepRecord]) -> str:
    """The section of summary.md; empty without a sweep."""
    if not records:
        return ""
    notes = [
        *conclusions(records),
        "One run a trial, all with one training seed; the error is the last iterate's on the validation images, "
        "and no test image took part. The best of many single runs is an optimistic figure: the error to quote is "
        "that of `best-NAME.yaml` trained over several seeds.",
    ]
    data = sorted({record.data.name for record in records if not record.data.official})
    if data:
        notes.insert(0, f"On {text.escaped(text.listed(data))}, not the official CIFAR-10.")
    caption = (
        "Validation error of each trial in turn and against its values: complete trials filled, pruned ones open at "
        "their last measurement (earlier in the schedule, so higher), own values a diamond, the best a star."
    )
    figure = f"[![{caption}](figures/{NAME}.png)](figures/{NAME}.svg)\n\n{caption}\n"
    return f"\n## Tuned at equal budget\n\n{sweep_table(records)}\n{text.bullets(notes)}\n{figure}"


def _level(trial: SweepTrial) -> float | None:
    """The last validation error measured, in %."""
    return trial.validation_errors[-1][1] if trial.validation_errors else None


def sweep_figure(records: Sequence[SweepRecord]) -> Figure | None:
    """A row of panels a net: the course of the search, and the validation error against each value."""
    if not records:
        return None
    figure = new_figure(11.0, 0.9 + 2.1 * len(records))
    axes = figure.subplots(len(records), 5, squeeze=False, sharey="row", width_ratios=[1.3, 1.3, 1.3, 0.7, 1.2])
    for row, record in zip(axes, records, strict=True):
        schedules = sorted({trial.values.milestones for trial in record.trials if trial.values})
        search = record.settings["sweep"]
        colour = COLOURS[0] if record.net == "resnet" else COLOURS[1]
        best, running = record.best, list[tuple[int, float]]()
        for trial in record.trials:
            level, values = _level(trial), trial.values
            if level is None or values is None:
                continue
            if trial.state == "complete":
                running.append((trial.number, min([level, *(error for _, error in running)])))
            look: dict[str, Any] = {"marker": "o", "ms": 4.5, "ls": "", "color": colour, "alpha": 0.75}
            if trial.state != "complete":
                look |= {"mfc": "white", "alpha": 0.5}
            if trial.number == 0:
                look |= {"marker": "D", "ms": 6, "color": "#000000", "alpha": 1.0}
            if trial is best:
                look |= {"marker": "*", "ms": 11, "color": COLOURS[4], "mec": "#000000", "alpha": 1.0, "zorder": 3}
            places = (trial.number, values.learning_rate, values.weight_decay, int(values.warmup))
            for panel, x in zip(row, (*places, schedules.index(values.milestones)), strict=True):
                panel.plot([x], [level], **look)
        row[0].step(*zip(*running, strict=True), where="post", color=colour, lw=1.2) if running else None
        row[0].set_ylabel(f"{record.name}\nvalidation error, %")
        for panel, key in ((row[1], "learning_rate"), (row[2], "weight_decay")):
            panel.set_xscale("log")
            low, high = search[key]
            panel.set_xlim(low / 1.2, high * 1.2)
        row[3].set_xticks([0, 1], ["off", "on"])
        row[3].set_xlim(-0.5, 1.5)
        row[4].set_xticks(range(len(schedules)), ["\n".join(f"{part:g}" for part in one) for one in schedules])
        row[4].set_xlim(-0.5, max(1, len(schedules)) - 0.5)
    for panel, label in zip(axes[-1], ("trial", "learning rate", "weight decay", "warm-up", "milestones"), strict=True):
        panel.set_xlabel(label)
    data = text.listed(sorted({record.data.name for record in records}))
    figure.suptitle(f"Sweeps on {data}: validation error of the last iterate", **BOLD)
    looks: tuple[tuple[str, dict[str, Any]], ...] = (
        ("complete", {"marker": "o", "color": COLOURS[0], "ms": 4.5}),
        ("pruned, at its last measurement", {"marker": "o", "color": COLOURS[0], "mfc": "white", "ms": 4.5}),
        ("own values", {"marker": "D", "color": "#000000", "ms": 6}),
        ("best", {"marker": "*", "color": COLOURS[4], "mec": "#000000", "ms": 11}),
    )
    handles = [Line2D([], [], ls="", label=label, **look) for label, look in looks]
    handles.append(Line2D([], [], color=COLOURS[0], lw=1.2, label="best so far"))
    figure.legend(handles=handles, loc="outside lower center", ncols=5)
    return figure


def write_sweep_figure(records: Sequence[SweepRecord], folder: Path) -> None:
    """Write the figure as SVG and PNG; remove an earlier one where there is no sweep."""
    with style():
        save_or_remove(sweep_figure(records), folder, NAME)
