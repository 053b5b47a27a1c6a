"""A page in Markdown: sections with their tables and pictures."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from resnet.report.section import Block, Details, Picture, Section
from resnet.report.table import Table, as_markdown


def _written(block: Block, runs: str | None, drawn: Collection[str]) -> str:
    """A block in Markdown; empty if there is nothing to show."""
    if isinstance(block, Table):
        return as_markdown(block, runs)
    if isinstance(block, Picture):  # a click shows the drawing instead of the pixels
        shown = f"[![{block.caption}](figures/{block.name}.png)](figures/{block.name}.svg)\n\n{block.caption}\n"
        return shown if block.name in drawn else ""
    if isinstance(block, Details):
        content = "\n\n".join(_written(part, runs, drawn) for part in block.blocks)
        opened = f"<details>\n<summary>{block.summary}</summary>\n\n{content}\n\n</details>\n"
        return opened if content.strip() else ""
    return str(block)


def render(sections: Iterable[Section], drawn: Collection[str] = (), *, tell_absent: bool = False) -> str:
    """A page in Markdown; sections and figures without content are left out.

    Args:
        sections: in order.
        drawn: the names of the figures that there are.
        tell_absent: whether a last line says which figures are not drawn, and why.
    """
    parts, reasons = list[str](), list[str]()
    for section in sections:
        written = [_written(block, section.runs, drawn).strip("\n") for block in section.blocks]
        if content := "\n\n".join(filter(str.strip, written)):
            parts.append(f"## {section.title}\n\n{content}" if section.title else content)
        pictures = [block for block in section.blocks if isinstance(block, Picture)]
        reasons += [block.absent for block in pictures if block.absent and block.name not in drawn]
    if len(parts) > 1 and reasons and tell_absent:
        parts.append(f"Not drawn: {'; '.join(reasons)}.")
    return "\n\n".join(parts) + "\n" if parts else ""
