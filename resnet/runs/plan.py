"""The whole plan: what is left of it, and how long that takes."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from resnet.data import load
from resnet.nets import kernels
from resnet.params import Params, Settings
from resnet.results import DataRecord, ForecastRecord
from resnet.results.consistency import read_run, weights_of
from resnet.results.plan_runs import is_complete
from resnet.runs.folders import seed_folders
from resnet.runs.forecast import Forecaster, forecast_table
from resnet.runs.identity import identity
from resnet.runs.results import Results
from resnet.system import Machine
from resnet.training.devices import choose_machine


def iterations_left(settings: Settings, machine: Machine, data: DataRecord, runs: Path) -> list[int]:
    """What each seed still has to do that has no complete results of these settings, data and version in `runs`.

    The iterations that a checkpoint holds there are done.
    """
    planned = identity(settings, data, machine.precision)
    seeds = (seed_folders(runs / settings.name, seed) for seed in settings.train.seed_list)
    results = [Results(settings, planned, folders) for folders in seeds]
    return [each.iterations_left() for each in results if not _is_complete(each)]


def _is_complete(results: Results) -> bool:
    if results.ended_record() is None:
        return False
    run = read_run(results.folders.results)
    return is_complete(run, weights_of(run.folder))


def forecast_plan(params: Params, runs: Path, out: Path, console: Console) -> ForecastRecord:
    """Forecast every net of the plan; leave `forecast.json`, also where the plan cannot finish.

    Raises:
        UserError: the forecast goes beyond `limits.hours`; the data are not prepared; a net asks for a device
            or a precision that is not there.
    """
    data = load(params.data.dir, params.data).record
    forecaster = Forecaster(data.validation_images + data.test_images)
    for settings in [params.settings(name) for name in params.models]:
        machine = choose_machine(settings.train)
        forecaster.forecast(settings, machine, iterations_left(settings, machine, data, runs))
    record = ForecastRecord(
        rows=tuple(forecaster.rows),
        limit_hours=params.limits.hours,
        system=choose_machine(params.train).describe(kernels.available),
    )
    console.print(forecast_table(record.rows, record.system.timed_on))
    record.write(out / "forecast.json")
    forecaster.check(record.limit_hours)
    return record
