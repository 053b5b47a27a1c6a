"""HTML: the one place that knows an escape. Text is plain until it comes here."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from resnet.report import words


class Markup(str):
    """Text that is HTML already: it is written as it is."""

    __slots__ = ()


def escaped(text: str) -> Markup:
    return text if isinstance(text, Markup) else Markup(html.escape(text))


def element(tag: str, *content: str, **attributes: Any) -> Markup:
    """An element; `class_` stands for `class`, and an attribute that is None is left out."""
    named = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items() if value is not None}
    written = "".join(f' {key}="{html.escape(str(value))}"' for key, value in named.items())
    return Markup(f"<{tag}{written}>{''.join(map(escaped, content))}</{tag}>")


_MARKDOWN = re.compile(
    r"\\(?P<sign>.)|\*\*(?P<bold>(?:\\.|[^\\])+?)\*\*|`(?P<code>[^`]*)`|(?P<text>[^\\*`]+|.)", re.DOTALL
)


def from_markdown(text: str) -> Markup:
    """A sentence of the other pages, with what `style.markdown` writes in one: escapes, bold, code."""
    parts = []
    for part in _MARKDOWN.finditer(text):
        bold, code = part["bold"], part["code"]
        plain = part["sign"] or part["text"] or ""
        parts.append(
            element("strong", from_markdown(bold)) if bold else element("code", code) if code else escaped(plain)
        )
    return Markup("".join(parts))


def link(text: str, address: str | None) -> Markup:
    """A link; the text alone where there is no address."""
    return element("a", text, href=address) if address else escaped(text)


def data(name: str, value: Any) -> Markup:
    """JSON that a script reads: no name in it can end the element or open a comment."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":")).replace("<", r"\u003c")
    return Markup(f'<script type="application/json" id="{name}">{text}</script>')


class Cell(NamedTuple):
    """A cell of a table."""

    text: str
    """Plain text, or `Markup`."""
    address: str | None = None
    value: float | str | None = None
    """What rows are sorted by; None: the text, and last where that says that there is nothing."""


NOTHING = Cell(words.NONE)


def table(
    name: str, caption: str, lines: Sequence[Mapping[str, Cell]], left: Iterable[str], marks: Sequence[str | None] = ()
) -> Markup:
    """A table that sorts by a click on a heading.

    Args:
        name: its `id`.
        caption: what it holds, for whoever hears it.
        lines: rows, their cells by heading.
        left: headings of columns of text, which are flush left; numbers are flush right.
        marks: the rows' own `id`s, if others link to them.
    """
    if not lines:
        return Markup()
    texts = set(left)

    def kind(column: str) -> str | None:
        return "text" if column in texts else None

    heads = (element("th", element("button", x, type="button"), scope="col", class_=kind(x)) for x in lines[0])
    body = (
        element("tr", *(_cell(cell, kind(column)) for column, cell in line.items()), id=mark)
        for line, mark in zip(lines, marks or [None] * len(lines), strict=True)
    )
    content = element("thead", element("tr", *heads)), element("tbody", *body)
    written = element("table", *content, id=name, aria_label=caption)
    # A table wider than a phone scrolls by itself, and not the page.
    return element("div", written, class_="scroll", tabindex="0", role="region", aria_label=caption)


def _cell(cell: Cell, kind: str | None) -> Markup:
    value = cell.value if cell.value is not None else "" if cell.text == words.NONE else None
    return element("td", link(cell.text, cell.address), data_value=value, class_=kind)
