"""All seeds of one net in one folder: checked, forecast, then trained, as many at once as the device takes."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from resnet.data import Data
from resnet.errors import UserError
from resnet.measuring.throughput import Forecaster
from resnet.params import Settings
from resnet.records import ForecastRow, TrainingRecord
from resnet.runs.display import TrainingDisplay
from resnet.runs.run import Folders, Run, train_side_by_side
from resnet.system import choose_device, choose_precision
from resnet.training.memory import recomputes, seeds_at_once


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder for this process alone; the lock ends with the process, however that ends.

    Raises:
        UserError: another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise UserError(f"{folder}: another run is training into this folder") from error
        yield
    finally:
        os.close(descriptor)


def seed_folders(out: Path, weights: Path | None, checkpoints: Path | None, seed: int) -> Folders:
    """The folders of one seed: `seed-<k>` below each of the three."""
    name = f"seed-{seed}"
    return Folders(out / name, (weights or out) / name, (checkpoints or out) / name)


def _conflicts(out: Path, runs: Sequence[Run]) -> list[str]:
    """The seeds in `out` whose results were made by another configuration, data or version."""
    identities = {run.identity.model_dump_json() for run in runs}
    return [
        found.parent.name
        for found in sorted(out.glob("seed-*/metrics.json"))
        if TrainingRecord.read(found).identity.model_dump_json() not in identities
    ]


def forecast_message(hours: float, limit: float, rows: Sequence[ForecastRow]) -> str:
    """One line: the forecast, what costs most, and what to do."""
    costliest = sorted(rows, key=lambda row: row.hours, reverse=True)[:3]
    most = ", ".join(f"{row.name} {row.hours:,.1f} h" for row in costliest if row.hours)
    return (
        f"the plan is forecast to take {hours:,.1f} hours on this machine, over limits.hours = {limit:g} "
        f"({most}): try `make quickstart`, shrink train.iterations, train.seeds or the models, "
        "train on a GPU, or raise limits.hours"
    )


def train_seeds(
    settings: Settings,
    seeds: Sequence[int],
    data: Data,
    out: Path,
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
    device = choose_device(settings.train.device)
    precision = choose_precision(settings.train.precision, device)
    runs = [
        Run(settings, seed, data, seed_folders(out, weights, checkpoints, seed), device, precision) for seed in seeds
    ]
    with locked(out):
        conflicts = _conflicts(out, runs)
        if conflicts and not overwrite:
            raise UserError(
                f"{out}: holds results of other settings, data or version ({', '.join(conflicts)}): "
                "pass --overwrite to replace them, or another --out"
            )
        waiting = [run for run in runs if run.finished_record() is None]
        if waiting:
            _check_forecast(settings, waiting, data, console)
        for name in conflicts:
            for parent in {out, weights or out, checkpoints or out}:
                shutil.rmtree(parent / name, ignore_errors=True)
        if overwrite:
            for run in waiting:
                run.drop_foreign_checkpoint()
        records = {run.seed: record for run in runs if (record := run.take_over()) is not None}
        for seed in records:
            console.print(f"{settings.name} seed {seed}: already complete", soft_wrap=True)
        width = seeds_at_once(settings, precision, device)
        for start in range(0, len(waiting), width):
            records |= _train(waiting[start : start + width], settings, console)
        return [records[run.seed] for run in runs]


def _check_forecast(settings: Settings, waiting: Sequence[Run], data: Data, console: Console) -> None:
    images = len(data.validation) + len(data.test)
    left = [run.iterations_left() for run in waiting]
    row = Forecaster(images).row(settings, left)
    seeds = "seed" if len(waiting) == 1 else "seeds"
    some_done = sum(left) < len(waiting) * settings.train.iterations
    still = f", {sum(left):,} left" if some_done else ""
    console.print(
        f"{settings.name}: {len(waiting)} {seeds} of {settings.train.iterations:,} iterations{still}, "
        f"forecast {row.hours:.2f} h at {row.step_seconds:.3f} s an iteration",
        soft_wrap=True,
    )
    if row.hours > settings.limits.hours:
        raise UserError(forecast_message(row.hours, settings.limits.hours, [row]))


def _train(runs: Sequence[Run], settings: Settings, console: Console) -> dict[int, TrainingRecord]:
    device, precision = runs[0].device, runs[0].precision
    where = f"{device.type}, {precision}"
    if device.type == "cpu":
        where += ", no GPU: this is slower, and exact all the same"
    if recomputes(settings, precision, device):
        where += "; activations are computed again instead of kept, to fit the memory"
    if len(runs) > 1:
        where += f"; {len(runs)} seeds side by side"
    recipe = settings.train
    titles = [f"{settings.name} seed {run.seed}" for run in runs]
    console.print(f"{', '.join(titles)}: {recipe.iterations:,} iterations on {where}", soft_wrap=True)
    with TrainingDisplay(console) as display:
        reports = [display.run(title, recipe.iterations, recipe.batch_size) for title in titles]
        records = train_side_by_side(runs, reports)
    for title, record in zip(titles, records, strict=True):
        ended = f"{record.status} at iteration {record.iteration:,}"
        if record.status == "done":
            ended = f"test error {record.test_error:.2f} % in {record.seconds / 60:.1f} min"
        console.print(f"{title}: {ended}", soft_wrap=True)
    return {record.seed: record for record in records}
