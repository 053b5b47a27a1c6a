"""Result files into a few tidy tables: every file of the plan is read and checked here, once.

A column that bears the name of a record's field or property holds that, in its unit (`resnet.results`). What was not
run or not measured is missing (NaN or None). Nothing is averaged here.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from pandas import DataFrame, concat

from resnet.params import ModelParams, Params, Settings, TrainParams
from resnet.report.folder import Folder, run_folder
from resnet.results import (
    HISTORY,
    PREDICTIONS,
    DataRecord,
    DescriptionRecord,
    ForecastRecord,
    HistoryRow,
    LatencyRecord,
    Peaks,
    PublishedRecord,
    PublishedRecords,
    ResponsesRecord,
    SweepRecord,
    ThroughputRecord,
    UsualLoopRecord,
)
from resnet.results.consistency import METRICS, RunFiles

_NET = ("name", "net", "depth")
_TIMING = ("batch_size", "steps", "step_seconds", "median_seconds", "images_per_second", "peak_memory_bytes")
_REPEATS = ("joules_per_image", "backward_seconds")
"""Optional columns with a figure a repeat: None where they were not measured."""
_PEAKS = ("peak_flops_per_second", "peak_bytes_per_second", "peak_precision", "matrix_size")
COLUMNS: dict[str, tuple[str, ...]] = {
    "nets": (*_NET, "shortcut", "iterations", "parameters", "multiply_adds", "settings", "mixed", "files"),
    "runs": (
        *(*_NET, "seed", "file", "status", "iteration", "iterations", "parameters", "multiply_adds", "precision"),
        *("test_error", "training_error", "validation_error", "warmup_iterations", "peak_memory_bytes", "seconds"),
        *("energy_joules", "images_per_second", "segments", "data", "settings", "identity", "predictions"),
    ),
    "curves": (*_NET, "seed", *HistoryRow._fields),
    "layers": ("name", "layer", "kind", "kernel", "stride", "output", "parameters", "multiply_adds"),
    "predictions": ("name", "seed", "image", "label", "predicted"),
    "responses": ("name", "seed", "layer", "std", "images", "data"),
    "speed": (
        *(*_NET, "parameters", "multiply_adds", "precision", "kind", "timed_on", *_TIMING),
        *("mode", "images_per_second_std", "flops", "bytes", *_PEAKS, "joules_per_image"),
    ),
    "machines": ("name", "kind", "seed", "system"),
    "latency": (
        *("file", "device", "timed_on", "shortcut", "net", "part", "depth", "batch_size", "precision", "mode"),
        *(
            "parameters",
            "multiply_adds",
            "passes",
            "seconds",
            "median_seconds",
            "backward_seconds",
            "launch_seconds",
            "kernel_seconds",
        ),
        *("flops", "bytes", *_PEAKS),
    ),
    "usual_loop": (
        *("file", "net", "depth", "timed_on", "usual_precision", "precision"),
        *("usual_images_per_second", "images_per_second", "ratios"),
    ),
    "evaluations": tuple(PublishedRecord.model_fields),
    "trials": (
        *(*_NET, "status", "iterations", "data", "search", "conditions", "number", "state", "best"),
        *("learning_rate", "weight_decay", "warmup", "milestones", "last_error", "validation_error", "seconds"),
    ),
    "damaged": ("file", "problem"),
}


@dataclass(frozen=True, eq=False)
class Tables:
    """Everything that a report is made from."""

    params: Params
    version: int | None
    """Of what an iteration computes today; None where that is not said: then every version counts."""
    forecast: ForecastRecord | None
    descriptions: dict[str, DescriptionRecord]
    """The layer tables of the plan's nets, of those that have one."""
    unplanned: dict[str, list[str]]
    """Results that are not in the plan: folders of seeds by net, and nets under the empty name."""
    nets: DataFrame
    """A net of the plan; the index is its name. `shortcut` (`none` for a plain net) and `iterations` are its runs', the
    plan's where nothing has run; `settings` are the plan's, `flattened`; `mixed`: finished runs differ in their
    identity and must not be averaged; `files` were read, below the runs' folder."""
    runs: DataFrame
    """A planned seed; `status` is `left out` where its record is damaged. `settings`: the effective ones, with the
    precision that `auto` came to; `identity`:
    (configuration, data, version); `predictions`: `read`, `in another form` or empty."""
    curves: DataFrame
    """A point of a learning curve."""
    layers: DataFrame
    """A layer of a described net."""
    predictions: DataFrame
    """A test image of a run, in canonical order."""
    responses: DataFrame
    """A 3x3 layer of a trained seed, from 0 in the order in which they run."""
    speed: DataFrame
    """A timed kind of step (`training`, `inference`) of a net, with its work and the peaks (best repeats) of a matrix
    product and a copy in the same run; older files lack both."""
    machines: DataFrame
    """A stretch of training (`training`) or a measurement (`images/s`), and the system that made it."""
    latency: DataFrame
    """A case of a latency measurement, with the peaks of its precision."""
    usual_loop: DataFrame
    evaluations: DataFrame
    """Others' weights, evaluated here."""
    trials: DataFrame
    """A trial of a sweep, with what holds for the whole of it: `search` is the parameters' `sweep`, `conditions` what
    sweeps must share to be compared. `last_error`: the last validation error measured, in %."""
    damaged: DataFrame
    """A file that was left out, below the runs' folder, and what is wrong with it."""

    @cached_property
    def _nets(self) -> dict[str, Any]:
        return {net.name: net for net in rows(self.nets)}

    @cached_property
    def _runs(self) -> dict[tuple[str, ...], DataFrame]:
        """The runs of a net by its name, with those of some statuses as they are asked for."""
        return {(str(name),): runs for name, runs in self.runs.groupby("name")}

    def net(self, name: str) -> Any:
        """The row of a net."""
        return self._nets[name]

    def seeds(self, name: str, *statuses: str) -> DataFrame:
        """The runs of a net; of these statuses, where any are named."""
        if (name, *statuses) not in self._runs:
            runs = self._runs[name,]
            self._runs[name, *statuses] = runs[runs["status"].isin(statuses)]
        return self._runs[name, *statuses]

    def started(self, name: str) -> DataFrame:
        return self.seeds(name, "done", "interrupted", "diverged")

    @property
    def mixed(self) -> list[str]:
        """The nets whose seeds must not be averaged."""
        return [net.name for net in rows(self.nets) if net.mixed]

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
        kept += [] if value in kept else [value]
    return kept


def flattened(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Give `{"train.momentum": 0.9, ...}` for the `model` and `train` sections."""
    return {f"{part}.{key}": value for part in ("model", "train") for key, value in settings.get(part, {}).items()}


_DEFAULTS = flattened({"model": ModelParams().model_dump(mode="json"), "train": TrainParams().model_dump(mode="json")})
"""What held in results from before there was such a key."""


def _row(table: str, *sources: Any, **cells: Any) -> tuple[Any, ...]:
    """A row: a column's cell is given by name, or is an attribute of the first source that has it, or is missing."""
    return tuple(
        cells[column] if column in cells else next((getattr(x, column) for x in sources if hasattr(x, column)), None)
        for column in COLUMNS[table]
    )


def _table(name: str, cells: list[tuple[Any, ...]]) -> DataFrame:
    """A table; what was never measured is NaN, whatever the column holds otherwise."""
    table = DataFrame(cells, columns=COLUMNS[name])
    missing = [column for column in table if column not in _REPEATS and table[column].isna().all()]
    return table.astype(dict.fromkeys(missing, float))


Rows = defaultdict[str, list[tuple[Any, ...]]]


def _gather_run(
    results: Folder, gathered: Rows, settings: Settings, seed: int, run: RunFiles | None, files: list[str]
) -> DataFrame | None:
    """Add the names and rows of one seed's files; gives the table of its predictions."""
    at = run_folder(settings, seed)
    file, curve, classes = f"{at}/{METRICS}", f"{at}/{HISTORY}", f"{at}/{PREDICTIONS}"
    own = {"name": settings.name, "net": settings.net, "depth": settings.depth, "seed": seed, "file": file}
    if run is None:
        status = "left out" if results.is_there(results.runs / file) else "not run"
        gathered["runs"].append(_row("runs", **own, status=status))
        return None
    record, points, held = run.record, run.curve or [], run.predictions
    gathered["machines"] += [(settings.name, "training", seed, part.system) for part in record.segments]
    gathered["curves"] += [(*(own[column] for column in (*_NET, "seed")), *point) for point in points]
    files += [file, *([curve] if points else []), *([] if held is None else [classes])]
    whole = results.is_there(results.runs / classes) and not any(file == classes for file, _ in results.damaged)
    form = "read" if held is not None else "in another form" if whole and record.status == "done" else ""
    identity = (record.identity.configuration, record.identity.data, record.identity.version)
    effective = _DEFAULTS | flattened(record.settings) | {"train.precision": record.precision}
    gathered["runs"].append(_row("runs", record, file=file, settings=effective, identity=identity, predictions=form))
    if held is None:
        return None
    cells = (settings.name, seed, np.arange(len(held)), held[:, 0], held[:, 1])
    return DataFrame(dict(zip(COLUMNS["predictions"], cells, strict=True)))


def _peaks(peaks: Peaks | None) -> dict[str, Any]:
    values = (peaks.flops_per_second, peaks.bytes_per_second, peaks.precision, peaks.matrix_size) if peaks else ()
    return dict(zip(_PEAKS, values, strict=False))


def _gather_net(
    results: Folder,
    gathered: Rows,
    settings: Settings,
    runs: dict[tuple[str, int], RunFiles],
    described: dict[str, DescriptionRecord],
) -> list[DataFrame]:
    """Add the rows of a net's files; gives the tables of its seeds' predictions."""
    name = settings.name
    table, timed, responded = (f"{kind}/{name}.json" for kind in ("describe", "throughput", "responses"))
    description = results.read(DescriptionRecord, table, settings)
    described |= {name: description} if description else {}
    throughput = results.read(ThroughputRecord, timed, settings)
    responses = results.read(ResponsesRecord, responded, settings)
    files = [file for result, file in ((description, table), (throughput, timed), (responses, responded)) if result]
    seeds = settings.train.seed_list
    predictions = [_gather_run(results, gathered, settings, seed, runs.get((name, seed)), files) for seed in seeds]
    trained = [run.record for seed in seeds if (run := runs.get((name, seed)))]
    layers = description.layers if description else ()
    gathered["layers"] += [_row("layers", layer, name=name, layer=layer.name) for layer in layers]
    for seed in responses.seeds if responses else ():
        gathered["responses"] += [
            _row("responses", seed, responses, layer=k, std=std) for k, std in enumerate(seed.std)
        ]
    if throughput:
        for kind in ("training", "inference"):
            timing, work, energy = (getattr(throughput, f"{kind}{part}") for part in ("", "_work", "_energy"))
            cells = _peaks(throughput.peaks) | {"kind": kind, "joules_per_image": energy and energy.joules_per_image}
            cells["mode"] = "compiled" if throughput.settings["train"].get("compile") else "eager"
            cells |= {} if len(timing.step_seconds) > 1 else {"images_per_second_std": None}
            gathered["speed"].append(_row("speed", throughput, timing, work, throughput.system, **cells))
        gathered["machines"].append((name, "images/s", None, throughput.system))
    plan = settings.model_dump(mode="json", include={"model", "train"})
    ran = trained[0].settings.get("model", {}) if trained else plan["model"]
    finished = different(record.identity for record in trained if record.status in ("done", "diverged"))
    cells = {
        "shortcut": "none" if settings.net == "plain" else ran.get("shortcut", "A"),
        "iterations": trained[0].iterations if trained else settings.train.iterations,
        "settings": flattened(plan),
        "mixed": len(finished) > 1,
        "files": files,
    }
    gathered["nets"].append(_row("nets", settings, next(iter(trained), None) or description or throughput, **cells))
    return [frame for frame in predictions if frame is not None]


def _read_sweep(record: SweepRecord) -> Iterator[tuple[Any, ...]]:
    search, identity = record.settings["sweep"], record.identity
    whole = {"search": search, "conditions": (search, identity.data, identity.version, record.precision)}
    for trial in record.trials:
        last = trial.validation_errors[-1][1] if trial.validation_errors else None
        yield _row("trials", trial, trial.values, record, **whole, best=trial is record.best, last_error=last)


def read_tables(params: Params, runs: Path, version: int | None = None) -> Tables:
    """Read every result file of the plan.

    Args:
        params: the plan; its `models` are the nets.
        runs: the folder of result files, which may be empty or absent.
        version: of what an iteration computes today [results of any version are the plan's].

    A file that is damaged, or lies in another net's or seed's place, is named in `damaged` and left out.
    """
    gathered, planned = Rows(list), {name: params.settings(name) for name in params.models}
    results = Folder(runs)
    trained = results.all_runs(planned.values())
    described, predictions = dict[str, DescriptionRecord](), list[DataFrame]()
    for settings in planned.values():
        predictions += _gather_net(results, gathered, settings, trained, described)
    for file, record in results.all(LatencyRecord, "latency"):
        for case in record.rows:
            peaks = _peaks(next((peaks for peaks in record.peaks if peaks.precision == case.precision), None))
            gathered["latency"].append(_row("latency", case, case.work, record, record.system, file=file, **peaks))
    for file, loop in results.all(UsualLoopRecord, "usual-loop"):
        gathered["usual_loop"].append(_row("usual_loop", loop, loop.system, file=file))
    published = results.read(PublishedRecords, "published.json")
    gathered["evaluations"] += [_row("evaluations", x) for x in (published.evaluations if published else ())]
    sweeps = [sweep for _, sweep in results.all(SweepRecord, "sweep")]
    for sweep in sorted(sweeps, key=lambda sweep: (sweep.net, sweep.depth, sweep.name)):
        gathered["trials"] += _read_sweep(sweep)
    present = {*results.entries(runs / "train")}
    present.update(*(results.entries(runs / kind, ".json") for kind in ("describe", "throughput", "responses")))
    unplanned = {"": sorted(present - planned.keys())}
    for name, settings in planned.items():
        folders = {f"seed-{seed}" for seed in settings.train.seed_list}
        others = [folder for folder in results.entries(runs / "train" / name) if folder not in folders]
        unplanned[name] = [folder for folder in others if folder.startswith("seed-")]
    # The forecast lies beside the results, or in a folder of its own.
    forecasts = (results.read(ForecastRecord, file) for file in ("forecast.json", "forecast/forecast.json"))
    forecast = next(filter(None, forecasts), None)
    gathered["damaged"] += results.damaged
    tables = {name: _table(name, gathered[name]) for name in COLUMNS}
    tables["nets"] = tables["nets"].set_index("name", drop=False)
    tables["predictions"] = concat(predictions) if predictions else tables["predictions"]
    return Tables(params, version, forecast, described, unplanned, **tables)
