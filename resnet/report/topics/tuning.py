"""Sweeps: what tuning each depth at equal budget changes, on validation error alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from pandas import DataFrame

from resnet.report import style, words
from resnet.report.markdown import bullets, escaped
from resnet.report.section import Picture, Section
from resnet.report.style import KIND_NAMES
from resnet.report.table import Cell, table
from resnet.results import SweepRecord

Sweeps = Sequence[SweepRecord]

NOTE = (
    "One run a trial, all with one training seed. The error is the last iterate's on the validation images; no test "
    "image took part. The best of many single runs is optimistic: the error to quote is that of `best-NAME.yaml`, "
    "trained over several seeds."
)
CAPTION = (
    "Each point is a trial's validation error, in turn and against its values. Complete trials are filled; pruned and "
    "diverged ones are hollow, at their last measurement, which is earlier in the schedule. The diamond has the "
    "plan's own values, the star is the best trial, and the line is the best so far."
)
PANELS = {"number": "trial", "learning_rate": "learning rate", "weight_decay": "weight decay"}
"""Columns of `frame` that trials are drawn against, with their labels."""


def frame(sweeps: Sweeps) -> DataFrame:
    """A row a trial that has been measured: its values and `error`, the last validation error measured, in %."""
    measured = [(sweep, trial) for sweep in sweeps for trial in sweep.trials if trial.validation_errors]
    cells = [
        {"name": sweep.name, "kind": sweep.net, "depth": sweep.depth, "number": trial.number, "state": trial.state}
        | {"error": trial.validation_errors[-1][1], "best": trial is sweep.best}
        | {column: getattr(trial.values, column) for column in ("learning_rate", "weight_decay")}
        for sweep, trial in measured
    ]
    return DataFrame(cells)


# Whether the order of depths survives.


def standard_error(errors: tuple[float, float], images: int) -> float:
    """Standard error, in points, of the difference of two errors in % over so many images.

    As if of independent images: those of two nets on the same images are correlated, and the true one is smaller.
    """
    return math.sqrt(sum(error * (100 - error) / images for error in errors))


def _errors(sweep: SweepRecord) -> tuple[float, float] | None:
    """The errors in % of the own values (trial 0) and of the best trial, if the budget is spent."""
    own, best = sweep.default.validation_error, sweep.best.validation_error if sweep.best else None
    return (own, best) if sweep.status == "done" and own is not None and best is not None else None


def _conditions(sweep: SweepRecord) -> tuple[Any, ...]:
    """What sweeps must share to be compared."""
    return sweep.settings["sweep"], sweep.identity.data, sweep.identity.version, sweep.precision


def order(sweeps: Sweeps) -> str:
    """Say whether the order of the nets of one kind is the same after tuning, or why that is not shown."""
    kind, images = KIND_NAMES[sweeps[0].net].capitalize(), sweeps[0].data.validation_images
    errors = {sweep.name: pair for sweep in sweeps if (pair := _errors(sweep))}
    question = f"{kind}: whether the order of depths survives tuning is **not shown**"
    if unfinished := [escaped(sweep.name) for sweep in sweeps if sweep.name not in errors]:
        return f"{question}. No finished sweep, or own values that diverge: {words.listed(unfinished)}."
    if any(_conditions(first) != _conditions(second) for first, second in pairwise(sweeps)):
        return f"{question}: budget, search, data, version or precision differ between the nets."
    own, tuned = (sorted(errors, key=lambda name: errors[name][place]) for place in (0, 1))
    best = {name: pair[1] for name, pair in errors.items()}
    ties = [(a, b) for a, b in pairwise(tuned) if best[b] - best[a] < 2 * standard_error((best[a], best[b]), images)]
    before = "the same as with the own values" if own == tuned else f"with the own values {' < '.join(own)}"
    close = words.listed(f"{escaped(a)} and {escaped(b)}" for a, b in ties)
    unsure = f" Within two standard errors for {words.count(images)} images: {close}." if ties else ""
    return f"{kind} by validation error after tuning: {escaped(' < '.join(tuned))}, {escaped(before)}.{unsure}"


def orders(sweeps: Sweeps) -> Iterator[str]:
    """A sentence for each kind of net that has two sweeps."""
    for kind in ("resnet", "plain"):
        of_kind = [sweep for sweep in sweeps if sweep.net == kind]
        if len(of_kind) > 1:
            yield order(of_kind)


# The table and the figure.


def _line(sweep: SweepRecord) -> dict[str, Cell]:
    states = [trial.state for trial in sweep.trials]
    counted = ", ".join(f"{states.count(x)} {x}" for x in dict.fromkeys(sorted(states)))
    own, best = sweep.default.validation_error, sweep.best
    error, found = (best.validation_error, best.values) if best else (None, None)  # noqa: PD011
    seconds = sum(trial.seconds or 0.0 for trial in sweep.trials)
    return {
        "net": Cell(sweep.name),
        "trials": Cell(f"{len(states)} of {words.count(sweep.iterations)} iterations ({counted})"),
        "own values: validation error, %": Cell(words.percent(own), own),
        "best trial: validation error, %": Cell(words.percent(error), error),
        "learning rate": Cell(f"{found.learning_rate:.3g}" if found else words.NONE),
        "weight decay": Cell(f"{found.weight_decay:.2g}" if found else words.NONE),
        "warm-up": Cell(words.setting(found.warmup) if found else words.NONE),
        "milestones": Cell(", ".join(f"{part:g}" for part in found.milestones) if found else words.NONE),
        "time": Cell(words.duration(seconds), seconds),
    }


def _look(trial: Any) -> dict[str, Any]:
    colour = style.depth_colour(trial.depth)
    if trial.best:
        return {"marker": "*", "ms": 12, "color": colour, "mec": "black", "zorder": 3}
    if trial.number == 0:
        return {"marker": "D", "ms": 6, "color": colour, "mec": "black", "zorder": 3}
    filled = colour if trial.state == "complete" else "white"
    return {"marker": "s" if trial.kind == "plain" else "o", "ms": 4.5, "color": colour, "mfc": filled}


def _log_axis(panel: Any, values: Sequence[float]) -> None:
    """A logarithmic axis with ticks at the decades around these values; as it is if there are none."""
    if values:
        low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
        panel.set_xscale("log")
        panel.set_xlim(10.0**low / 1.2, 10.0**high * 1.2)
        style.log_ticks(panel.xaxis, [10.0**k for k in range(low, high + 1, 1 + (high - low) // 6)], "{:g}".format)


def _draw_net(panels: Any, sweep: SweepRecord, trials: DataFrame) -> None:
    for trial in trials.itertuples():
        for panel, column in zip(panels, PANELS, strict=True):
            panel.plot([getattr(trial, column)], [trial.error], ls="", **_look(trial))
    complete = trials[trials["state"] == "complete"]
    line = {"where": "post", "color": style.depth_colour(sweep.depth), "lw": 1.2, "zorder": 1}
    panels[0].step(complete["number"], complete["error"].cummin(), **line)
    panels[0].set_ylabel(f"{sweep.name} (n = {len(trials)})\nvalidation error, %")
    for panel, column in zip(panels[1:], ("learning_rate", "weight_decay"), strict=True):
        _log_axis(panel, [value for value in trials[column] if value > 0])
    panels[0].xaxis.set_major_locator(MaxNLocator(integer=True))


def figure(sweeps: Sweeps) -> Figure | None:
    """A line of panels a net."""
    trials = frame(sweeps)
    shown = [sweep for sweep in sweeps if not trials.empty and sweep.name in set(trials["name"])]
    if not shown:
        return None
    drawn = style.new_figure(9.2, 0.9 + 2.1 * len(shown))
    axes = drawn.subplots(len(shown), len(PANELS), squeeze=False, sharey="row")
    for panels, sweep in zip(axes, shown, strict=True):
        _draw_net(panels, sweep, trials[trials["name"] == sweep.name])
    for panel, label in zip(axes[-1], PANELS.values(), strict=True):
        panel.set_xlabel(label)
    data = words.listed(sorted({sweep.data.name for sweep in shown}))
    style.entitle(drawn, f"Sweeps on {data}: validation error of the last iterate")
    return drawn


def tuned(sweeps: Sweeps) -> Section:
    """The best values of each net, what becomes of the order of depths, and the figure."""
    others = words.listed(sorted({sweep.data.name for sweep in sweeps if not sweep.data.official}))
    notes = [f"On {escaped(others)}, not the official CIFAR-10."] if others else []
    text = bullets([*notes, *orders(sweeps), NOTE]) if sweeps else ""
    lines = [_line(sweep) for sweep in sweeps]
    picture = Picture("sweep", CAPTION, "", partial(figure, sweeps))
    return Section("Tuned at equal budget", (table(lines, left=2), text, picture))
