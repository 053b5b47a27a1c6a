"""The result files of a plan, read and checked once: those that count by net, and the others with the reason."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from resnet.errors import UserError
from resnet.params import Params, Settings
from resnet.params.problems import first_problem
from resnet.report.published import PublishedError, papers_error
from resnet.report.samples import Sample, sample
from resnet.results import (
    DamagedFile,
    DataRecord,
    DescriptionRecord,
    ForecastRecord,
    HistoryRow,
    LatencyRecord,
    PublishedRecord,
    PublishedRecords,
    Record,
    ResponsesRecord,
    SweepRecord,
    ThroughputRecord,
    TrainingRecord,
    UsualLoopRecord,
)
from resnet.results.consistency import METRICS
from resnet.results.iteration_time import IterationTime, iteration_time
from resnet.results.plan_runs import read_plan_runs

OF_NET = attrgetter("name", "net", "depth")
PARTS = ("model", "train", "throughput")
"""Of a net's settings, in its results."""
R = TypeVar("R", bound=Record)


class Run(NamedTuple):
    """A planned seed that has begun under the plan's identity."""

    seed: int
    file: str
    """Of the record, below the runs' folder."""
    record: TrainingRecord
    curve: list[HistoryRow]
    """Empty if there is no learning curve."""
    predictions: NDArray[np.uint8] | None
    """(images, 2): label and predicted class."""

    @property
    def done(self) -> bool:
        return self.record.status == "done"

    @property
    def devices(self) -> list[str]:
        """The machines that it was trained on, with their threads."""
        return sorted({segment.system.timed_on for segment in self.record.segments})


@dataclass(frozen=True, eq=False)
class Net:
    """A net of the plan with its result files that count."""

    name: str
    kind: str
    """`plain` or `resnet`."""
    depth: int
    settings: Settings
    own_settings: frozenset[str]
    """Keys of `model` and `train` in which the plan sets it apart."""
    runs: tuple[Run, ...]
    """By seed, in the plan's order."""
    description: DescriptionRecord | None
    throughput: ThroughputRecord | None
    responses: ResponsesRecord | None

    @property
    def shortcut(self) -> str:
        return "none" if self.kind == "plain" else self.settings.model.shortcut

    @property
    def iterations(self) -> int:
        return self.settings.train.iterations

    @property
    def planned(self) -> int:
        """Seeds."""
        return len(self.settings.train.seed_list)

    @cached_property
    def done(self) -> list[Run]:
        return [run for run in self.runs if run.done]

    @property
    def devices(self) -> list[str]:
        """The machines that the seeds that are done were trained on."""
        return sorted({device for run in self.done for device in run.devices})

    @property
    def counted(self) -> Any:
        """A record that has `parameters` and `multiply_adds`; None before any has been made."""
        return next((run.record for run in self.runs), None) or self.description or self.throughput

    @cached_property
    def flat(self) -> dict[str, Any]:
        """The effective settings: `{"train.momentum": 0.9, ...}`."""
        sections = self.settings.model_dump(mode="json", include={"model", "train"})
        return {f"{part}.{key}": value for part, keys in sections.items() for key, value in keys.items()}

    @property
    def papers_error(self) -> PublishedError | None:
        """What the paper prints of this net, whether or not ours has run."""
        return papers_error(self.kind, self.depth, self.shortcut)

    @property
    def iterations_left(self) -> int:
        """Of all planned runs that have not come to their end, done or diverged."""
        stopped = [run.record.iteration for run in self.runs if run.record.status == "interrupted"]
        return self.runs_left * self.iterations - sum(stopped)

    @property
    def runs_left(self) -> int:
        return self.planned - sum(run.record.status != "interrupted" for run in self.runs)

    def over_seeds(self, quantity: str) -> Sample | None:
        """A number of the records of the seeds that are done; None without any."""
        return sample(getattr(run.record, quantity) for run in self.done)


Nets = Mapping[str, Net]


class Results(NamedTuple):
    """What `pages` hands to the topics, to each what it needs."""

    params: Params
    nets: dict[str, Net]
    """By name, in the plan's order."""
    data: DataRecord | None
    """What was trained on; None before anything was."""
    latency: list[tuple[str, LatencyRecord]]
    usual_loop: list[tuple[str, UsualLoopRecord]]
    published: tuple[PublishedRecord, ...]
    """Others' weights, evaluated here."""
    sweeps: list[SweepRecord]
    forecast: ForecastRecord | None
    not_counted: list[tuple[str, str]]
    """Files below the runs' folder that no number comes from, each with the reason."""


def iteration_seconds(results: Results) -> dict[str, IterationTime]:
    """The time of a training iteration of each net whose speed anything tells, as `resnet status` has it."""
    times = {}
    for name, net in results.nets.items():
        records = [run.record for run in net.runs]
        if time := iteration_time(net.settings, records, results.forecast, net.throughput):
            times[name] = time
    return times


class Folder:
    """The folder of result files; what is read of it is whole."""

    def __init__(self, runs: Path) -> None:
        self.runs = runs
        self.damaged: list[tuple[str, str]] = []
        """Files that were left out, below the folder, and what is wrong with each."""

    def find(self, pattern: str) -> list[str]:
        """Files by a pattern, sorted; what is hidden is no result."""
        top = pattern.split("/")[0]
        if os.path.lexists(self.runs / top) and not os.access(f"{self.runs / top}/.", os.R_OK | os.X_OK):
            self.damaged.append((top, "not a folder that can be read"))
        return sorted(path.relative_to(self.runs).as_posix() for path in self.runs.glob(pattern.replace("*", "[!.]*")))

    def read(self, record: type[R], file: str, settings: Settings | None = None) -> R | None:
        """Read a result, if there is one and it is whole; of a net, if its settings are given."""
        path = self.runs / file
        try:
            result = record.read(path) if os.path.lexists(path) else None
            if result and settings and OF_NET(result) != OF_NET(settings):
                name, net, depth = OF_NET(result)
                ours = f"{settings.name} is {settings.net}, depth {settings.depth}"
                raise DamagedFile(path, f"holds {name} ({net}, depth {depth}), but the parameters' {ours}")
        except DamagedFile as error:
            self.damaged.append((file, error.problem))
            return None
        return result

    def all(self, record: type[R], pattern: str) -> list[tuple[str, R]]:
        """Every whole result file of a pattern, with its path."""
        return [(file, result) for file in self.find(pattern) if (result := self.read(record, file))]


def read_results(params: Params, runs: Path, version: int | None = None) -> Results:
    """Read every result file of the plan.

    Args:
        params: the plan; its `models` are the nets.
        runs: the folder of result files, which may be empty or absent.
        version: of what an iteration computes today [all].
    """
    folder, trained = Folder(runs), read_plan_runs(params, runs, version)
    nets, of_nets = dict[str, Net](), dict[str, list[Run]]()
    for (name, seed), x in trained.runs.items():
        file = (x.folder / METRICS).relative_to(runs).as_posix()
        of_nets.setdefault(name, []).append(Run(seed, file, x.record, x.curve or [], x.predictions))
    for name in params.models:
        settings = params.settings(name)
        nets[name] = Net(
            name,
            settings.net,
            settings.depth,
            settings,
            frozenset({*params.models[name].model, *params.models[name].train}),
            tuple(of_nets.get(name, ())),
            folder.read(DescriptionRecord, f"describe/{name}.json", settings),
            folder.read(ThroughputRecord, f"throughput/{name}.json", settings),
            folder.read(ResponsesRecord, f"responses/{name}.json", settings),
        )
    published = folder.read(PublishedRecords, "published.json")
    sweeps = [record for _, record in folder.all(SweepRecord, "sweep/*.json")]
    latency = folder.all(LatencyRecord, "latency/*.json")
    usual_loop = folder.all(UsualLoopRecord, "usual-loop/*.json")
    left_out = [(os.path.relpath(path, runs), reason) for path, reason in trained.not_counted]
    measured = [file for kind in ("describe", "throughput", "responses") for file in folder.find(f"{kind}/*.json")]
    left_out += [(file, "the plan does not name it") for file in measured if Path(file).stem not in nets]
    return Results(
        params,
        nets,
        next((files.record.data for files in trained.runs.values()), None),
        latency,
        usual_loop,
        tuple(published.evaluations) if published else (),
        sorted(sweeps, key=lambda x: (x.net, x.depth, x.name)),
        folder.read(ForecastRecord, "forecast/forecast.json"),
        [*dict.fromkeys([*left_out, *folder.damaged])],
    )


def plan_of(runs: Path) -> Params:
    """The plan whose results these are, from the settings that they hold: for a folder without its parameters.

    Args:
        runs: with `train/<net>/seed-<k>/metrics.json` or `throughput/<net>.json`.

    Returns:
        The nets by their names and the seeds that are there; each net's own settings; the split of the data. What no
        result file holds is at its default. Without any net where there are no results that are whole.
    """
    folder, data = Folder(runs), dict[str, Any]()
    models = {record.name: _settings_of(record) for _, record in folder.all(ThroughputRecord, "throughput/*.json")}
    trained = dict[str, list[TrainingRecord]]()
    for file, record in folder.all(TrainingRecord, f"train/*/*/{METRICS}"):
        if file.split("/")[1] == record.name:
            trained.setdefault(record.name, []).append(record)
    for name, (first, *others) in trained.items():
        models[name] = _settings_of(first)
        models[name]["train"] |= {"seeds": sorted({record.seed for record in (first, *others)})}
        data = {"validation": first.data.validation_images, "split_seed": first.data.split_seed}
    by_depth = sorted(models.items(), key=lambda item: (item[1]["net"], item[1]["depth"], item[0]))
    try:
        return Params.model_validate({"data": data, "models": dict(by_depth)})
    except ValidationError as error:
        raise UserError(f"{runs}: the settings of its results are no plan: {first_problem(error)}") from error


def _settings_of(record: TrainingRecord | ThroughputRecord) -> dict[str, Any]:
    settings = {part: dict(record.settings.get(part) or {}) for part in PARTS}
    return {"net": record.net, "depth": record.depth, **settings}
