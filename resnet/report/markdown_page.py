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


def render(sections: Sequence[Section], drawn: Collection[str] = (), *, tell_absent: bool = False) -> str:
    """A page in Markdown; what is empty is left out.

    Args:
        sections: in order.
        drawn: the names of the figures that there are.
        tell_absent: whether a last line says which figures are not drawn, and why.
    """
    parts = []
    for title, blocks in filled(sections, drawn):
        content = "\n\n".join(map(_written, blocks))
        parts.append(f"## {title}\n\n{content}" if title else content)
    pictures = [block for section in sections for block in section.blocks if isinstance(block, Picture)]
    reasons = [picture.absent for picture in pictures if picture.absent and picture.name not in drawn]
    if len(parts) > 1 and reasons and tell_absent:
        parts.append(f"Not drawn: {'; '.join(reasons)}.")
    return "\n\n".join(parts) + "\n" if parts else ""
