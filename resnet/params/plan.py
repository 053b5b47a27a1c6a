"""The whole plan, and what holds for one of its nets."""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from resnet.errors import UserError, one_line
from resnet.params.problems import first_problem
from resnet.params.sections import (
    DataParams,
    Depth,
    EvaluateParams,
    LatencyParams,
    LimitsParams,
    ModelParams,
    Net,
    NetName,
    ReportParams,
    ResponsesParams,
    Section,
    SweepParams,
    ThroughputParams,
    TrainParams,
)


class ModelEntry(Section):
    """A net of the plan: a row of the report."""

    net: Net
    depth: Depth
    model: dict[str, Any] = Field({})
    train: dict[str, Any] = Field({})
    throughput: dict[str, Any] = Field({})


class Settings(Section):
    """What holds for one net: the base sections with its entry's overrides."""

    name: str
    net: Net
    depth: Depth
    data: DataParams
    model: ModelParams
    train: TrainParams
    throughput: ThroughputParams
    limits: LimitsParams

    def with_train(self, **changes: Any) -> Settings:
        """The same settings with other keys of `train`, which are taken as they are."""
        return self.model_copy(update={"train": self.train.model_copy(update=changes)})

    def with_seeds(self, seeds: list[int]) -> Settings:
        """The same settings with the seeds that were asked for.

        Raises:
            UserError: a seed is negative or named twice.
        """
        try:
            train = TrainParams.model_validate(self.train.model_dump() | {"seeds": seeds})
        except ValidationError as error:
            raise UserError(first_problem(error)) from error
        return self.model_copy(update={"train": train})


class Params(Section):
    data: DataParams = DataParams()
    model: ModelParams = ModelParams()
    train: TrainParams = TrainParams()
    throughput: ThroughputParams = ThroughputParams()
    latency: LatencyParams = LatencyParams()
    limits: LimitsParams = LimitsParams()
    responses: ResponsesParams = ResponsesParams()
    evaluate: EvaluateParams = EvaluateParams()
    report: ReportParams = ReportParams()
    sweep: SweepParams = SweepParams()
    models: dict[NetName, ModelEntry] = Field({})

    @model_validator(mode="after")
    def _entries(self) -> Self:
        names = {name.casefold() for name in self.models}
        if len(names) < len(self.models):
            raise ValueError("models: two names that some file systems take for one")
        for name in self.models:
            self._settings(name, self.models[name])
        return self

    def _settings(self, name: str, entry: ModelEntry) -> Settings:
        base = self.model_dump(exclude={"latency", "responses", "evaluate", "report", "sweep", "models"})
        for section in ("model", "train", "throughput"):
            base[section] |= getattr(entry, section)
        try:
            return Settings(name=name, net=entry.net, depth=entry.depth, **base)
        except ValidationError as error:
            raise ValueError(f"models.{name}.{first_problem(error)}") from error

    def settings(self, name: str) -> Settings:
        """Give what holds for the entry `name` of `models`.

        Raises:
            UserError: there is no such entry.
        """
        if name not in self.models:
            raise UserError(f"no net {name!r} in the parameters' models: {', '.join(self.models) or 'none'}")
        return self._settings(name, self.models[name])

    def settings_for(self, net: str, depth: int, name: str | None = None) -> Settings:
        """Give what holds for a net: its entry's overrides apply where `models` has one by its name.

        Raises:
            UserError: the net or the depth is none, or the entry of that name is another net.
        """
        name = name or f"{net}-{depth}"
        try:
            TypeAdapter(NetName).validate_python(name)
        except ValidationError as error:
            raise UserError(f"--name {one_line(name, 60)}: letters, digits, '.', '_' and '-' alone") from error
        entry = self.models.get(name)
        if entry is None:
            try:
                entry = ModelEntry.model_validate({"net": net, "depth": depth})
            except ValidationError as error:
                raise UserError(first_problem(error)) from error
        elif (entry.net, entry.depth) != (net, depth):
            raise UserError(f"models.{name} is {entry.net}-{entry.depth}, not {net}-{depth}")
        return self._settings(name, entry)
