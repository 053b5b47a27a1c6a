"""All seeds of one net in one folder: checked, forecast, then trained, as many at once as the device takes."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from resnet.data import Data
from resnet.errors import UserError
from resnet.params import Settings
from resnet.records import TrainingRecord
from resnet.runs.display import TrainingDisplay
from resnet.runs.folders import locked, seed_folders
from resnet.runs.forecast import Forecaster
from resnet.runs.run import Run, train_side_by_side
from resnet.system import Machine
from resnet.training.memory import recomputes, seeds_at_once


def _conflicts(out: Path, runs: Sequence[Run]) -> list[str]:
    """The seeds in `out` whose results were made by another configuration, data or version."""
    identities = {run.identity.model_dump_json() for run in runs}
    return [
        metrics.parent.name
        for metrics in sorted(out.glob("seed-*/metrics.json"))
        if TrainingRecord.read(metrics).identity.model_dump_json() not in identities
    ]


def train_seeds(
    settings: Settings,
    seeds: Sequence[int],
    data: Data,
    out: Path,
    machine: Machine,
    *,
    weights: Path | None = None,
    checkpoints: Path | None = None,
    overwrite: bool = False,
    console: Console | None = None,
) -> list[TrainingRecord]:
    """Train every seed that is not already complete in `out`, and give all their records.

    Args:
        settings: what holds for the net.
        seeds: one run each; the results are in `out/seed-<k>`.
        data: the prepared data.
        out: may hold finished and interrupted runs of the same settings, data and version.
        machine: where it trains, and in which precision.
        weights: where the weights go instead, as `weights/seed-<k>/model.safetensors`.
        checkpoints: likewise for the checkpoints of unfinished runs.
        overwrite: drop results and checkpoints that other settings, data or version have made.
        console: where progress is shown.

    Raises:
        UserError: `out` holds other results and `overwrite` is not set, another process trains into it,
            or the forecast goes beyond `limits.hours`. Earlier results are then as they were.
        Interrupted: a signal asked to stop.
    """
    console = console or Console(stderr=True)
    runs = [Run(settings, seed, data, seed_folders(out, seed, weights, checkpoints), machine) for seed in seeds]
    with locked(out):
        conflicts = _conflicts(out, runs)
        if conflicts and not overwrite:
            raise UserError(
                f"{out}: holds results of other settings, data or version ({', '.join(conflicts)}): "
                "pass --overwrite to replace them, or another --out"
            )
        waiting = [run for run in runs if run.finished_record() is None]
        if waiting:
            _check_forecast(settings, machine, waiting, data, console)
        for name in conflicts:
            for parent in {out, weights or out, checkpoints or out}:
                shutil.rmtree(parent / name, ignore_errors=True)
        if overwrite:
            for run in waiting:
                run.drop_foreign_checkpoint()
        records = {run.seed: record for run in runs if (record := run.take_over()) is not None}
        for seed in records:
            console.print(f"{settings.name} seed {seed}: already complete", soft_wrap=True)
        width = seeds_at_once(settings, machine)
        for start in range(0, len(waiting), width):
            records |= _train(waiting[start : start + width], settings, machine, console)
        return [records[run.seed] for run in runs]


def _check_forecast(settings: Settings, machine: Machine, waiting: Sequence[Run], data: Data, console: Console) -> None:
    forecaster = Forecaster(len(data.validation) + len(data.test))
    left = [run.iterations_left() for run in waiting]
    row = forecaster.forecast(settings, machine, left)
    seeds = "seed" if len(waiting) == 1 else "seeds"
    some_done = sum(left) < len(waiting) * settings.train.iterations
    still = f", {sum(left):,} left" if some_done else ""
    console.print(
        f"{settings.name}: {len(waiting)} {seeds} of {settings.train.iterations:,} iterations{still}, "
        f"forecast {row.hours:.2f} h at {row.step_seconds:.3f} s an iteration",
        soft_wrap=True,
    )
    forecaster.check(settings.limits.hours)


def _train(runs: Sequence[Run], settings: Settings, machine: Machine, console: Console) -> dict[int, TrainingRecord]:
    where = f"{machine.device.type}, {machine.precision}"
    if machine.device.type == "cpu":
        where += ", no GPU: this is slower, and exact all the same"
    if recomputes(settings, machine):
        where += "; activations are computed again instead of kept, to fit the memory"
    if len(runs) > 1:
        where += f"; {len(runs)} seeds side by side"
    recipe = settings.train
    titles = [f"{settings.name} seed {run.seed}" for run in runs]
    console.print(f"{', '.join(titles)}: {recipe.iterations:,} iterations on {where}", soft_wrap=True)
    with TrainingDisplay(console) as display:
        lines = [display.run(title, recipe.iterations, recipe.batch_size) for title in titles]
        records = train_side_by_side(runs, lines)
    for title, record in zip(titles, records, strict=True):
        ended = f"{record.status} at iteration {record.iteration:,}"
        if record.status == "done":
            ended = f"test error {record.test_error:.2f} % in {record.seconds / 60:.1f} min"
        console.print(f"{title}: {ended}", soft_wrap=True)
    return {record.seed: record for record in records}
