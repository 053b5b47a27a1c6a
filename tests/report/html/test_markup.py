"""HTML as it is written: nothing that comes from a file is ever markup."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

from resnet.report import markdown
from resnet.report.html.markup import NOTHING, Cell, Markup, data, element, escaped, from_markdown, link, table

HOSTILE = "</script><b onload=x>'\"&amp;`|$"


class Reader(HTMLParser):
    """What a browser makes of it: elements with their attributes, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_text_and_attributes_come_back_as_they_were() -> None:
    read = Reader(element("p", HOSTILE, title=HOSTILE, class_="x", data_value=1.5, id=None))
    assert read.elements == [("p", {"title": HOSTILE, "class": "x", "data-value": "1.5"})]
    assert read.text == HOSTILE
    assert Reader(link(HOSTILE, HOSTILE)).elements == [("a", {"href": HOSTILE})]
    assert link("x", None) == "x"


def test_what_is_markup_already_is_not_escaped_again() -> None:
    assert escaped(escaped("<")) == "&lt;"
    assert element("p", Markup("<b>"), "<b>") == "<p><b>&lt;b></p>".replace("&lt;b>", "&lt;b&gt;")


@pytest.mark.parametrize("name", ["a*b", "**x**", "`x`", HOSTILE, "\\", "[x](y)", "a_b", "2 < 3"])
def test_a_sentence_of_another_page_reads_as_it_reads_there(name: str) -> None:
    sentence = f"{markdown.escaped(name)} has {markdown.bold(name)}, by {markdown.code('dvc repro a_b')}."
    read = Reader(from_markdown(sentence))
    plain = " ".join(name.split())
    assert read.text == f"{plain} has {plain}, by dvc repro a_b."
    assert [tag for tag, _ in read.elements] == ["strong", "code"]


@pytest.mark.parametrize("name", ["</script><b>", "<!--<script>", "]]>", "\u2028", "ü", "\\u003c"])
def test_no_name_ends_the_script_that_holds_it(name: str) -> None:
    text = data("rows", {name: [name, 1.5, None]})
    inside = re.fullmatch(r'<script type="application/json" id="rows">(.*)</script>', text)
    assert inside
    assert "<" not in inside[1]
    assert json.loads(inside[1]) == {name: [name, 1.5, None]}


def test_a_number_that_json_does_not_know_is_an_error_here_and_not_in_the_browser() -> None:
    with pytest.raises(ValueError, match="JSON"):
        data("rows", [float("nan")])


def test_a_table_says_what_it_is_and_how_it_sorts() -> None:
    lines = [{"net": Cell("a<b"), "error": Cell("8.3 ± 0.1", "x y", 8.3)}, {"net": Cell("c"), "error": NOTHING}]
    read = Reader(table("results", "Results", lines, ("net",), ["row-a", None]))
    cells = [attributes for tag, attributes in read.elements if tag == "td"]
    assert [cell.get("data-value") for cell in cells] == [None, "8.3", None, ""]
    assert [cell.get("class") for cell in cells] == ["text", None, "text", None]
    assert [attributes.get("id") for tag, attributes in read.elements if tag == "tr"] == [None, "row-a", None]
    assert [attributes for tag, attributes in read.elements if tag == "a"] == [{"href": "x y"}]
    assert all(attributes["scope"] == "col" for tag, attributes in read.elements if tag == "th")
    assert table("results", "Results", [], ()) == ""
