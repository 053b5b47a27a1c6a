"""What a page is made of: sections of sentences, tables and figures."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from matplotlib.figure import Figure

from resnet.report.table import Cell, Table

Line = dict[str, Cell | str]
"""Of a table, by its headings."""


class Picture(NamedTuple):
    """A figure, drawn when its page is written."""

    name: str
    """File name below `figures/`, without its ending."""
    caption: str
    absent: str
    """What is not drawn and why, if there is nothing to draw."""
    draw: Callable[[], Figure | None]


class Details(NamedTuple):
    """What opens on a click."""

    summary: str
    blocks: tuple[str | Table, ...]


Block = str | Table | Details | Picture
"""A string is Markdown."""


class Section(NamedTuple):
    """A heading with its blocks; a section whose blocks are all empty is left out."""

    title: str
    blocks: tuple[Block, ...] = ()
    runs: str | None = None
    """The runs' folder as seen from the page, if the cells of its tables link to their files in Markdown too."""
