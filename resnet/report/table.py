"""A table as data, and what writes it as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pandas import DataFrame

from resnet.report.markdown import escaped


class Cell(NamedTuple):
    """A cell: plain text, or `Markdown`."""

    text: str
    value: float | None = None
    """What rows are sorted by, where that is a number."""
    link: str | None = None
    """The result file that the cell comes from, below the runs' folder: index.html links to it."""


class Table(NamedTuple):
    """Columns of text are flush left, and come first; numbers are flush right."""

    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Cell, ...], ...] = ()
    left: int = 1
    """How many of the columns are text."""
    summary: str = ""
    """Of a table that opens on a click."""


def table(lines: Sequence[Mapping[str, Cell | str]], left: int = 1, summary: str = "") -> Table:
    """A table of lines with the same columns; without a line, a table that is left out."""
    rows = tuple(tuple(x if isinstance(x, Cell) else Cell(x) for x in line.values()) for line in lines)
    return Table(tuple(lines[0]), rows, left, summary) if lines else Table()


def as_markdown(table: Table) -> str:
    """Write a table with a row or more as Markdown."""
    rows = [[escaped(cell.text) for cell in row] for row in table.rows]
    aligned = ["left" if place < table.left else "right" for place in range(len(table.columns))]
    cells = DataFrame(rows, columns=list(table.columns), dtype=object)
    text = cells.to_markdown(index=False, disable_numparse=True, colalign=aligned)
    summary = f"<summary>{table.summary}</summary>"
    return f"<details>\n{summary}\n\n{text}\n\n</details>" if table.summary else text
