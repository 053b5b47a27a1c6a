"""Markdown: the one place that knows an escape. A cell or a name is plain until it comes here."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from markdown_it import MarkdownIt
from pandas import DataFrame


class Markdown(str):
    """Text that is Markdown already: it is written as it is."""

    __slots__ = ()


def escaped(text: str) -> str:
    """Escape what Markdown or HTML would take for markup in text that comes from a file."""
    if isinstance(text, Markdown):
        return text
    for sign in "\\`*_|[]<>~$&":
        text = text.replace(sign, "\\" + sign)
    return " ".join(text.split())


def bold(text: str) -> Markdown:
    return Markdown(f"**{escaped(text)}**")


def code(text: str) -> Markdown:
    """Text as code, whatever backticks it holds."""
    text = " ".join(str(text).split()).replace("|", "\\|")  # a bar would end a table's cell
    if "`" not in text:
        return Markdown(f"`{text}`")
    fence = "`" * (1 + max(len(run) for run in re.findall("`+", text)))
    return Markdown(f"{fence} {text} {fence}")


def link(file: str, folder: str | None) -> Markdown:
    """A link to a file in a folder; its name as code where there is no folder to link to."""
    return code(file) if folder is None else Markdown(f"[{escaped(file)}]({quote(f'{folder}/{file}')})")


def bullets(lines: Iterable[str]) -> str:
    """A list of Markdown lines."""
    return "".join(f"- {line}\n" for line in lines)


def table(lines: Sequence[Mapping[str, Any]] | DataFrame, left: int = 1) -> str:
    """Write a table whose cells are plain text, or `Markdown`; empty without a row.

    The first `left` columns are flush left, the others right.
    """
    if not len(lines):
        return ""
    cells = DataFrame(lines, dtype=object).map(escaped)
    aligned = ["left" if column < left else "right" for column in range(cells.shape[1])]
    return f"{cells.to_markdown(index=False, disable_numparse=True, colalign=aligned)}\n"


def picture(name: str, caption: str) -> str:
    """A figure with its caption; a click shows the drawing instead of the pixels."""
    return f"[![{caption}](figures/{name}.png)](figures/{name}.svg)\n\n{caption}\n"


def details(title: str, content: str) -> str:
    """What opens on a click; empty without content."""
    return f"<details>\n<summary>{title}</summary>\n\n{content}\n</details>\n" if content else ""


_READER = MarkdownIt("commonmark", {"html": False}).enable("table")


def as_html(text: str) -> str:
    """A sentence or a cell as HTML. Plain text is escaped."""
    return str(_READER.renderInline(text)) if isinstance(text, Markdown) else html.escape(text)


def paragraphs_as_html(text: str) -> str:
    """Paragraphs and lists in Markdown as HTML."""
    return str(_READER.render(text))
