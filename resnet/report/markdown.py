"""Markdown: the one place that knows an escape. A cell or a name is plain until it comes here."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from markdown_it import MarkdownIt
from markupsafe import Markup, escape


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
    """Text as code; it has no backtick, and a bar would end a table's cell."""
    text = " ".join(str(text).split()).replace("`", "'").replace("|", "\\|")
    return Markdown(f"`{text}`")


def link(file: str, folder: str | None) -> Markdown:
    """A link to a file in a folder; its name as code where there is no folder to link to."""
    return code(file) if folder is None else Markdown(f"[{escaped(file)}]({quote(f'{folder}/{file}')})")


def bullets(lines: Iterable[str]) -> str:
    """A list of Markdown lines."""
    return "".join(f"- {line}\n" for line in lines)


_READER = MarkdownIt("commonmark", {"html": False}).enable("table")


def as_html(text: str) -> Markup:
    """A cell as HTML. Plain text is escaped."""
    return Markup(_READER.renderInline(text)) if isinstance(text, Markdown) else escape(text)


def paragraphs_as_html(text: str) -> Markup:
    """Paragraphs and lists in Markdown as HTML."""
    return Markup(_READER.render(text))
