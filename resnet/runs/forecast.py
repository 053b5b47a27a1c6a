"""The one forecast: how long runs take on this machine, from a few measured steps, and what to do if too long."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from resnet.data import load
from resnet.errors import UserError
from resnet.measuring.stopwatch import time_round, wall_clock
from resnet.measuring.throughput import training_stepper, warm_up
from resnet.nets import kernels
from resnet.nets.layers import work
from resnet.params import Params, Settings
from resnet.results import DataRecord, ForecastRecord, ForecastRow
from resnet.runs.results import Results, identity, seed_folders
from resnet.system import Machine
from resnet.training.devices import choose_machine
from resnet.training.placement import place

DEEPEST_MEASURED = 110
"""Deeper nets are scaled by multiply-adds: a step of ResNet-1202 takes seconds on a CPU."""
WARMUP_STEPS, STEPS = 2, 3
"""Of a measurement."""


class Forecaster:
    """Forecasts the runs of nets, each from a few steps measured once; an evaluation looks at `images_evaluated`."""

    def __init__(self, images_evaluated: int, console: Console) -> None:
        self.images_evaluated, self.console = images_evaluated, console
        self.rows: list[ForecastRow] = []
        self._measured: dict[tuple[object, ...], float] = {}

    @property
    def hours(self) -> float:
        return sum(row.hours for row in self.rows)

    def forecast(self, settings: Settings, machine: Machine, iterations_left: Sequence[int]) -> ForecastRow:
        """Forecast the runs of one net that are left, each with so many iterations to do, and say it in a line."""
        recipe, step = settings.train, 0.0
        if iterations_left:
            step = self._step_seconds(settings, machine, len(iterations_left))
        # An image costs an evaluation the forward pass of an iteration's three passes of equal multiply-adds.
        evaluations = sum(1 + left // recipe.evaluate_every for left in iterations_left)
        steps = sum(iterations_left) + evaluations * self.images_evaluated / recipe.batch_size / 3
        row = ForecastRow(
            name=settings.name,
            seeds_left=len(iterations_left),
            step_seconds=step,
            measured=settings.depth <= DEEPEST_MEASURED,
            hours=steps * step / 3600,
        )
        self.rows.append(row)
        left = f"iterations left: {sum(iterations_left):,}, runs left: {row.seeds_left}"
        cost = f"forecast {row.hours:.2f} h at {step:.3f} s an iteration"
        self.console.print(f"{row.name}: {left}, {cost}", soft_wrap=True)
        return row

    def _step_seconds(self, settings: Settings, machine: Machine, seeds: int) -> float:
        """Seconds of a training iteration of one seed; those that train side by side are measured side by side."""
        placement, recipe = place(settings, machine), settings.train
        width = min(seeds, placement.seeds)
        shallower = settings.with_train(recompute=placement.recompute)
        shallower = shallower.model_copy(update={"depth": min(settings.depth, DEEPEST_MEASURED)})
        step = (recipe.batch_size, recipe.normalised_together, recipe.compile, placement.recompute)
        key = (machine, shallower.net, shallower.depth, settings.model, step, width)
        if key not in self._measured:
            self._measured[key] = _measure(shallower, machine, width)
        scale = work(settings).multiply_adds / work(shallower).multiply_adds
        return self._measured[key] * scale

    def check(self, limit_hours: float) -> None:
        """Refuse what takes more than `limits.hours`.

        Raises:
            UserError: it does. The line says what costs most, how fast it was measured, and what helps.
        """
        if self.hours > limit_hours:
            row = max(self.rows, key=lambda row: row.hours)
            raise UserError(
                f"the plan is forecast to take {self.hours:,.1f} hours on this machine, over limits.hours = "
                f"{limit_hours:g} ({row.name} most: {row.hours:,.1f} h at {row.step_seconds:.3f} s an iteration): "
                "try `make quickstart`, shrink train.iterations, train.seeds, the models or a sweep's trials, train on "
                "a GPU, or raise limits.hours"
            )


def _measure(settings: Settings, machine: Machine, seeds: int) -> float:
    """Seconds of a training step of one seed, side by side with the others."""
    steppers = [training_stepper(settings, machine, settings.train.batch_size) for _ in range(seeds)]

    def step() -> None:
        for advance in steppers:
            advance()

    warm_up(step, machine, WARMUP_STEPS)
    return time_round(step, wall_clock(machine), STEPS) / seeds


def iterations_left(settings: Settings, machine: Machine, data: DataRecord, runs: Path) -> list[int]:
    """What each seed still has to do that has no complete results of these settings, data and version in `runs`.

    The iterations that a checkpoint holds there are done.
    """
    planned, seeds = identity(settings, data, machine.precision), settings.train.seed_list
    results = [Results(settings, planned, seed_folders(runs / settings.name, seed)) for seed in seeds]
    return [left for each in results if (left := each.iterations_left(cloned=True))]


def forecast_plan(params: Params, runs: Path, out: Path, console: Console) -> ForecastRecord:
    """Forecast every net of the plan; leave `forecast.json`, also if the plan cannot finish.

    Raises:
        UserError: the forecast goes beyond `limits.hours`; the data are not prepared; a net asks for a device
            or a precision that is not there.
    """
    data = load(params.data.dir, params.data).record
    forecaster = Forecaster(data.validation_images + data.test_images, console)
    for settings in map(params.settings, params.models):
        machine = choose_machine(settings.train)
        forecaster.forecast(settings, machine, iterations_left(settings, machine, data, runs))
    record = ForecastRecord(
        rows=tuple(forecaster.rows),
        limit_hours=params.limits.hours,
        system=choose_machine(params.train).describe(kernels.available),
    )
    console.print(f"all: {record.hours:,.2f} h on {record.system.timed_on}", soft_wrap=True)
    record.write(out / "forecast.json")
    forecaster.check(record.limit_hours)
    return record
