"""All seeds of one net in one folder: checked, forecast, then trained, as many at once as the device takes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from resnet.data import Data
from resnet.errors import UserError
from resnet.files import locked, remove_partials
from resnet.params import Settings
from resnet.results import TrainingRecord
from resnet.results.plan_runs import off_plan
from resnet.runs.display import RunDisplay, training_bars
from resnet.runs.forecast import Forecaster
from resnet.runs.live import Viewer
from resnet.runs.results import Arrangement, arrange, carry_out, reunite, seed_folders
from resnet.runs.run import Run, train_side_by_side
from resnet.system import Machine
from resnet.training.placement import Placement, place


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
    """Train every seed that is not already complete in `out/seed-<k>`, and give all their records.

    What `out` has of this very run goes on, even from where it was set aside. With `overwrite` all else that `out` has
    of these seeds moves away: results of other settings, data or version, and what cannot be read. Weights go to
    `weights/seed-<k>` instead if that is given, checkpoints of unfinished runs to `checkpoints/seed-<k>`.

    Raises:
        UserError: `out` has other results and `overwrite` is not set, another process trains one of the seeds,
            or the forecast goes beyond `limits.hours`. Earlier results are then as they were.
        Interrupted: a signal has stopped it.
    """
    console = console or Console(stderr=True)
    runs = [Run(settings, k, data, seed_folders(out, k, weights, checkpoints), machine, live) for k in seeds]
    with ExitStack() as locks:
        for run in runs:
            locks.enter_context(locked(run.folders.results, "training this seed"))
        for run in runs:
            for folder in set(run.folders):
                remove_partials(folder)
            reunite(run.folders)
        arrangements = [arrange(run.results) for run in runs]
        if not overwrite:
            _refuse(out, runs[0], arrangements)
        # A forecast that says no leaves all as it was: nothing has moved yet.
        if left := [each.iterations_left for each in arrangements if each.iterations_left]:
            forecaster = Forecaster(len(data.validation) + len(data.test), console)
            forecaster.forecast(settings, machine, left)
            forecaster.check(settings.limits.hours)
        for run, arrangement in zip(runs, arrangements, strict=True):
            for line in arrangement.lines:
                console.print(f"{settings.name} seed {run.seed}: {line}", soft_wrap=True, markup=False)
            carry_out(arrangement.moves)
        records = {run.seed: record for run in runs if (record := run.results.take_over()) is not None}
        for seed in records:
            console.print(f"{settings.name} seed {seed}: already complete", soft_wrap=True)
        placement, waiting = place(settings, machine), [run for run in runs if run.seed not in records]
        for start in range(0, len(waiting), placement.seeds):
            for record in _train(waiting[start : start + placement.seeds], settings, placement, console):
                records[record.seed] = record
        return [records[seed] for seed in seeds]


def _refuse(out: Path, run: Run, arrangements: Sequence[Arrangement]) -> None:
    """Refuse results of another configuration, data or version than a run's, whichever seed of `out` has them."""
    planned = run.settings.with_train(precision=run.machine.precision)
    for metrics in sorted(out.glob("seed-*/metrics.json")):
        try:
            record = TrainingRecord.read(metrics)
        except UserError as error:
            raise UserError(f"{error}: pass --overwrite to move it aside") from error
        if record.identity != run.identity:
            why = off_plan(record, planned) or f"another {' and '.join(record.identity.differences(run.identity))}"
            raise UserError(
                f"{metrics.parent}: holds results of other settings, data or version ({why}): pass --overwrite to "
                "move aside what is in the way, or give another --out"
            )
    for obstacle in (each.obstacle for each in arrangements if each.obstacle):
        raise UserError(f"{obstacle}, or pass --overwrite to move it aside and start over, or give another --out")


def _train(runs: Sequence[Run], settings: Settings, placement: Placement, console: Console) -> list[TrainingRecord]:
    machine, iterations = placement.machine, settings.train.iterations
    where = f"{machine.device.type}, {machine.precision}{'' if machine.gpu else ', slower than a GPU and as exact'}"
    titles = [f"{settings.name} seed {run.seed}" for run in runs]
    console.print(f"{', '.join(titles)}: {iterations:,} iterations on {where}", soft_wrap=True)
    with training_bars(console) as bars:
        shown = [RunDisplay(bars, title, iterations, settings.train.batch_size) for title in titles]
        records = train_side_by_side(runs, shown)
    for title, record in zip(titles, records, strict=True):
        ended = f"{record.status} at iteration {record.iteration:,}"
        if record.status == "done":
            ended = f"test error {record.test_error:.2f} % in {record.seconds / 60:.1f} min"
        console.print(f"{title}: {ended}", soft_wrap=True)
    return records
