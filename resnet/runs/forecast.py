"""The one forecast: how long runs take on this machine, from a few measured steps, and what to do if too long."""

from __future__ import annotations

import os
from collections.abc import Sequence

from rich.table import Table

from resnet.errors import UserError
from resnet.measuring.stopwatch import time_round, wall_clock
from resnet.measuring.throughput import training_stepper, warm_up
from resnet.nets.layers import work
from resnet.params import Settings
from resnet.results import ForecastRow
from resnet.results.iteration_time import hours_left
from resnet.system import Machine
from resnet.threads import cores
from resnet.training.placement import place

DEEPEST_MEASURED = 110
"""Deeper nets are scaled by multiply-adds: a step of ResNet-1202 takes seconds on a CPU."""
WARMUP_STEPS, STEPS = 2, 3
"""Of a measurement."""
BUSY = 1.25
"""Load average a core. Above it others are at work too: this process alone does not reach it."""


class Forecaster:
    """Forecasts the runs of nets, each from a few steps measured once.

    Args:
        images_evaluated: images that one evaluation of the curve looks at.
    """

    def __init__(self, images_evaluated: int) -> None:
        self.images_evaluated = images_evaluated
        self.rows: list[ForecastRow] = []
        self._nets: list[tuple[Settings, Machine]] = []
        self._measured: dict[tuple[object, ...], float] = {}

    @property
    def hours(self) -> float:
        return sum(row.hours for row in self.rows)

    def step_seconds(self, settings: Settings, machine: Machine, seeds: int = 1) -> float:
        """Seconds of a training iteration of one seed, if `seeds` of them wait.

        Those that a device trains side by side are measured side by side.
        """
        placement = place(settings, machine)
        width = min(seeds, placement.seeds)
        shallower = settings.with_train(recompute=placement.recompute)
        shallower = shallower.model_copy(update={"depth": min(settings.depth, DEEPEST_MEASURED)})
        recipe = settings.train
        step = (recipe.batch_size, recipe.normalised_together, recipe.compile, placement.recompute)
        key = (machine, shallower.net, shallower.depth, settings.model, step, width)
        if key not in self._measured:
            self._measured[key] = _measure(shallower, machine, width)
        scale = work(settings).multiply_adds / work(shallower).multiply_adds
        return self._measured[key] * scale

    def forecast(self, settings: Settings, machine: Machine, iterations_left: Sequence[int]) -> ForecastRow:
        """Forecast the runs of one net that are left.

        Args:
            settings: what holds for the net.
            machine: where it trains.
            iterations_left: of each run, those after its last checkpoint.
        """
        step = self.step_seconds(settings, machine, len(iterations_left)) if iterations_left else 0.0
        row = ForecastRow(
            name=settings.name,
            seeds_left=len(iterations_left),
            step_seconds=step,
            measured=settings.depth <= DEEPEST_MEASURED,
            hours=hours_left(iterations_left, step, settings.train, self.images_evaluated),
        )
        self.rows.append(row)
        self._nets.append((settings, machine))
        return row

    def check(self, limit_hours: float, shrinkable: str = "train.iterations, train.seeds or the models") -> None:
        """Refuse what takes too long.

        Args:
            limit_hours: `limits.hours`.
            shrinkable: the parameters that would make it shorter.

        Raises:
            UserError: the forecast goes beyond the limit. The line says what costs most, how fast it was
                measured, and what helps here.
        """
        if self.hours <= limit_hours:
            return
        costliest = sorted(zip(self.rows, self._nets, strict=True), key=lambda net: -net[0].hours)[:3]
        most = ", ".join(
            f"{row.name} {row.hours:,.1f} h at {settings.train.batch_size / row.step_seconds:,.0f} images/s"
            for row, (settings, _) in costliest
            if row.hours
        )
        settings, machine = costliest[0][1]
        # Nobody who trains on the quickstart's data is sent to the quickstart.
        advice = [] if settings.data.source == "digits" else ["try `make quickstart`"]
        advice += [f"shrink {shrinkable}", *([] if machine.gpu else ["train on a GPU"]), "or raise limits.hours"]
        busy, load = ":", os.getloadavg()[0]
        if not machine.gpu and load > BUSY * cores():
            busy = (
                f"; the machine is busy, its load average is {load:.1f} on {cores()} cores: wait until it is free, "
                "or set OMP_NUM_THREADS to fewer threads; otherwise"
            )
        raise UserError(
            f"the plan is forecast to take {self.hours:,.1f} hours on this machine, over limits.hours = "
            f"{limit_hours:g} ({most}){busy} {', '.join(advice)}"
        )


def _measure(settings: Settings, machine: Machine, seeds: int) -> float:
    """Seconds of a training step of one seed, side by side with the others."""
    steppers = [training_stepper(settings, machine, settings.train.batch_size) for _ in range(seeds)]

    def step() -> None:
        for advance in steppers:
            advance()

    warm_up(step, machine, WARMUP_STEPS)
    return time_round(step, wall_clock(machine), STEPS) / seeds


def forecast_table(rows: Sequence[ForecastRow], device: str) -> Table:
    """The forecast of a plan for a person."""
    table = Table(title=f"Forecast on {device}")
    for heading in ("net", "seeds left", "s an iteration", "hours"):
        table.add_column(heading, justify="left" if heading == "net" else "right")
    for row in rows:
        step = f"{row.step_seconds:.3f}{'' if row.measured else ' (scaled)'}"
        table.add_row(row.name, str(row.seeds_left), step if row.seeds_left else "", f"{row.hours:,.2f}")
    table.add_section()
    table.add_row("all", str(sum(row.seeds_left for row in rows)), "", f"{sum(row.hours for row in rows):,.2f}")
    return table
