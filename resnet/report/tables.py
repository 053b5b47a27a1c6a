"""Read the result files of a plan into one structure; every table and figure is made from it.

A row is a net of `params.models`, in that order, and holds one entry for every seed of the plan,
whether it has run or not. Averages are taken over the seeds that are done.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from resnet.errors import UserError
from resnet.params import ModelParams, Params, Settings, TrainParams
from resnet.records import (
    DataRecord,
    DescriptionRecord,
    ForecastRecord,
    HistoryRow,
    LatencyRecord,
    PublishedRecords,
    Record,
    ResponsesRecord,
    Status,
    System,
    ThroughputRecord,
    TrainingRecord,
    UsualLoopRecord,
    read_history,
    read_predictions,
)
from resnet.report.analysis.statistics import Sample, sample
from resnet.report.style import words as text

NEUTRAL = {"seeds", "seeds_at_once", "device", "checkpoint_every", "log_every", "evaluate_every", "recompute"}
"""Keys of `train` that change nothing about the errors reported."""


@dataclass(frozen=True)
class SeedRun:
    """One seed of a row."""

    seed: int
    file: str
    """Path of its `metrics.json` below the runs' folder."""
    record: TrainingRecord | None
    history: tuple[HistoryRow, ...] = ()
    predictions: NDArray[np.uint8] | None = field(default=None, compare=False)
    """uint8 (N, 2): true and predicted class of every test image, in canonical order."""
    predictions_left_out: bool = False
    """Whether there is a file of predictions in another form."""

    @property
    def status(self) -> Status:
        return self.record.status if self.record else "not run"


@dataclass(frozen=True)
class Row:
    """A net of the plan and all that has been measured of it."""

    settings: Settings
    """What the parameters ask for; the records say what was done."""
    seeds: tuple[SeedRun, ...]
    description: DescriptionRecord | None
    throughput: ThroughputRecord | None
    responses: ResponsesRecord | None
    files: tuple[str, ...]
    """The result files that this row was read from, below the runs' folder."""

    @property
    def name(self) -> str:
        return self.settings.name

    @property
    def net(self) -> str:
        return self.settings.net

    @property
    def depth(self) -> int:
        return self.settings.depth

    @property
    def shortcut(self) -> str:
        """`A`, `B`, `C`, or `none` for a plain net."""
        if self.net == "plain":
            return "none"
        if self.records:
            return str(self.records[0].settings.get("model", {}).get("shortcut", "A"))
        return self.settings.model.shortcut

    @property
    def records(self) -> list[TrainingRecord]:
        """The records of all seeds that have been started."""
        return [run.record for run in self.seeds if run.record]

    def with_status(self, status: Status) -> list[SeedRun]:
        return [run for run in self.seeds if run.status == status]

    @property
    def done(self) -> list[TrainingRecord]:
        return [record for record in self.records if record.status == "done"]

    @cached_property
    def mixed(self) -> tuple[str, ...]:
        """What differs among the finished runs; not empty when they must not be averaged."""
        finished = [record for record in self.records if record.status in ("done", "diverged")]
        configurations = {record.identity.configuration for record in finished}
        data = {record.identity.data for record in finished}
        versions = {record.identity.version for record in finished}
        if not finished or len(configurations) == len(data) == len(versions) == 1:
            return ()
        differing = _differing(finished)
        if len(configurations) > 1 and not differing:
            differing.append("the identity of the configuration")
        if len(data) > 1:
            differing.append("the data")
        if len(versions) > 1:
            differing.append("the version of what an iteration computes")
        return tuple(differing)

    def measured(self, value: Callable[[TrainingRecord], float | None]) -> Sample | None:
        """Sample a quantity over the seeds that are done; None where the seeds are not alike."""
        return None if self.mixed else sample(map(value, self.done))

    @property
    def test_error(self) -> Sample | None:
        """In %."""
        return self.measured(lambda record: record.test_error)

    @property
    def training_error(self) -> Sample | None:
        """In %."""
        return self.measured(lambda record: record.training_error)

    @property
    def validation_error(self) -> Sample | None:
        """In %."""
        return self.measured(lambda record: record.validation_error)

    @property
    def seconds(self) -> Sample | None:
        """Wall-clock time of a whole run."""
        return self.measured(lambda record: record.seconds)

    @property
    def training_devices(self) -> list[str]:
        """What the finished seeds were trained on; several names where they, or pieces of one, were made on several."""
        return sorted({segment.system.device_name for record in self.done for segment in record.segments})

    @property
    def energy(self) -> Sample | None:
        """Joules of a whole run."""
        return self.measured(lambda record: record.energy_joules)

    @property
    def parameters(self) -> int | None:
        counted = self._counted()
        return counted.parameters if counted else None

    @property
    def multiply_adds(self) -> int | None:
        counted = self._counted()
        return counted.multiply_adds if counted else None

    def _counted(self) -> DescriptionRecord | TrainingRecord | ThroughputRecord | None:
        return self.description or next(iter(self.records), None) or self.throughput

    @property
    def training_peak_memory(self) -> int | None:
        """Most bytes that a training run held; None where none has run."""
        peaks = [record.peak_memory_bytes for record in self.records if record.peak_memory_bytes]
        return max(peaks, default=None)

    @property
    def iterations(self) -> int:
        """Planned iterations of the runs, of the parameters where nothing has run."""
        return self.records[0].iterations if self.records else self.settings.train.iterations

    @property
    def systems(self) -> Iterator[tuple[str, System]]:
        """What was measured, and the machine that it was measured on."""
        for record in self.records:
            for segment in record.segments:
                yield "training", segment.system
        if self.throughput:
            yield "images/s", self.throughput.system


@dataclass(frozen=True)
class Results:
    """All result files of a plan."""

    params: Params
    rows: tuple[Row, ...]
    forecast: ForecastRecord | None
    published: PublishedRecords | None
    """Others' weights, evaluated here."""
    remarks: tuple[str, ...]
    """What a reader must know about the files themselves, one Markdown sentence each."""
    latency: tuple[tuple[str, LatencyRecord], ...] = ()
    """Path below the runs' folder and contents, one a device."""
    usual_loop: tuple[tuple[str, UsualLoopRecord], ...] = ()
    """Likewise, one a device and net."""

    @property
    def records(self) -> list[TrainingRecord]:
        return [record for row in self.rows for record in row.records]

    @property
    def data(self) -> list[DataRecord]:
        """The different data that nets were trained on; one, unless files of two plans met."""
        found: list[DataRecord] = []
        for record in self.records:
            if record.data not in found:
                found.append(record.data)
        return found

    @property
    def official(self) -> bool:
        """Whether everything that was trained was trained on the official CIFAR-10."""
        return all(data.official for data in self.data)


def flattened(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Give `{"train.momentum": 0.9, ...}` for the `model` and `train` sections, neutral keys left out."""
    return {
        f"{section}.{key}": value
        for section in ("model", "train")
        for key, value in settings.get(section, {}).items()
        if key not in NEUTRAL
    }


def ran_with(record: TrainingRecord) -> dict[str, Any]:
    """The flattened settings of a run, with the precision that `auto` came to: as its identity takes them."""
    return flattened(record.settings) | {"train.precision": record.precision}


def _shown(value: Any) -> str:
    return text.count(value) if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _differing(records: list[TrainingRecord]) -> list[str]:
    """Say which settings differ among runs, with the seeds of each value."""
    settings = [ran_with(record) for record in records]
    said = []
    for key in sorted(set().union(*settings)):
        seeds_of: dict[str, list[int]] = {}
        for record, values in zip(records, settings, strict=True):
            seeds_of.setdefault(_shown(values.get(key)), []).append(record.seed)
        if len(seeds_of) > 1:
            values_said = [f"{value} for {text.seeds(numbers)}" for value, numbers in seeds_of.items()]
            said.append(f"{key} ({', '.join(values_said)})")
    return said


R = TypeVar("R", bound=Record)


def _read(record: type[R], runs: Path, file: str) -> R | None:
    path = runs / file
    return record.read(path) if path.exists() else None


def _all(record: type[R], runs: Path, folder: str) -> tuple[tuple[str, R], ...]:
    """Every result file of a folder below the runs', with its path."""
    files = [f"{folder}/{name}.json" for name in _entries(runs / folder, ".json")]
    return tuple((file, record.read(runs / file)) for file in files)


def _check_training(record: TrainingRecord, path: Path, settings: Settings, seed: int) -> None:
    """Refuse a record that is not of its place, or that says `done` and has no result.

    Raises:
        UserError: naming the file.
    """
    _check_net(record, path, settings)
    if record.seed != seed:
        raise UserError(f"{path}: holds seed {record.seed}, not {seed}")
    for name in ("test_error", "training_error"):
        value = getattr(record, name)
        if record.status == "done" and (value is None or not math.isfinite(value)):
            raise UserError(f"{path}: says done, but its {name} is {'missing' if value is None else value}")


def _check_net(
    record: TrainingRecord | DescriptionRecord | ThroughputRecord | ResponsesRecord, path: Path, settings: Settings
) -> None:
    held = (record.name, record.net, record.depth)
    if held != (settings.name, settings.net, settings.depth):
        raise UserError(
            f"{path}: holds {record.name} ({record.net}, depth {record.depth}), but the parameters' "
            f"{settings.name} is {settings.net}, depth {settings.depth}"
        )


def _seed_run(runs: Path, settings: Settings, seed: int) -> SeedRun:
    file = f"train/{settings.name}/seed-{seed}/metrics.json"
    record = _read(TrainingRecord, runs, file)
    if record is None:
        return SeedRun(seed, file, None)
    _check_training(record, runs / file, settings, seed)
    history, predictions = (runs / file).with_name("history.csv"), (runs / file).with_name("test_predictions.npy")
    predicted = read_predictions(predictions) if predictions.exists() else None
    return SeedRun(
        seed,
        file,
        record,
        tuple(read_history(history)) if history.exists() else (),
        predicted,
        predictions_left_out=predicted is None and predictions.exists(),
    )


def _row(runs: Path, settings: Settings) -> Row:
    seeds = tuple(_seed_run(runs, settings, seed) for seed in settings.train.seed_list)
    described, timed = f"describe/{settings.name}.json", f"throughput/{settings.name}.json"
    description = _read(DescriptionRecord, runs, described)
    throughput = _read(ThroughputRecord, runs, timed)
    responded = f"responses/{settings.name}.json"
    responses = _read(ResponsesRecord, runs, responded)
    files = []
    for record, file in ((description, described), (throughput, timed), (responses, responded)):
        if record is not None:
            _check_net(record, runs / file, settings)
            files.append(file)
    for run in seeds:
        if run.record:
            files.append(run.file)
            if run.history:
                files.append(run.file.replace("metrics.json", "history.csv"))
            if run.predictions is not None:
                files.append(run.file.replace("metrics.json", "test_predictions.npy"))
    return Row(settings, seeds, description, throughput, responses, tuple(files))


def _entries(folder: Path, suffix: str = "") -> list[str]:
    """Names in a folder that end with `suffix`, without it, sorted; hidden ones are not results."""
    if not folder.is_dir():
        return []
    found = (path.name for path in folder.iterdir() if path.is_dir() != bool(suffix))
    return sorted(name.removesuffix(suffix) for name in found if name.endswith(suffix) and not name.startswith("."))


def _left_out(runs: Path, params: Params) -> Iterator[str]:
    """Name the results that lie in the folder and are not part of the plan."""
    names = {
        *_entries(runs / "train"),
        *_entries(runs / "describe", ".json"),
        *_entries(runs / "throughput", ".json"),
        *_entries(runs / "responses", ".json"),
    } - params.models.keys()
    if names:
        yield (
            "Left out, because the parameters do not name them: "
            f"{text.listed([f'`{name}`' for name in sorted(names)])}."
        )
    for name in params.models:
        planned = {f"seed-{seed}" for seed in params.settings(name).train.seed_list}
        others = [
            folder for folder in _entries(runs / "train" / name) if folder.startswith("seed-") and folder not in planned
        ]
        if others:
            folders = text.listed([f"`{folder}`" for folder in others])
            yield f"{name}: {folders} left out, because the parameters do not ask for that seed."


def _row_remarks(row: Row) -> Iterator[str]:
    if row.mixed:
        yield (
            f"**{row.name}: its seeds were made with different settings and are not averaged.** "
            f"They differ in {text.listed(row.mixed)}."
        )
    if row.records:
        defaults = {"model": ModelParams().model_dump(), "train": TrainParams().model_dump()}
        asked = flattened(row.settings.model_dump(mode="json"))
        if row.net == "plain":
            asked = {key: value for key, value in asked.items() if not key.startswith("model.")}
        if row.settings.train.precision == "auto":
            del asked["train.precision"]  # every precision is what it asks for
        stale = {
            key: (ran, value)
            for key, value in asked.items()
            for record in row.records
            if (ran := (flattened(defaults) | ran_with(record))[key]) != value
        }
        if stale:
            said = [f"{key} {_shown(ran)} (now {_shown(value)})" for key, (ran, value) in stale.items()]
            yield f"{row.name}: made with other settings than the parameters now ask for: {', '.join(said)}."
    without_curve = [run.seed for run in row.seeds if run.record and not run.history]
    if without_curve:
        yield f"{row.name}: no learning curve beside the result of {text.seeds(without_curve)}."
    unread = [run.seed for run in row.seeds if run.predictions_left_out]
    if unread:
        yield (
            f"{row.name}: the test predictions of {text.seeds(unread)} are in another version's form, without labels, "
            "and are left out."
        )
    if row.responses and any(record.data.fingerprint != row.responses.data.fingerprint for record in row.done):
        yield f"{row.name}: its layer responses were measured on other data than it was trained on."
    held = (row.description, *row.records, row.throughput)
    for quantity in ("parameters", "multiply_adds"):
        counts = sorted({getattr(record, quantity) for record in held if record})
        if len(counts) > 1:
            said, words = [text.count(number) for number in counts], quantity.replace("_", "-")
            yield f"{row.name}: its result files disagree about {words}: {', '.join(said)}."


def _remarks(rows: Iterable[Row], runs: Path, params: Params) -> Iterator[str]:
    for row in rows:
        yield from _row_remarks(row)
    yield from _left_out(runs, params)


def collect(params: Params, runs: Path) -> Results:
    """Read every result file of the plan.

    Args:
        params: the plan; its `models` are the rows.
        runs: the folder of result files, which may be empty or absent.

    Raises:
        UserError: a file is damaged or lies in another net's or seed's place; the message names it.
    """
    rows = tuple(_row(runs, params.settings(name)) for name in params.models)
    # The forecast lies beside the results, or in a folder of its own with the gate that training waits for.
    forecast = _read(ForecastRecord, runs, "forecast.json") or _read(ForecastRecord, runs, "forecast/forecast.json")
    evaluated = _read(PublishedRecords, runs, "published.json")
    return Results(
        params,
        rows,
        forecast,
        evaluated,
        tuple(_remarks(rows, runs, params)),
        latency=_all(LatencyRecord, runs, "latency"),
        usual_loop=_all(UsualLoopRecord, runs, "usual-loop"),
    )
