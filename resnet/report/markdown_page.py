"""A page in Markdown: sections with their tables and pictures."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from resnet.report.section import Block, Picture, Section, filled
from resnet.report.table import Table, as_markdown


def _written(block: Block) -> str:
    if isinstance(block, Table):
        return as_markdown(block)
    if isinstance(block, Picture):  # a click shows the drawing instead of the pixels
        return f"[![{block.caption}](figures/{block.name}.png)](figures/{block.name}.svg)\n\n{block.caption}"
    return block.strip("\n")


def render(sections: Sequence[Section], drawn: Collection[str] = ()) -> str:
    """A page in Markdown, with the figures that are drawn; what is empty is left out."""
    parts = []
    for title, blocks in filled(sections, drawn):
        content = "\n\n".join(map(_written, blocks))
        parts.append(f"## {title}\n\n{content}" if title else content)
    return "\n\n".join(parts) + "\n" if parts else ""
