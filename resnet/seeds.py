"""All seeds of one net in one folder: checked, forecast, then trained one after the other."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from rich.console import Console

from resnet.data import Data
from resnet.display import TrainingDisplay
from resnet.errors import UserError
from resnet.params import Settings
from resnet.records import ForecastRow, TrainingRecord
from resnet.system import choose_device, choose_precision
from resnet.throughput import Forecaster
from resnet.train import Folders, Run


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
    """The seeds in `out` whose results were made by another configuration, data or code."""
    fingerprints = {run.fingerprint.model_dump_json() for run in runs}
    return [
        found.parent.name
        for found in sorted(out.glob("seed-*/metrics.json"))
        if TrainingRecord.read(found).fingerprint.model_dump_json() not in fingerprints
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
        out: may hold finished and interrupted runs of the same settings, data and code.
        weights: where the weights go instead, as `weights/seed-<k>/model.safetensors`.
        checkpoints: likewise for the checkpoints of unfinished runs.
        overwrite: drop results and checkpoints that other settings, data or code have made.
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
                f"{out}: holds results of other settings, data or code ({', '.join(conflicts)}): "
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
        return [_train(run, console, device) for run in runs]


def _check_forecast(settings: Settings, waiting: Sequence[Run], data: Data, console: Console) -> None:
    images = len(data.validation) + len(data.test)
    row = Forecaster(images).row(settings, [run.seed for run in waiting])
    seeds = "seed" if len(waiting) == 1 else "seeds"
    console.print(
        f"{settings.name}: {len(waiting)} {seeds} of {settings.train.iterations:,} iterations, "
        f"forecast {row.hours:.2f} h at {row.step_seconds:.3f} s an iteration",
        soft_wrap=True,
    )
    if row.hours > settings.limits.hours:
        raise UserError(forecast_message(row.hours, settings.limits.hours, [row]))


def _train(run: Run, console: Console, device: torch.device) -> TrainingRecord:
    title = f"{run.settings.name} seed {run.seed}"
    finished = run.finished_record()
    if finished is not None:
        console.print(f"{title}: already complete", soft_wrap=True)
        return run.execute()
    where = f"{device.type}, {run.precision}"
    if device.type == "cpu":
        where += ", no GPU: this is slower, and exact all the same"
    console.print(f"{title}: {run.recipe.iterations:,} iterations on {where}", soft_wrap=True)
    with TrainingDisplay(console, title, run.recipe.iterations, run.recipe.batch_size) as display:
        record = run.execute(display)
    if record.status == "done":
        console.print(f"{title}: test error {record.test_error:.2f} % in {record.seconds / 60:.1f} min", soft_wrap=True)
    else:
        console.print(f"{title}: {record.status} at iteration {record.iteration:,}", soft_wrap=True)
    return record
