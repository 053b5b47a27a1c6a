"""What choosing an iterate buys: the last, the one of lowest validation error, and the best on the test set."""

from __future__ import annotations

from resnet.records import HistoryRow
from resnet.report.analysis.statistics import Sample, sample
from resnet.report.style import words as text
from resnet.report.tables import Results, Row


def by_validation(history: tuple[HistoryRow, ...]) -> float | None:
    """The test error where validation error was lowest, first of equals; None without a validation set."""
    measured = [point for point in history if point.validation_error is not None and point.test_error is not None]
    return min(measured, key=lambda point: point.validation_error or 0.0).test_error if measured else None


def best_on_test(history: tuple[HistoryRow, ...]) -> float | None:
    """The lowest test error of the curve: what peeking at the test set would report."""
    return min((point.test_error for point in history if point.test_error is not None), default=None)


def _chosen(row: Row) -> tuple[Sample, Sample | None, Sample, Sample] | None:
    runs = [run for run in row.seeds if run.status == "done" and run.record and best_on_test(run.history) is not None]
    last = sample(run.record.test_error for run in runs if run.record)
    best = sample(best_on_test(run.history) for run in runs)
    if row.mixed or last is None or best is None:
        return None
    gained = Sample(tuple(a - b for a, b in zip(last.values, best.values, strict=True)))
    return last, sample(by_validation(run.history) for run in runs), best, gained


def choices_table(results: Results) -> str:
    """Mean test error over seeds by each choice; empty where no finished seed has a curve."""
    rows = []
    for row in results.rows:
        chosen = _chosen(row)
        if chosen:
            last, validation, best, gained = chosen
            cells = [text.error(last), text.error(validation) if validation else "no validation set", text.error(best)]
            rows.append([text.escaped(row.name), *cells, text.spread(gained.mean, gained.std, None)])
    headings = ["net", "last iterate, %", "by validation, %", "best on test, %", "what peeking buys, points"]
    said = (
        "\nThe iterates are those of the curve, in the precision of training; the last is measured in fp32. Only the "
        "last iterate is reported elsewhere: the best on the test set is chosen on what it is measured on.\n"
    )
    return text.table(headings, rows) + said if rows else ""
