"""What a page is made of: sections of sentences, tables and figures."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
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
    draw: Callable[[], Figure | None]
    """None if there is nothing to draw."""


Block = str | Table | Picture
"""A string is Markdown."""


class Section(NamedTuple):
    """A heading with its blocks."""

    title: str
    blocks: tuple[Block, ...] = ()


def filled(sections: Iterable[Section], drawn: Collection[str]) -> list[Section]:
    """Leave out empty sentences, tables without a row, figures that are not drawn, and sections of these alone."""

    def is_filled(block: Block) -> bool:
        if isinstance(block, Picture):
            return block.name in drawn
        return bool(block.rows if isinstance(block, Table) else block.strip())

    shown = [Section(section.title, tuple(filter(is_filled, section.blocks))) for section in sections]
    return [section for section in shown if section.blocks]
