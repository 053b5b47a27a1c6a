"""The tables as data: `table.csv`, `metrics.json`, `curves.csv` and `errors.csv`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from resnet.files import write_text
from resnet.records import HistoryRow
from resnet.report.collect import Row
from resnet.report.published import published
from resnet.report.statistics import Spread


def _spread(prefix: str, found: Spread | None) -> dict[str, Any]:
    if found is None:
        return {}
    interval = found.interval
    return {
        f"{prefix}_mean": found.mean,
        f"{prefix}_std": found.std,
        f"{prefix}_ci95_low": interval[0] if interval else None,
        f"{prefix}_ci95_high": interval[1] if interval else None,
        f"{prefix}_n": found.n,
    }


def _measured(row: Row) -> dict[str, Any]:
    """All that was measured of a net, by name; a key is absent where nothing was measured."""
    values: dict[str, Any] = {}
    if row.description:
        values |= {
            "parameters": row.description.parameters,
            "multiply_adds": row.description.multiply_adds,
        }
    values |= _spread("test_error", row.test_error)
    values |= _spread("training_error", row.training_error)
    values |= _spread("validation_error", row.over_seeds(lambda record: record.validation_error))
    seconds = row.over_seeds(lambda record: record.seconds)
    if seconds:
        values["seconds_per_seed"] = seconds.mean
    if row.throughput:
        for what in ("training", "inference"):
            timing = getattr(row.throughput, what)
            values |= {
                f"{what}_images_per_second": timing.images_per_second,
                f"{what}_images_per_second_std": timing.images_per_second_std,
                f"{what}_step_seconds": timing.median_seconds,
                f"{what}_batch_size": timing.batch_size,
                f"{what}_peak_memory_bytes": timing.peak_memory_bytes,
            }
    return {name: value for name, value in values.items() if value is not None}


COLUMNS = ("name", "net", "depth", "status", "paper_test_error")


def table(rows: Sequence[Row]) -> pd.DataFrame:
    """One row a net, in full precision."""
    records = []
    for row in rows:
        paper = published().paper_error(row.name)
        known = {
            "name": row.name,
            "net": row.settings.net,
            "depth": row.settings.depth,
            "status": row.status(),
            "paper_test_error": paper.mean if paper else None,
        }
        records.append(known | _measured(row))
    measured = sorted({key for record in records for key in record} - set(COLUMNS))
    return pd.DataFrame(records, columns=[*COLUMNS, *measured])


def curves(rows: Sequence[Row]) -> pd.DataFrame:
    """One row for each row of each seed's learning curve."""
    records = [
        {"name": row.name, "net": row.settings.net, "depth": row.settings.depth, "seed": run.record.seed}
        | point._asdict()
        for row in rows
        for run in row.runs
        for point in run.history
    ]
    return pd.DataFrame(records, columns=["name", "net", "depth", "seed", *HistoryRow._fields])


def errors(rows: Sequence[Row]) -> pd.DataFrame:
    """One row a finished seed."""
    columns = ["name", "net", "depth", "seed", "test_error", "validation_error", "training_error"]
    records = [run.record.model_dump(include=set(columns)) for row in rows for run in row.done]
    return pd.DataFrame(records, columns=columns)


def write_all(rows: Sequence[Row], reports: Path) -> None:
    """Write the three CSV files and `metrics.json`, which `dvc metrics show` reads."""
    frames = {"table.csv": table(rows), "curves.csv": curves(rows), "errors.csv": errors(rows)}
    for name, frame in frames.items():
        write_text(reports / name, frame.to_csv(index=False, lineterminator="\n"))
    metrics = {row.name: _measured(row) for row in rows}
    write_text(reports / "metrics.json", json.dumps(metrics, indent=2, allow_nan=False) + "\n")
