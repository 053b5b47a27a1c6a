"""Names from outside are text on every page and in every figure, whatever they would be as markup."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from markdown_it import MarkdownIt
from matplotlib.figure import Figure

from resnet.report import pages
from resnet.report.markdown import code, link
from resnet.report.style import saved, style
from resnet.report.table import as_markdown, table
from tests.report.made_up import a_system, some_data

HOSTILE = (
    "a`b", "``", "`", "a|b", "|", "$x_1$", "$\\frac{1$", "$\\mathdefault{x$", "<b>x</b>", "<script>alert(1)</script>",
    "x](http://example.org)", "![x](y)", "*x* _y_", "# x", "a\nb", "- x", "\\", "&lt;", "~~x~~", "日本",
    "\U0001f600",    "-->", "[x]: y", "http://example.org", "a\r\n| b |", "\u202eabc",
)  # fmt: skip
READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def tags(text: str) -> list[str]:
    """The elements of a page in their order, and where its links lead to."""
    elements = [tag for tag in re.findall(r"<[^>]*>", READER.render(text)) if not tag.startswith("<!--")]
    return [re.sub(r' alt="[^"]*"', "", tag) for tag in elements]  # what stands for a picture may tell a name


@pytest.mark.parametrize("name", HOSTILE)
def test_a_cell_a_piece_of_code_and_a_link(name: str) -> None:
    def one_row(name: str) -> str:
        return as_markdown(table([{"net": name, "what": code(name)}]))

    assert tags(one_row(name)) == tags(one_row("x"))
    assert tags(code(name)) == ["<p>", "<code>", "</code>", "</p>"]
    (start, opened, closed, end) = tags(str(link(name, "../runs")))
    assert (start, closed, end) == ("<p>", "</a>", "</p>")
    assert opened.startswith('<a href="../runs/')


def test_a_figure_draws_a_name_as_it_is_written() -> None:
    with style():
        figure = Figure()
        figure.suptitle("$\\frac{1$ $x_1$")
        assert len(saved(figure, "svg")) > 1000


@pytest.mark.slow
def test_a_report_of_hostile_names_has_the_elements_of_any_other(
    files: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Figures with these names are drawn by another test.
    monkeypatch.setattr(pages, "draw", lambda _: dict.fromkeys(("svg", "png", "html"), b"<svg/>"))

    def report(name: str) -> list[str]:
        plan = files("resnet-20", "plain-20", seeds=2)
        system = a_system(device_name=name, processor=name, platform=name, versions={"torch": name}, commit=name)
        for net in plan.params.models:
            plan.throughput(net, system=system)
            for seed in (0, 1):
                plan.train(net, seed, data=some_data(official=False, name=name), systems=[system])
        return tags(plan.build())

    assert report("a`b|c $\\frac{1$ <b>x</b> x](http://example.org) ![x](y)\n# x") == report("x")
