"""What a page is made of, sections of sentences, tables and figures; and a page in Markdown."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

from matplotlib.figure import Figure

from resnet.report.table import Cell, Table, as_markdown

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


def render(sections: Iterable[Section], drawn: Collection[str] = ()) -> str:
    """A page in Markdown, with the figures that are drawn; what is empty is left out."""

    def written(block: Block) -> str:
        if isinstance(block, Picture):  # a click shows the drawing instead of the pixels
            place, alternative = f"figures/{block.name}", block.name.replace("-", " ")
            return f"[![{alternative}]({place}.png)]({place}.svg)\n\n{block.caption}"
        return as_markdown(block) if isinstance(block, Table) else block.strip("\n")

    parts = list[str]()
    for title, blocks in filled(sections, drawn):
        parts += [f"## {title}"] if title else []
        parts += map(written, blocks)
    return "\n\n".join(parts) + "\n" if parts else ""
