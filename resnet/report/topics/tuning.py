"""Sweeps: what tuning each depth at equal budget changes, on validation error alone."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from resnet.report import style, words
from resnet.report.markdown import bullets, escaped
from resnet.report.section import Line, Picture, Section
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


def _order(sweeps: Sweeps) -> str:
    """Say whether the order of the nets of one kind is the same after tuning, or why that is not shown.

    The standard error is of independent images: errors on the same images are correlated, and the true one is smaller.
    """
    kind, images = KIND_NAMES[sweeps[0].net].capitalize(), sweeps[0].data.validation_images
    errors = {
        sweep.name: (own, sweep.best.validation_errors[-1][1])
        for sweep in sweeps
        if sweep.status == "done" and (own := sweep.default.validation_error) is not None and sweep.best
    }
    question = f"{kind}: whether the order of depths survives tuning is **not shown**"
    if unfinished := [escaped(sweep.name) for sweep in sweeps if sweep.name not in errors]:
        return f"{question}. No finished sweep, or own values that diverge: {words.listed(unfinished)}."
    conditions = [(x.settings["sweep"], x.identity.data, x.identity.version, x.precision) for x in sweeps]
    if any(first != second for first, second in pairwise(conditions)):
        return f"{question}: budget, search, data, version or precision differ between the nets."
    before, after = (sorted(errors, key=lambda name: errors[name][place]) for place in (0, 1))
    best, ties = {name: pair[1] for name, pair in errors.items()}, list[str]()
    for a, b in pairwise(after):
        standard_error = math.sqrt(sum(best[name] * (100 - best[name]) / images for name in (a, b)))
        ties += [f"{escaped(a)} and {escaped(b)}"] if best[b] - best[a] < 2 * standard_error else []
    unsure = f" Within two standard errors for {words.count(images)} images: {words.listed(ties)}." if ties else ""
    same = "the same as with the own values" if before == after else f"with the own values {' < '.join(before)}"
    return f"{kind} by validation error after tuning: {escaped(' < '.join(after))}, {escaped(same)}.{unsure}"


def orders(sweeps: Sweeps) -> Iterator[str]:
    """A sentence for each kind of net that has two sweeps."""
    for kind in ("resnet", "plain"):
        of_kind = [sweep for sweep in sweeps if sweep.net == kind]
        if len(of_kind) > 1:
            yield _order(of_kind)


def _line(sweep: SweepRecord) -> Line:
    states = Counter(sorted(trial.state for trial in sweep.trials))
    counted = ", ".join(f"{number} {state}" for state, number in states.items())
    own, seconds = sweep.default.validation_error, sum(trial.seconds or 0.0 for trial in sweep.trials)
    best, values = (sweep.best.validation_error, sweep.best.values) if sweep.best else (None, None)
    return {
        "net": sweep.name,
        "trials": f"{len(sweep.trials)} of {words.count(sweep.iterations)} iterations ({counted})",
        "own values: validation error, %": Cell(words.percent(own), own),
        "best trial: validation error, %": Cell(words.percent(best), best),
        "learning rate": f"{values.learning_rate:.3g}" if values else words.NONE,
        "weight decay": f"{values.weight_decay:.2g}" if values else words.NONE,
        "warm-up": words.setting(values.warmup) if values else words.NONE,
        "milestones": ", ".join(f"{part:g}" for part in values.milestones) if values else words.NONE,
        "time": Cell(words.duration(seconds), seconds),
    }


def _log_axis(panel: Any, values: Sequence[float]) -> None:
    """A logarithmic axis with ticks at the decades around these values; as it is if there are none."""
    if values:
        low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
        panel.set_xscale("log")
        panel.set_xlim(10.0**low / 1.2, 10.0**high * 1.2)
        style.log_ticks(panel.xaxis, [10.0**k for k in range(low, high + 1, 1 + (high - low) // 6)], "{:g}".format)


def _draw_net(panels: Any, sweep: SweepRecord) -> None:
    """The last validation error of each trial that has one, in turn and against its values."""
    colour, measured = style.depth_colour(sweep.depth), list[Any](x for x in sweep.trials if x.validation_errors)
    for trial in measured:
        look = {"marker": "o", "ms": 4.5, "mfc": colour if trial.state == "complete" else "white"}
        if trial is sweep.best or trial.number == 0:
            marker, size = ("*", 12) if trial is sweep.best else ("D", 6)
            look = {"marker": marker, "ms": size, "mec": "black", "zorder": 3}
        places = (trial.number, trial.values.learning_rate, trial.values.weight_decay)
        for panel, place in zip(panels, places, strict=True):
            panel.plot([place], [trial.validation_errors[-1][1]], ls="", color=colour, **look)
    complete = [x for x in measured if x.state == "complete"]
    best = np.minimum.accumulate([x.validation_error for x in complete])
    panels[0].step([x.number for x in complete], best, where="post", color=colour, lw=1.2, zorder=1)
    panels[0].set_ylabel(f"{sweep.name} (n = {len(measured)})\nvalidation error, %")
    panels[0].xaxis.set_major_locator(MaxNLocator(integer=True))
    panels[0].set_xlim(-0.5, len(sweep.trials) - 0.5)
    _log_axis(panels[1], [x.values.learning_rate for x in measured])
    _log_axis(panels[2], [x.values.weight_decay for x in measured if x.values.weight_decay])


def figure(sweeps: Sweeps) -> Figure | None:
    """A line of panels a net."""
    shown = [sweep for sweep in sweeps if any(trial.validation_errors for trial in sweep.trials)]
    if not shown:
        return None
    titles, data = ("trial", "learning rate", "weight decay"), words.listed(sorted({x.data.name for x in shown}))
    title = f"Sweeps on {data}: validation error of the last iterate"
    drawn, axes = style.panels(9.2, 0.9 + 2.1 * len(shown), titles * len(shown), title, columns=3, sharey="row")
    for row, sweep in enumerate(shown):
        _draw_net(axes[3 * row : 3 * row + 3], sweep)
    return drawn


def tuned(sweeps: Sweeps) -> Section:
    """The best values of each net, what becomes of the order of depths, and the figure."""
    others = words.listed(sorted({sweep.data.name for sweep in sweeps if not sweep.data.official}))
    notes = [f"On {escaped(others)}, not the official CIFAR-10."] if others else []
    text = bullets([*notes, *orders(sweeps), NOTE]) if sweeps else ""
    picture = Picture("sweep", CAPTION, partial(figure, sweeps))
    return Section("Tuned at equal budget", (table([_line(sweep) for sweep in sweeps], left=2), text, picture))
