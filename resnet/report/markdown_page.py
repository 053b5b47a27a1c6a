"""A page in Markdown: sections with their tables, and their figures as files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from resnet.report.markdown import details, picture
from resnet.report.section import Block, Details, Picture, Section
from resnet.report.style import rendered, style
from resnet.report.table import Table, as_markdown


class Rendered(NamedTuple):
    """A page in memory."""

    text: str
    files: dict[str, bytes]
    """Its figures, by their path below the reports."""
    absent: tuple[str, ...]
    """The paths of figures that it has nothing to draw for."""


def _written(block: Block, runs: str | None) -> str:
    """A block in Markdown; a figure is written by `render`."""
    if isinstance(block, Table):
        return as_markdown(block, runs)
    if isinstance(block, Details):
        content = "\n\n".join(_written(part, runs) for part in block.blocks)
        return details(block.summary, f"{content}\n") if content.strip() else ""
    return str(block)


def render(sections: Iterable[Section], *, tell_absent: bool = False) -> Rendered:
    """A page in Markdown with its figures; sections and figures without content are left out.

    Args:
        sections: in order.
        tell_absent: whether a last line says which figures are not drawn, and why.
    """
    parts, reasons, files, absent = list[str](), list[str](), dict[str, bytes](), list[str]()
    for section in sections:
        written = list[str]()
        for block in section.blocks:
            if not isinstance(block, Picture):
                written.append(_written(block, section.runs))
                continue
            with style():
                figure = block.draw()
                drawn = rendered(figure, f"figures/{block.name}") if figure else {}
            files |= drawn
            written += [picture(block.name, block.caption)] if drawn else []
            absent += [] if drawn else [f"figures/{block.name}.svg", f"figures/{block.name}.png"]
            reasons += [block.absent] if block.absent and not drawn else []
        content = "\n\n".join(part.strip("\n") for part in written if part.strip())
        if content:
            parts.append(f"## {section.title}\n\n{content}" if section.title else content)
    if len(parts) > 1 and reasons and tell_absent:
        parts.append(f"Not drawn: {'; '.join(reasons)}.")
    return Rendered("\n\n".join(parts) + "\n" if parts else "", files, tuple(absent))
