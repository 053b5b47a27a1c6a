"""A table as data, and what writes it as Markdown and as HTML."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import quote

from pandas import DataFrame

from resnet.report import markdown


class Cell(NamedTuple):
    """A cell: plain text, or `Markdown`."""

    text: str
    value: float | None = None
    """What rows are sorted by, where that is a number."""
    link: str | None = None
    """The result file that the cell comes from, below the runs' folder."""


class Table(NamedTuple):
    """Columns of text are flush left, and come first; numbers are flush right."""

    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Cell, ...], ...] = ()
    left: int = 1
    """How many of the columns are text."""


def table(lines: Sequence[Mapping[str, Cell | str]], left: int = 1) -> Table:
    """A table of lines with the same columns; without a line, a table that is left out."""
    rows = tuple(tuple(x if isinstance(x, Cell) else Cell(x) for x in line.values()) for line in lines)
    return Table(tuple(lines[0]), rows, left) if lines else Table()


def as_markdown(table: Table, runs: str | None = None) -> str:
    """Write a table as Markdown; cells link to their files if the runs' folder, as seen from the page, is given."""
    if not table.rows:
        return ""

    def written(cell: Cell) -> str:
        text = markdown.escaped(cell.text)
        return f"[{text}]({quote(f'{runs}/{cell.link}')})" if runs and cell.link else text

    cells = DataFrame(
        [[written(cell) for cell in row] for row in table.rows], columns=list(table.columns), dtype=object
    )
    aligned = ["left" if place < table.left else "right" for place in range(len(table.columns))]
    return cells.to_markdown(index=False, disable_numparse=True, colalign=aligned)


LONG = 40
"""A text of more letters is broken into lines in HTML; a shorter one is not."""


def as_html(table: Table, runs: str | None = None) -> str:
    """Write a table as HTML: numbers carry their value, which a script sorts by; empty without a row."""
    kinds = ["text" if place < table.left else "number" for place in range(len(table.columns))]

    def written(kind: str, cell: Cell) -> str:
        text = markdown.as_html(cell.text)
        link = f'<a href="{html.escape(quote(f"{runs}/{cell.link}"))}">{text}</a>' if runs and cell.link else text
        value = "" if cell.value is None else f' data-value="{float(cell.value)!r}"'
        long = " long" if len(cell.text) > LONG else ""
        return f'<td class="{kind}{long}"{value}>{link}</td>'

    heads = "".join(
        f'<th scope="col" class="{kind}">{html.escape(column)}</th>'
        for kind, column in zip(kinds, table.columns, strict=True)
    )
    body = "".join(f"<tr>{''.join(map(written, kinds, row))}</tr>" for row in table.rows)
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>" if table.rows else ""
