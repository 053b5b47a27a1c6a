"""Result files into a few tidy tables: every file of the plan is read and checked here, once.

A column that bears the name of a record's field or property holds that, in its unit (`resnet.records`). What was not
run or not measured is missing (NaN or None). Nothing is averaged here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pandas import DataFrame, concat

from resnet.errors import UserError
from resnet.params import Params, Settings
from resnet.records import (
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
    read_history,
    read_predictions,
)

NETS = (
    *("name", "net", "depth", "shortcut", "iterations", "parameters", "multiply_adds"),
    *("settings", "mixed", "files"),
)
"""A net of the plan; the index is its name. `shortcut` and `iterations` are its runs', the plan's where nothing has
run (`none` for a plain net); `settings` the plan's, as `flattened`; `mixed`: finished runs differ in their identity
and must not be averaged; `files`: what was read, below the runs' folder."""

_TRAINING = (
    *("iteration", "iterations", "parameters", "multiply_adds", "precision", "test_error", "training_error"),
    *("validation_error", "warmup_iterations", "peak_memory_bytes", "seconds", "energy_joules", "images_per_second"),
    "data",
)
RUNS = ("name", "net", "depth", "seed", "file", "status", *_TRAINING, "settings", "identity", "predictions")
"""A planned seed. `settings` are its effective ones, with the precision that `auto` came to; `identity` is
(configuration, data, version); `predictions`: `read`, `in another form` or empty."""

CURVES = ("name", "net", "depth", "seed", *HistoryRow._fields)
"""A point of a learning curve."""

LAYERS = ("name", "layer", "kind", "kernel", "stride", "output", "parameters", "multiply_adds")
"""A layer of a described net."""

PREDICTIONS = ("name", "seed", "image", "label", "predicted")
"""A test image of a run, in canonical order."""

RESPONSES = ("name", "seed", "layer", "std", "images", "data")
"""A 3x3 layer of a trained seed, counted from 0 in the order in which they run."""

_TIMING = ("batch_size", "steps", "step_seconds", "median_seconds", "images_per_second", "peak_memory_bytes")
SPEED = (
    *("name", "net", "depth", "parameters", "multiply_adds", "precision", "kind", "device_name", *_TIMING),
    *(
        "images_per_second_std",
        "flops",
        "bytes",
        "peak_flops_per_second",
        "peak_bytes_per_second",
        "matrix_size",
        "peak_precision",
    ),
    "joules_per_image",
)
"""A timed kind of step (`training`, `inference`) of a net. `flops` and `bytes` are a step's; the peaks are what a
matrix product and a copy reached in the same run (median repeat); older files lack them."""

MACHINES = ("name", "kind", "seed", "system")
"""A stretch of training (`training`) or a measurement (`images/s`), and the system that made it."""

_CASE = ("net", "part", "depth", "batch_size", "precision", "mode", "passes", "seconds", "median_seconds")
_ON_GPU = ("launch_seconds", "kernel_seconds")
LATENCY = (
    *("file", "device", "device_name", "shortcut", *_CASE, "backward_seconds", *_ON_GPU),
    *("flops", "bytes", "peak_flops_per_second", "peak_bytes_per_second"),
)
"""A case of a latency measurement, with the peaks of its precision."""

USUAL_LOOP = (
    *("file", "net", "depth", "device_name", "usual_precision", "precision"),
    *("usual_images_per_second", "images_per_second", "ratios"),
)
EVALUATIONS = tuple(PublishedRecord.model_fields)

_VALUES = ("learning_rate", "weight_decay", "warmup", "milestones")
TRIALS = (
    *("name", "net", "depth", "status", "iterations", "data", "search", "conditions"),
    *("number", "state", "best", *_VALUES, "last_error", "validation_error", "seconds"),
)
"""A trial of a sweep, with what holds for the whole of it: `search` is the parameters' `sweep`, `conditions` what two
sweeps must share to be compared. `last_error`: the last validation error measured, in %."""


@dataclass(frozen=True)
class Tables:
    """Everything that a report is made from."""

    params: Params
    nets: DataFrame
    runs: DataFrame
    curves: DataFrame
    layers: DataFrame
    predictions: DataFrame
    responses: DataFrame
    speed: DataFrame
    machines: DataFrame
    latency: DataFrame
    usual_loop: DataFrame
    evaluations: DataFrame
    """Others' weights, evaluated here."""
    trials: DataFrame
    forecast: ForecastRecord | None
    unplanned_nets: list[str]
    """With results below the runs' folder, and not in the plan."""
    unplanned_seeds: dict[str, list[str]]
    """Folders of seeds that are not in the plan, by net."""

    def net(self, name: str) -> Any:
        return next(rows(self.nets.loc[[name]]))

    def seeds(self, name: str, *statuses: str) -> DataFrame:
        """The runs of a net; of these statuses, where any are named."""
        runs = select(self.runs, name=name)
        return runs[runs["status"].isin(statuses)] if statuses else runs

    def started(self, name: str) -> DataFrame:
        return self.seeds(name, "done", "interrupted", "diverged")

    @property
    def data(self) -> list[DataRecord]:
        """The different data that nets were trained on; one, unless files of two plans met."""
        return different(self.runs["data"].dropna())

    @property
    def official(self) -> bool:
        """Whether everything that was trained was trained on the official CIFAR-10."""
        return all(data.official for data in self.data)


def rows(table: DataFrame) -> Iterator[Any]:
    """The rows of a table, its columns as attributes."""
    return iter(table.itertuples(index=False))


def select(table: DataFrame, **values: Any) -> DataFrame:
    """The rows of a table whose columns have these values."""
    for column, value in values.items():
        table = table[table[column] == value]
    return table


def different(values: Iterable[Any]) -> list[Any]:
    """The values in their order, each once; they need not be hashable."""
    kept: list[Any] = []
    for value in values:
        if value not in kept:
            kept.append(value)
    return kept


def flattened(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Give `{"train.momentum": 0.9, ...}` for the `model` and `train` sections."""
    return {f"{part}.{key}": value for part in ("model", "train") for key, value in settings.get(part, {}).items()}


R = TypeVar("R", bound=Record)


def _read(record: type[R], folder: Path, file: str) -> R | None:
    path = folder / file
    return record.read(path) if path.exists() else None


def _all(record: type[R], folder: Path, kind: str) -> list[tuple[str, R]]:
    """Every result file of a folder below the runs', with its path."""
    files = [f"{kind}/{name}.json" for name in _entries(folder / kind, ".json")]
    return [(file, record.read(folder / file)) for file in files]


def _entries(folder: Path, suffix: str = "") -> list[str]:
    """Names in a folder that end with `suffix`, without it, sorted; hidden ones are not results."""
    if not folder.is_dir():
        return []
    names = (path.name for path in folder.iterdir() if path.is_dir() != bool(suffix))
    return sorted(name.removesuffix(suffix) for name in names if name.endswith(suffix) and not name.startswith("."))


def _of_net(record: type[R], folder: Path, file: str, settings: Settings) -> R | None:
    """Read a result of a net, if there is one.

    Raises:
        UserError: the file is damaged, or holds another net.
    """
    result: Any = _read(record, folder, file)
    if result and (result.name, result.net, result.depth) != (settings.name, settings.net, settings.depth):
        raise UserError(
            f"{folder / file}: holds {result.name} ({result.net}, depth {result.depth}), but the parameters' "
            f"{settings.name} is {settings.net}, depth {settings.depth}"
        )
    return result  # type: ignore[no-any-return]


def _training(folder: Path, file: str, settings: Settings, seed: int) -> TrainingRecord | None:
    """Read a training run; refuse one of another place, or that says `done` and has no result.

    Raises:
        UserError: naming the file.
    """
    record = _of_net(TrainingRecord, folder, file, settings)
    if record and record.seed != seed:
        raise UserError(f"{folder / file}: holds seed {record.seed}, not {seed}")
    for name in ("test_error", "training_error") if record and record.status == "done" else ():
        value = getattr(record, name)
        if value is None or not math.isfinite(value):
            raise UserError(f"{folder / file}: says done, but its {name} is {'missing' if value is None else value}")
    return record


def _cells(columns: Iterable[str], *sources: Any, **cells: Any) -> tuple[Any, ...]:
    """A row of a table: a column is given by name, or is an attribute of the first source that has it, or is missing."""

    def cell(column: str) -> Any:
        if column in cells:
            return cells[column]
        return next((getattr(source, column) for source in sources if hasattr(source, column)), None)

    return tuple(map(cell, columns))


class _Nets:
    """The rows that the files of one net after another give."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows: dict[tuple[str, ...], list[tuple[Any, ...]]] = {
            columns: [] for columns in (NETS, RUNS, CURVES, LAYERS, RESPONSES, SPEED, MACHINES)
        }
        self.predictions = [DataFrame(columns=PREDICTIONS)]

    def table(self, columns: tuple[str, ...]) -> DataFrame:
        return DataFrame(self.rows[columns], columns=columns)

    def read(self, settings: Settings) -> None:
        name = settings.name
        described, timed, responded = (f"{kind}/{name}.json" for kind in ("describe", "throughput", "responses"))
        description = _of_net(DescriptionRecord, self.folder, described, settings)
        throughput = _of_net(ThroughputRecord, self.folder, timed, settings)
        responses = _of_net(ResponsesRecord, self.folder, responded, settings)
        results = ((description, described), (throughput, timed), (responses, responded))
        files = [file for result, file in results if result]
        records = [record for seed in settings.train.seed_list if (record := self._run(settings, seed, files))]
        for layer in description.layers if description else ():
            self.rows[LAYERS].append(_cells(LAYERS, layer, name=name, layer=layer.name))
        for seed in responses.seeds if responses else ():
            for layer, std in enumerate(seed.std):
                self.rows[RESPONSES].append(_cells(RESPONSES, seed, responses, layer=layer, std=std))
        if throughput:
            self._throughput(throughput)
        plan = settings.model_dump(mode="json", include={"model", "train"})
        ran = records[0].settings.get("model", {}) if records else plan["model"]
        counted = description or next(iter(records), None) or throughput
        cells = {
            "shortcut": "none" if settings.net == "plain" else ran.get("shortcut", "A"),
            "iterations": records[0].iterations if records else settings.train.iterations,
            "settings": flattened(plan),
            "mixed": len(different(r.identity for r in records if r.status in ("done", "diverged"))) > 1,
            "files": files,
        }
        self.rows[NETS].append(_cells(NETS, settings, counted, **cells))

    def _run(self, settings: Settings, seed: int, files: list[str]) -> TrainingRecord | None:
        """Read one seed's files, and add their names."""
        at = f"train/{settings.name}/seed-{seed}"
        file, curve, classes = f"{at}/metrics.json", f"{at}/history.csv", f"{at}/test_predictions.npy"
        record = _training(self.folder, file, settings, seed)
        if record is None:
            own = {"name": settings.name, "net": settings.net, "depth": settings.depth, "seed": seed, "file": file}
            self.rows[RUNS].append(_cells(RUNS, **own, status="not run"))
            return None
        files.append(file)
        self.rows[MACHINES] += [(settings.name, "training", seed, part.system) for part in record.segments]
        points = read_history(self.folder / curve) if (self.folder / curve).exists() else []
        self.rows[CURVES] += [(settings.name, settings.net, settings.depth, seed, *point) for point in points]
        files += [curve] if points else []
        form = ""
        if (self.folder / classes).exists():
            held = read_predictions(self.folder / classes)
            form = "in another form" if held is None else "read"
            if held is not None:
                files.append(classes)
                cells = (settings.name, seed, np.arange(len(held)), held[:, 0], held[:, 1])
                self.predictions.append(DataFrame(dict(zip(PREDICTIONS, cells, strict=True))))
        effective = flattened(record.settings) | {"train.precision": record.precision}
        identity = (record.identity.configuration, record.identity.data, record.identity.version)
        own = {"file": file, "settings": effective, "identity": identity, "predictions": form}
        self.rows[RUNS].append(_cells(RUNS, record, **own))
        return record

    def _throughput(self, record: ThroughputRecord) -> None:
        self.rows[MACHINES].append((record.name, "images/s", None, record.system))
        for kind in ("training", "inference"):
            timing, energy = getattr(record, kind), getattr(record, f"{kind}_energy")
            several = len(timing.step_seconds) > 1
            cells = {
                "kind": kind,
                "images_per_second_std": timing.images_per_second_std if several else None,
                **_peaks(record.limits),
                "peak_precision": record.limits.precision if record.limits else None,
                "joules_per_image": energy.joules_per_image if energy else None,
            }
            sources = (record, timing, getattr(record, f"{kind}_work"), record.limits, record.system)
            self.rows[SPEED].append(_cells(SPEED, *sources, **cells))


def _peaks(peaks: Any) -> dict[str, float]:
    names = ("flops_per_second", "bytes_per_second")
    return {f"peak_{name}": getattr(peaks, name) for name in names} if peaks else {}


def _latency(file: str, record: LatencyRecord) -> Iterator[tuple[Any, ...]]:
    for case in record.rows:
        peaks = next((peaks for peaks in record.limits if peaks.precision == case.precision), None)
        yield _cells(LATENCY, case, case.work, record, record.system, file=file, **_peaks(peaks))


def _trials(record: SweepRecord) -> Iterator[tuple[Any, ...]]:
    search = record.settings["sweep"]
    conditions = (search, record.identity.data, record.identity.version, record.precision)
    for trial in record.trials:
        cells = {
            "search": search,
            "conditions": conditions,
            "best": trial is record.best,
            "last_error": trial.validation_errors[-1][1] if trial.validation_errors else None,
        }
        yield _cells(TRIALS, trial, trial.values, record, **cells)


def read_tables(params: Params, folder: Path) -> Tables:
    """Read every result file of the plan.

    Args:
        params: the plan; its `models` are the nets.
        folder: the runs' folder, which may be empty or absent.

    Raises:
        UserError: a file is damaged or lies in another net's or seed's place; the message names it.
    """
    nets = _Nets(folder)
    planned: dict[str, set[str]] = {}
    for name in params.models:
        settings = params.settings(name)
        nets.read(settings)
        planned[name] = {f"seed-{seed}" for seed in settings.train.seed_list}
    # The forecast lies beside the results, or in a folder of its own with the gate that training waits for.
    forecast = _read(ForecastRecord, folder, "forecast.json") or _read(ForecastRecord, folder, "forecast/forecast.json")
    published = _read(PublishedRecords, folder, "published.json")
    sweeps = sorted(
        (record for _, record in _all(SweepRecord, folder, "sweep")), key=lambda r: (r.net, r.depth, r.name)
    )
    usual = _all(UsualLoopRecord, folder, "usual-loop")
    present = {*_entries(folder / "train")}.union(
        *(_entries(folder / kind, ".json") for kind in ("describe", "throughput", "responses"))
    )
    others = {name: [x for x in _entries(folder / "train" / name) if x.startswith("seed-")] for name in planned}
    return Tables(
        params,
        nets.table(NETS).set_index("name", drop=False),
        *map(nets.table, (RUNS, CURVES, LAYERS)),
        concat(nets.predictions[1:] or nets.predictions),
        *map(nets.table, (RESPONSES, SPEED, MACHINES)),
        DataFrame([row for file in _all(LatencyRecord, folder, "latency") for row in _latency(*file)], columns=LATENCY),
        DataFrame([_cells(USUAL_LOOP, loop, loop.system, file=file) for file, loop in usual], columns=USUAL_LOOP),
        DataFrame([_cells(EVALUATIONS, x) for x in (published.evaluations if published else ())], columns=EVALUATIONS),
        DataFrame([row for sweep in sweeps for row in _trials(sweep)], columns=TRIALS),
        forecast,
        sorted(present - planned.keys()),
        {name: sorted(set(folders) - planned[name]) for name, folders in others.items()},
    )
