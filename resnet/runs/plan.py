"""The whole plan: what is left of it, and how long that takes on this machine."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from resnet.data import load
from resnet.errors import UserError
from resnet.files import write_text
from resnet.measuring.throughput import Forecaster
from resnet.params import Params, Settings
from resnet.records import DataRecord, ForecastRecord, TrainingRecord
from resnet.runs.identity import identity
from resnet.runs.run import Folders
from resnet.runs.seeds import forecast_message, seed_folders
from resnet.system import choose_device, choose_precision, describe_system
from resnet.training.checkpoint import iterations_saved

GATE = "The plan was forecast to end within limits.hours.\n"
"""Training waits for this file; its text never changes, so that a new forecast retrains nothing."""


def iterations_left(settings: Settings, data: DataRecord, runs: Path) -> list[int]:
    """What each seed still has to do that has no finished results of these settings, data and version in `runs`.

    The iterations that a checkpoint holds there are done.
    """
    precision = choose_precision(settings.train.precision, choose_device(settings.train.device))
    wanted = identity(settings, data, precision)

    def finished(folders: Folders) -> bool:
        if not folders.metrics_file.exists():
            return False
        record = TrainingRecord.read(folders.metrics_file)
        return record.status in ("done", "diverged") and record.identity == wanted

    seeds = [seed_folders(runs / settings.name, None, None, seed) for seed in settings.train.seed_list]
    return [
        settings.train.iterations - iterations_saved(folders.checkpoint_file, wanted)
        for folders in seeds
        if not finished(folders)
    ]


def forecast_plan(params: Params, runs: Path, out: Path, console: Console) -> ForecastRecord:
    """Forecast every net of the plan; leave `forecast.json`, and the gate only if the plan can finish.

    Raises:
        UserError: the forecast goes beyond `limits.hours`; the data are not prepared.
    """
    data = load(params.data.dir).record
    forecaster = Forecaster(data.validation_images + data.test_images)
    plan = [params.settings(name) for name in params.models]
    rows = [forecaster.row(settings, iterations_left(settings, data, runs)) for settings in plan]
    record = ForecastRecord(
        rows=tuple(rows),
        limit_hours=params.limits.hours,
        system=describe_system(choose_device(params.train.device)),
    )
    table = Table(title=f"Forecast on {record.system.device_name}")
    for heading in ("net", "seeds left", "s an iteration", "hours"):
        table.add_column(heading, justify="left" if heading == "net" else "right")
    for row in rows:
        step = f"{row.step_seconds:.3f}{'' if row.measured else ' (scaled)'}"
        table.add_row(row.name, str(row.seeds_left), step if row.seeds_left else "", f"{row.hours:,.2f}")
    table.add_section()
    table.add_row("all", str(sum(row.seeds_left for row in rows)), "", f"{record.hours:,.2f}")
    console.print(table)
    gate = out / "gate.txt"
    gate.unlink(missing_ok=True)
    record.write(out / "forecast.json")
    if record.hours > record.limit_hours:
        raise UserError(forecast_message(record.hours, record.limit_hours, rows))
    write_text(gate, GATE)
    return record
