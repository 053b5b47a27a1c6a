"""Latency by block: a table of forward and backward times."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from operator import attrgetter

from resnet.report import words
from resnet.report.markdown import bullets, escaped, link
from resnet.report.section import Line, Section
from resnet.report.table import Cell, Table, table
from resnet.results import LatencyRecord

NOTES = (
    "Milliseconds are medians over the rounds ± their standard deviation (n rounds). Forward is training mode, "
    "keeping what a backward pass needs. The backward pass is what forward + backward takes longer in the same round; "
    "without ± it is the difference of the medians of rounds not measured in turn. No update.",
    "Stage 1 has no down-sampling block; stem and head are the same in residual and plain nets.",
)


def _milliseconds(median: float, rounds: Sequence[float] | None) -> Cell:
    """The median, and ± the standard deviation over the rounds (n)."""
    median *= 1e3
    decimals = 1 if median >= 100 else 2 if median >= 1 else 3
    return Cell(words.repeats(rounds, decimals, 1e-3) if rounds else f"{median:,.{decimals}f}", median)


def _lines(record: LatencyRecord) -> Iterator[Line]:
    """A row a part or net of which forward and forward + backward were measured."""
    key = attrgetter("net", "part", "depth", "batch_size", "precision", "mode")
    alone = {key(row): row for row in record.rows if row.passes == "forward"}
    for both in record.rows:
        if both.passes != "forward+backward" or not (forward := alone.get(key(both))):
            continue
        in_turn = both.backward_seconds or [both.median_seconds - forward.median_seconds]
        part = both.part if both.net == "both" else f"{both.net} {both.part}"
        yield {
            "part": f"{both.net}-{both.depth}" if both.part == "net" else part,
            "batch": Cell(words.count(both.batch_size), both.batch_size),
            "arithmetic": f"{both.precision}, {both.mode}",
            "forward, ms": _milliseconds(forward.median_seconds, forward.seconds),
            "backward, ms": _milliseconds(statistics.median(in_turn), both.backward_seconds),
            "forward + backward, ms": _milliseconds(both.median_seconds, both.seconds),
        }


def by_block(measured: Sequence[tuple[str, LatencyRecord]], runs: str | None) -> Section:
    """A table a device, one row a part or net, batch size, precision and mode; `runs` as seen from the page."""
    content = list[str | Table]()
    for file, record in measured:
        if lines := [*_lines(record)]:
            kind = f"{escaped(record.system.timed_on)}, shortcut {record.shortcut}"
            content += [f"{kind}, from {link(file, runs)}:", table(lines)]
    return Section("Latency by block", (*content, bullets(NOTES) if content else ""))
