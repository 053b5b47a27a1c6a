"""What a sweep leaves: every trial of one net."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from resnet.results.base import Amount, Count, Error, Flag, Positive, Quantity, Record, Seconds, Status
from resnet.results.provenance import DataRecord, Identity, System


class SweepValues(Record):
    """What a sweep looks for, as keys of the parameters' `train` section."""

    learning_rate: Quantity
    weight_decay: Amount
    warmup: Flag
    milestones: tuple[Annotated[float, Field(strict=True, gt=0, lt=1)], ...]


SweepState = Literal["complete", "pruned", "diverged", "unfinished"]


class SweepTrial(Record):
    """One trial: a training run of a sweep's iterations with the values that it was given."""

    number: Count
    """Its place in the budget, from 0; trial 0 has the parameters' own values."""
    state: SweepState
    values: SweepValues | None = None
    """None before a worker has taken it up."""
    validation_errors: tuple[tuple[Count, Error], ...] = ()
    """Iterations done and the validation error then, in %; a complete trial's last is its last iterate's, in fp32."""
    attempts: Count = 0
    """How often it was begun: more than once where a worker was killed."""
    seconds: Seconds | None = None
    """Wall-clock time of the attempt that ended it."""
    system: System | None = None

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.state == "complete" and not (self.validation_errors and self.values):
            raise ValueError("complete, without its values or its validation error")
        return self

    @property
    def validation_error(self) -> float | None:
        """In %, of the last iterate; None unless complete."""
        return self.validation_errors[-1][1] if self.state == "complete" else None


class SweepRecord(Record):
    """`runs/sweep/<name>.json`: every trial of one net's sweep. No test error is in it: none was measured."""

    kind: Literal["sweep"] = "sweep"
    status: Status
    name: str
    net: str
    depth: Positive
    iterations: Positive
    """Of a trial."""
    precision: str
    data: DataRecord
    identity: Identity
    settings: dict[str, Any]
    """The effective `model` and `train` sections of the parameters, and `sweep` but for where it is stored."""
    trials: Annotated[tuple[SweepTrial, ...], Field(min_length=1)]

    @property
    def default(self) -> SweepTrial:
        """The trial of the parameters' own values."""
        return self.trials[0]

    @property
    def best(self) -> SweepTrial | None:
        """The complete trial of the lowest validation error, the earlier of equals."""
        complete = [trial for trial in self.trials if trial.state == "complete"]
        return min(complete, key=lambda trial: trial.validation_errors[-1][1], default=None)
