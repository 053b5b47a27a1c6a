"""Markdown: nothing that comes from a file can break a table or a page."""

from __future__ import annotations

from resnet.report.markdown import bold, bullets, code, escaped, link
from resnet.report.section import Section, render
from resnet.report.table import as_markdown, table


def test_markup_in_text_from_files_is_escaped() -> None:
    assert escaped("a|b_c") == "a\\|b\\_c"
    assert escaped("<script>\nx`y`*") == "\\<script\\> x\\`y\\`\\*"
    assert escaped(code("a_b")) == "`a_b`"
    assert bold("a_b") == "**a\\_b**"


def test_cells_are_escaped_once_and_never_read_as_numbers() -> None:
    lines = as_markdown(table([{"net": "a|b", "error": "0.0200"}, {"net": bold("c"), "error": "1e5"}])).splitlines()
    cells = [[cell.strip() for cell in line.replace("\\|", "/").strip("|").split("|")] for line in lines]
    assert cells[0] == ["net", "error"]
    assert cells[2:] == [["a\\/b".replace("\\", ""), "0.0200"], ["**c**", "1e5"]]
    assert (cells[1][0][0], cells[1][1][-1]) == (":", ":")  # the first column is flush left, the others right
    rule = as_markdown(table([{"a": "1", "b": "2", "c": "3"}], left=2)).splitlines()[1]
    assert [part[0] == ":" for part in rule.strip("|").split("|")] == [True, True, False]


def test_links_lists_and_what_opens() -> None:
    assert link("a/b.json", "../runs") == "[a/b.json](../runs/a/b.json)"
    assert link("a/b.json", None) == "`a/b.json`"
    assert bullets(["a", "b"]) == "- a\n- b\n"
    opened = "<details>\n<summary>title</summary>\n\n| a   |\n|:----|\n| 1   |\n\n</details>\n"
    assert render([Section("", (table([{"a": "1"}], summary="title"), table([], summary="empty")))]) == opened
