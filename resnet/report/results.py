"""The result files of a plan, read and checked once: those that count by net, and the others with the reason."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from resnet.params import Params, Settings
from resnet.report.published import PublishedError, published
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
ANY = "[!.]*.json"
"""Of a folder; what is hidden is no result."""
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
        figures = published().errors_of(self.kind, self.depth, self.shortcut)
        return next((figure for figure in figures if figure.source == "paper"), None)

    @property
    def iterations_left(self) -> int:
        """Of all planned runs that have not come to their end, done or diverged."""
        stopped = [run.record.iteration for run in self.runs if run.record.status == "interrupted"]
        return self.runs_left * self.iterations - sum(stopped)

    @property
    def runs_left(self) -> int:
        return self.planned - sum(run.record.status != "interrupted" for run in self.runs)

    def by_seed(self, quantity: str) -> dict[int, float]:
        """A number of the records of the seeds that are done, where it is finite."""
        values = {run.seed: getattr(run.record, quantity) for run in self.done}
        return {seed: x for seed, x in values.items() if x is not None and math.isfinite(x)}

    def over_seeds(self, quantity: str) -> Sample | None:
        """The same as a sample; None without any."""
        return sample(self.by_seed(quantity).values())


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


def read_results(params: Params, runs: Path, version: int | None = None) -> Results:
    """Read every result file of the plan.

    Args:
        params: the plan; its `models` are the nets.
        runs: the folder of result files, which may be empty or absent.
        version: of what an iteration computes today [all].
    """
    trained = read_plan_runs(params, runs, version)
    left_out = [(os.path.relpath(path, runs), reason) for path, reason in trained.not_counted]

    def found(record: type[R], pattern: str) -> dict[str, R]:
        """Every whole file of a pattern, by its path below `runs`."""
        whole = {}
        for path in sorted(runs.glob(pattern)):
            file = path.relative_to(runs).as_posix()
            try:
                whole[file] = record.read(path)
            except DamagedFile as error:
                left_out.append((file, error.problem))
        return whole

    def of_nets(record: type[R], folder: str) -> dict[str, R]:
        """The whole files of the plan's nets, by their names."""
        whole = dict[str, R]()
        for file, result in found(record, f"{folder}/{ANY}").items():
            if (name := Path(file).stem) not in params.models:
                left_out.append((file, "the plan does not name it"))
            elif OF_NET(result) != OF_NET(params.settings(name)):
                left_out.append((file, "holds another net than the plan's of this name"))
            else:
                whole.setdefault(name, result)
        return whole

    seeds = dict[str, list[Run]]()
    for (name, seed), x in trained.runs.items():
        file = (x.folder / METRICS).relative_to(runs).as_posix()
        seeds.setdefault(name, []).append(Run(seed, file, x.record, x.curve or [], x.predictions))
    descriptions, responses = of_nets(DescriptionRecord, "describe"), of_nets(ResponsesRecord, "responses")
    # A CPU's measurement if there is one, else an accelerator's, which has a folder of its own.
    throughput = of_nets(ThroughputRecord, "throughput/*") | of_nets(ThroughputRecord, "throughput")
    nets = dict[str, Net]()
    for name, model in params.models.items():
        settings, runs_of_net = params.settings(name), tuple(seeds.get(name, ()))
        measured = descriptions.get(name), throughput.get(name), responses.get(name)
        own_settings = frozenset({*model.model, *model.train})
        nets[name] = Net(name, settings.net, settings.depth, settings, own_settings, runs_of_net, *measured)
    published = found(PublishedRecords, "published.json").values()
    return Results(
        params,
        nets,
        next((files.record.data for files in trained.runs.values()), None),
        [*found(LatencyRecord, f"latency/{ANY}").items()],
        [*found(UsualLoopRecord, f"usual-loop/{ANY}").items()],
        tuple(one for file in published for one in file.evaluations),
        sorted(found(SweepRecord, f"sweep/{ANY}").values(), key=lambda x: (x.net, x.depth, x.name)),
        next(iter(found(ForecastRecord, "forecast/forecast.json").values()), None),
        left_out,
    )
