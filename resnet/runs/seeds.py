"""All seeds of one net in one folder: checked, forecast, then trained, as many at once as the device takes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from resnet.data import Data
from resnet.errors import UserError
from resnet.files import locked, remove_partials
from resnet.params import Settings
from resnet.results import TrainingRecord
from resnet.runs.aside import Arrangement, arrange, carry_out, finish_moves
from resnet.runs.display import TrainingDisplay
from resnet.runs.folders import seed_folders
from resnet.runs.forecast import Forecaster
from resnet.runs.identity import difference
from resnet.runs.live import Viewer
from resnet.runs.locks import ARRANGING, SeedLocks
from resnet.runs.results import Results
from resnet.runs.run import Run, train_side_by_side
from resnet.system import Machine
from resnet.training.placement import place


def _refuse(out: Path, runs: Sequence[Run], arrangements: Sequence[Arrangement]) -> None:
    """Refuse results of another configuration, data or version, whichever seed of `out` has them."""
    identities, run = {run.identity.model_dump_json() for run in runs}, runs[0]
    for metrics in sorted(out.glob("seed-*/metrics.json")):
        try:
            record = TrainingRecord.read(metrics)
        except UserError as error:
            raise UserError(f"{error}: pass --overwrite to move it aside") from error
        if record.identity.model_dump_json() not in identities:
            differs = difference(record, run.settings, run.identity, run.machine.precision)
            raise UserError(
                f"{metrics.parent}: holds results of other settings, data or version ({differs}): pass --overwrite to "
                "move aside what is in the way, or give another --out"
            )
    for run, arrangement in zip(runs, arrangements, strict=True):
        # A fresh clone has no weights, for they lie in DVC's cache: training makes them again.
        if arrangement.damage is not None and os.path.lexists(run.folders.weights_file):
            raise UserError(
                f"{arrangement.damage}: bring it back (git checkout, dvc checkout), or pass --overwrite to move the "
                "run aside and train it again"
            )
        if arrangement.replaces:
            raise UserError(
                f"{run.folders.checkpoint_file}: not a checkpoint of these settings, data and version that can be "
                "read: pass --overwrite to move it aside and start over, or another --out"
            )


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
    live: Viewer | None = None,
) -> list[TrainingRecord]:
    """Train every seed that is not already complete in `out`, and give all their records.

    Args:
        settings: what holds for the net.
        seeds: one run each; the results are in `out/seed-<k>`.
        data: the prepared data.
        out: may hold finished and interrupted runs of the same settings, data and version; what lies aside there of
            this very run comes back.
        machine: where it trains, and in which precision.
        weights: where the weights go instead, as `weights/seed-<k>/model.safetensors`.
        checkpoints: likewise for the checkpoints of unfinished runs.
        overwrite: move aside what other settings, data or version have made, or what cannot be read, of these seeds.
        console: where progress is shown.
        live: what shows the curves while they train.

    Raises:
        UserError: `out` holds other results and `overwrite` is not set, another process trains one of the seeds,
            or the forecast goes beyond `limits.hours`. Earlier results are then as they were.
        Interrupted: a signal asked to stop.
    """
    console = console or Console(stderr=True)
    places = [seed_folders(out, seed, weights, checkpoints) for seed in seeds]
    parents = {folder.parent for place in places for folder in place}
    runs = [Run(settings, seed, data, place, machine, live) for seed, place in zip(seeds, places, strict=True)]
    with SeedLocks(run.folders.results for run in runs) as locks:
        try:
            with locked(out, ARRANGING, wait=True):
                finish_moves(out, parents)
                locks.take()
                for folder in {folder for run in runs for folder in run.folders}:
                    remove_partials(folder)
                arrangements = [arrange(run.results) for run in runs]
                if not overwrite:
                    _refuse(out, runs, arrangements)
            # Where each run lies before anything moves: a forecast that says no leaves all as it was.
            present = (
                run.results._replace(folders=arrangement.source)
                for run, arrangement in zip(runs, arrangements, strict=True)
            )
            unfinished = [results for results in present if results.finished_record() is None]
            if unfinished:
                _check_forecast(settings, machine, unfinished, data, console)
        except UserError:
            with locked(out, ARRANGING, wait=True):
                locks.leave_no_empty_folder()
            raise
        for run, arrangement in zip(runs, arrangements, strict=True):
            for line in arrangement.lines:
                console.print(f"{settings.name} seed {run.seed}: {line}", soft_wrap=True, markup=False)
        moves = [move for arrangement in arrangements for move in arrangement.moves]
        if moves:
            with locked(out, ARRANGING, wait=True):
                finish_moves(out, parents)  # those of another process that was killed in the meantime
                carry_out(out, moves, parents)
                locks.take()
        records = {run.seed: record for run in runs if (record := run.results.take_over()) is not None}
        waiting = [run for run in runs if run.seed not in records]
        for seed in records:
            console.print(f"{settings.name} seed {seed}: already complete", soft_wrap=True)
        width = place(settings, machine).seeds
        for start in range(0, len(waiting), width):
            records |= _train(waiting[start : start + width], settings, machine, console)
        return [records[run.seed] for run in runs]


def _check_forecast(
    settings: Settings, machine: Machine, waiting: Sequence[Results], data: Data, console: Console
) -> None:
    forecaster = Forecaster(len(data.validation) + len(data.test))
    left = [results.iterations_left() for results in waiting]
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
    if not machine.gpu:
        where += ", no GPU: this is slower, and exact all the same"
    if place(settings, machine).recompute:
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
