"""The tables: cells for summary.md, tidy CSV files in full precision, and metrics.json."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from resnet.files import write_text
from resnet.records import HistoryRow, Status, Timing
from resnet.report.analysis.claims import CLAIM_FIELDS, claim_rows, claims
from resnet.report.analysis.protocol import Difference, row_differences
from resnet.report.analysis.published import PublishedError, published
from resnet.report.analysis.statistics import Sample
from resnet.report.style import words as text
from resnet.report.tables import Results, Row, SeedRun

Cell = str | int | float | bool | None


def row_status(row: Row) -> str:
    """`done`, `partial`, `mixed` (not averaged), `interrupted`, `diverged` or `not run`."""
    if row.mixed:
        return "mixed"
    if row.done:
        return "done" if len(row.done) == len(row.seeds) else "partial"
    started: tuple[Status, ...] = ("interrupted", "diverged")
    return next((status for status in started if row.with_status(status)), "not run")


def unfinished(row: Row) -> list[str]:
    """Say of a row's seeds that are not done where they stopped; seeds not run are left out."""
    said = []
    statuses: tuple[Status, ...] = ("interrupted", "diverged")
    for status in statuses:
        stopped: dict[str, list[int]] = {}
        for run in row.with_status(status):
            assert run.record is not None, "a status other than `not run` comes from a record"
            where = f"{text.count(run.record.iteration)} of {text.count(run.record.iterations)}"
            stopped.setdefault(where, []).append(run.seed)
        for where, seeds in stopped.items():
            said.append(f"{status} at {where}" + (f" ({text.seeds(seeds)})" if len(row.seeds) > 1 else ""))
    return said


def paper_error(row: Row) -> PublishedError | None:
    """The paper's figure for the same net with the same shortcut."""
    figure = published().paper(row.net, row.depth)
    if figure is None or published().sources[figure.source].shortcut != row.shortcut:
        return None
    return figure


def paper_parameters(row: Row) -> str | None:
    """The paper's count of parameters: its nets have shortcut A, and plain nets as many; B and C have more."""
    known = published()
    same = row.shortcut in (known.protocol.shortcut, "none")
    return known.parameters.get(row.depth) if same else None


def published_error(figure: PublishedError) -> str:
    cell = text.spread(figure.error, figure.std, figure.n)
    return f"{cell}, best {figure.best:.2f}" if figure.best is not None else cell


def shared_differences(rows: Iterable[Row]) -> list[Difference]:
    """How every one of the rows differs from the paper's protocol in the same way."""
    found = [row_differences(row) for row in rows]
    return [difference for difference in (found[0] if found else []) if all(difference in of for of in found)]


def rate(timing: Timing) -> str:
    """Images/s from the median repeat, with the standard deviation over the repeats."""
    std = timing.images_per_second_std if len(timing.step_seconds) > 1 else None
    # Nets that manage few images a second need decimals to be told apart.
    decimals = 0 if timing.images_per_second >= 100 else 1
    return text.spread(timing.images_per_second, std, None, decimals)


def _seeds_cell(row: Row) -> str:
    cell = f"{len(row.done)} of {len(row.seeds)}"
    others = [f"{len(found)} {s}" for s in _UNFINISHED if (found := row.with_status(s))]
    return f"{cell} ({', '.join(others)})" if others else cell


_UNFINISHED: tuple[Status, ...] = ("interrupted", "diverged")


def _error_cell(row: Row, values: Sample | None, first: bool = False) -> str:
    if values:
        return text.error(values)
    if row.mixed:
        return "**mixed settings, not averaged**" if first else text.NONE
    return "; ".join(unfinished(row)) or "not run" if first else text.NONE


def _memory_cell(row: Row) -> str:
    if row.throughput:
        return text.size(row.throughput.training.peak_memory_bytes)
    if row.training_peak_memory:
        return f"{text.size(row.training_peak_memory)} (whole run)"
    return "not measured"


def main_table(results: Results, with_paper: bool) -> str:
    """THE table in Markdown, one row a net in the parameters' order.

    Args:
        results: what has been read.
        with_paper: whether the paper's errors stand beside ours, as they may on its data only.
    """
    headings = [
        "net",
        "parameters",
        "paper's parameters",
        "multiply-adds",
        "seeds done",
        "test error, %",
        *(["paper's test error, %"] if with_paper else []),
        "training error, %",
        "training images/s",
        "inference images/s",
        "peak memory",
        "training time a seed",
    ]
    shared = shared_differences(results.rows)
    rows = []
    for row in results.rows:
        # One mark is enough to send the reader to the lines above the table, which say all.
        marks = [difference.mark for difference in row_differences(row) if difference not in shared]
        paper = paper_error(row)
        parameters, adds, speed = row.parameters, row.multiply_adds, row.throughput
        rows.append(
            [
                text.escaped(row.name) + (f" ({marks[0]})" if marks else ""),
                f"{text.rounded_parameters(parameters)} ({text.count(parameters)})"
                if parameters is not None
                else "not counted",
                paper_parameters(row) or text.NONE,
                text.multiply_adds(adds) if adds is not None else "not counted",
                _seeds_cell(row),
                _error_cell(row, row.test_error, first=True),
                *([published_error(paper) if paper else text.NONE] if with_paper else []),
                _error_cell(row, row.training_error),
                rate(speed.training) if speed else "not measured",
                rate(speed.inference) if speed else "not measured",
                _memory_cell(row),
                text.durations(row.seconds) if row.seconds else text.NONE,
            ]
        )
    return text.table(headings, rows)


def published_table(results: Results) -> str:
    """What others published about the nets of the plan, and under which conditions; empty if nothing.

    One row a net, one column a source; the conditions are listed below.
    """
    nets = dict.fromkeys((row.net, row.depth) for row in results.rows)
    known = published()
    figures = {
        net: {figure.source: figure for figure in known.errors_of(*net) if figure.source != "paper"} for net in nets
    }
    sources = [name for name in known.sources if any(name in found for found in figures.values())]
    if not sources:
        return ""
    rows, notes = [], []
    for (net, depth), found in figures.items():
        cells = [published_error(found[name]) if name in found else text.NONE for name in sources]
        rows.append([f"{net}-{depth}", *cells])
        notes += [f"{net}-{depth}, {name}: {found[name].note}" for name in found if found[name].note]
    conditions = []
    for name in sources:
        source = known.sources[name]
        images = text.count(source.training_images) if source.training_images else "an unknown number of"
        conditions.append(
            f"[{source.title}]({source.url}): {images} training images, residual nets with option "
            f"{source.shortcut}. {source.taken}"
        )
    table = text.table(["net", *sources], rows)
    return f"Test error, %:\n\n{table}\n{text.bullets([*conditions, *notes])}"


def seeds_table(results: Results) -> str:
    """The test error of every seed that is done, with the interval of the mean; empty if none is."""
    confidence = results.params.report.confidence
    rows = []
    for row in results.rows:
        if not row.done:
            continue
        errors = [f"{record.test_error:.2f} (seed {record.seed})" for record in row.done]
        values = row.test_error
        interval = values.interval(confidence) if values else None
        summary = text.error(values) if values else "mixed settings, not averaged"
        # A few scattered seeds give an interval wider than an error can be.
        limits = f"{max(0, interval.low):.2f} to {min(100, interval.high):.2f}" if interval else text.NONE
        rows.append([text.escaped(row.name), ", ".join(errors), summary, limits])
    headings = ["net", "test error of each seed, %", "mean ± std", f"{100 * confidence:g} % interval of the mean"]
    return text.table(headings, rows, left=2) if rows else ""


def _sample_cells(name: str, values: Sample | None, interval: float | None = None) -> dict[str, Cell]:
    cells: dict[str, Cell] = {
        f"{name}_mean": values.mean if values else None,
        f"{name}_std": values.std if values else None,
        f"{name}_n": values.n if values else 0,
    }
    if interval:
        limits = values.interval(interval) if values else None
        cells[f"{name}_low"] = limits.low if limits else None
        cells[f"{name}_high"] = limits.high if limits else None
    return cells


def _timing_cells(name: str, timing: Timing | None) -> dict[str, Cell]:
    repeats = len(timing.step_seconds) if timing else 0
    return {
        f"{name}_images_per_second": timing.images_per_second if timing else None,
        f"{name}_images_per_second_std": timing.images_per_second_std if timing and repeats > 1 else None,
        f"{name}_repeats": repeats,
        f"{name}_batch_size": timing.batch_size if timing else None,
        f"{name}_peak_memory_bytes": timing.peak_memory_bytes if timing else None,
    }


def tidy_row(row: Row, confidence: float) -> dict[str, Cell]:
    """A row of table.csv: errors in %, times in s, sizes in bytes, rates in images/s."""
    paper = paper_error(row)
    first = row.records[0] if row.records else None
    return {
        "name": row.name,
        "net": row.net,
        "depth": row.depth,
        "shortcut": row.shortcut,
        "status": row_status(row),
        "seeds_planned": len(row.seeds),
        "seeds_done": len(row.done),
        "seeds_interrupted": len(row.with_status("interrupted")),
        "seeds_diverged": len(row.with_status("diverged")),
        "iterations": row.iterations,
        "data": first.data.name if first else None,
        "official": first.data.official if first else None,
        "precision": first.precision if first else None,
        "parameters": row.parameters,
        "parameters_paper": paper_parameters(row),
        "multiply_adds": row.multiply_adds,
        **_sample_cells("test_error", row.test_error, confidence),
        "test_error_paper": paper.error if paper else None,
        "test_error_paper_std": paper.std if paper else None,
        "test_error_paper_n": paper.n if paper else None,
        **_sample_cells("training_error", row.training_error),
        **_sample_cells("validation_error", row.validation_error),
        **_timing_cells("training", row.throughput.training if row.throughput else None),
        **_timing_cells("inference", row.throughput.inference if row.throughput else None),
        "throughput_device": row.throughput.system.device_name if row.throughput else None,
        "run_peak_memory_bytes": row.training_peak_memory,
        **_sample_cells("seconds", row.seconds),
    }


CURVE_FIELDS = ("name", "net", "depth", "seed", *HistoryRow._fields)
ERROR_FIELDS = ("name", "net", "depth", "seed", "test_error")


def drawn_runs(row: Row) -> list[SeedRun]:
    """The seeds whose curves stand for a row; none where its seeds must not be taken together."""
    return [] if row.mixed else [run for run in row.seeds if run.history]


def curve_rows(results: Results) -> Iterator[tuple[Cell, ...]]:
    for row in results.rows:
        for run in drawn_runs(row):
            for point in run.history:
                yield (row.name, row.net, row.depth, run.seed, *point)


def error_rows(results: Results) -> Iterator[tuple[Cell, ...]]:
    for row in results.rows:
        for record in [] if row.mixed else row.done:
            yield (row.name, row.net, row.depth, record.seed, record.test_error)


def metrics(results: Results) -> dict[str, Any]:
    """What `dvc metrics show` reads: finite numbers by the row's name; what was not run has no key."""
    found: dict[str, Any] = {}
    for row in results.rows:
        of_row: dict[str, Any] = {}
        for name, values in (("test_error", row.test_error), ("training_error", row.training_error)):
            if values:
                spread = {} if values.std is None else {"std": values.std}
                of_row[name] = {"mean": values.mean, **spread, "n": values.n}
        if row.throughput:
            of_row["images_per_second"] = {
                "training": row.throughput.training.images_per_second,
                "inference": row.throughput.inference.images_per_second,
            }
        if row.parameters is not None:
            of_row["parameters"] = row.parameters
        if of_row:
            found[row.name] = of_row
    return found


def _csv_cell(cell: Cell) -> str:
    if cell is None or (isinstance(cell, float) and not math.isfinite(cell)):
        return ""
    if isinstance(cell, bool):
        return str(cell).lower()
    return repr(cell) if isinstance(cell, float) else str(cell)


def _write_csv(path: Path, headings: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    content = io.StringIO()
    writer = csv.writer(content, lineterminator="\n")
    writer.writerow(headings)
    writer.writerows([_csv_cell(cell) for cell in row] for row in rows)
    write_text(path, content.getvalue())


def write_tables(results: Results, reports: Path) -> None:
    """Write table.csv, curves.csv, errors.csv, claims.csv and metrics.json."""
    rows: list[Mapping[str, Cell]] = [tidy_row(row, results.params.report.confidence) for row in results.rows]
    headings = list(rows[0]) if rows else ["name"]
    _write_csv(reports / "table.csv", headings, ([row[key] for key in headings] for row in rows))
    _write_csv(reports / "curves.csv", CURVE_FIELDS, curve_rows(results))
    _write_csv(reports / "errors.csv", ERROR_FIELDS, error_rows(results))
    _write_csv(reports / "claims.csv", CLAIM_FIELDS, claim_rows(claims(results)))
    write_text(reports / "metrics.json", json.dumps(metrics(results), indent=2, allow_nan=False) + "\n")
