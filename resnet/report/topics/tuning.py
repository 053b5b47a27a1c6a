"""Sweeps: what tuning each depth at equal budget changes, on validation error alone."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from resnet.report import words
from resnet.report.section import Line, Section
from resnet.report.table import Cell, table
from resnet.results import SweepRecord, SweepTrial

NOTE = (
    "Whether the order of depths survives tuning: compare the two columns of errors, between nets of the same budget. "
    "One run a trial, all with one training seed. The error is the last iterate's on the validation images, ± the "
    "standard error for independent images; no test image took part. The best of many single runs is optimistic: the "
    "error to quote is that of `best-NAME.yaml`, trained over several seeds."
)


def _error(trial: SweepTrial | None, images: int) -> Cell:
    """The validation error with its standard error."""
    if trial is None or (error := trial.validation_error) is None:
        return Cell(words.NONE)
    standard_error = math.sqrt(error * (100 - error) / images) if images else None
    return Cell(words.spread(error, standard_error, None), error)


def _line(sweep: SweepRecord) -> Line:
    states = Counter(sorted(trial.state for trial in sweep.trials))
    counted = ", ".join(f"{number} {state}" for state, number in states.items())
    images, seconds = sweep.data.validation_images, sum(trial.seconds or 0.0 for trial in sweep.trials)
    values = sweep.best.values if sweep.best else None
    return {
        "net": sweep.name,
        "data": f"{sweep.data.name}, {sweep.precision}",
        "trials": f"{len(sweep.trials)} of {words.count(sweep.iterations)} iterations ({counted}), {sweep.status}",
        "own values: validation error, %": _error(sweep.default, images),
        "best trial: validation error, %": _error(sweep.best, images),
        "learning rate": f"{values.learning_rate:.3g}" if values else words.NONE,
        "weight decay": f"{values.weight_decay:.2g}" if values else words.NONE,
        "warm-up": words.setting(values.warmup) if values else words.NONE,
        "milestones": ", ".join(f"{part:g}" for part in values.milestones) if values else words.NONE,
        "time": Cell(words.duration(seconds), seconds),
    }


def tuned(sweeps: Sequence[SweepRecord]) -> Section:
    """The best values of each net."""
    lines = [_line(sweep) for sweep in sweeps]
    return Section("Tuned at equal budget", (table(lines, left=3), NOTE if sweeps else ""))
