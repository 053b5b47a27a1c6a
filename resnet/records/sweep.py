"""What a sweep leaves: every trial of one net."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import model_validator

from resnet.records.base import Number, Record, Status
from resnet.records.provenance import DataRecord, Identity, System, with_identity


class SweepValues(Record):
    """What a sweep looks for, as keys of the parameters' `train` section."""

    learning_rate: float
    weight_decay: float
    warmup: bool
    milestones: tuple[float, ...]


SweepState = Literal["complete", "pruned", "diverged", "unfinished"]


class SweepTrial(Record):
    """One trial: a training run of a sweep's iterations with the values that it was given."""

    number: int
    """Its place in the budget, from 0; trial 0 has the parameters' own values."""
    state: SweepState
    values: SweepValues | None = None
    """None before a worker has taken it up."""
    validation_errors: tuple[tuple[int, Number], ...] = ()
    """Iterations done and the validation error then, in %; a complete trial's last is its last iterate's, in fp32."""
    attempts: int = 0
    """How often it was begun: more than once where a worker was killed."""
    seconds: float | None = None
    """Wall-clock time of the attempt that ended it."""
    system: System | None = None

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
    depth: int
    iterations: int
    """Of a trial."""
    precision: str
    data: DataRecord
    identity: Identity
    settings: dict[str, Any]
    """The effective `model` and `train` sections of the parameters, and `sweep` but for where it is stored."""
    trials: tuple[SweepTrial, ...]

    _from_before_versions = model_validator(mode="before")(with_identity)

    @property
    def default(self) -> SweepTrial:
        """The trial of the parameters' own values."""
        return self.trials[0]

    @property
    def best(self) -> SweepTrial | None:
        """The complete trial of the lowest validation error, the earlier of equals."""
        complete = [trial for trial in self.trials if trial.state == "complete"]
        return min(complete, key=lambda trial: trial.validation_errors[-1][1], default=None)
