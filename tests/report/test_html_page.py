"""index.html: its text, and what a reader does with it in a real browser."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from resnet.report import style
from resnet.report.html_page import element, page
from resnet.report.section import Picture, Section
from resnet.report.table import Cell, table

NAMES = ("chromium", "chromium-browser", "google-chrome")
ERRORS = {"plain nets": (9.5, 13.0), "residual nets": (8.6, 7.0)}
DEPTHS = (20, 56)
DRAWING = (
    '<svg width="432" height="200" viewBox="0 0 432 200"><title>A block</title><rect width="432" height="9"/></svg>'
)


def errors() -> Figure:
    figure = Figure(figsize=(9.2, 4.0), layout="constrained")
    axes, handles = figure.subplots(), []
    for (kind, values), marker in zip(ERRORS.items(), "so", strict=True):
        drawn = axes.errorbar(DEPTHS, values, yerr=[0.3, 0.4], marker=marker, ms=8, label=kind)
        style.label(drawn, kind, [f"{kind}, {depth}: {x:.2f} %" for depth, x in zip(DEPTHS, values, strict=True)])
        handles.append(drawn)
    style.legend_below(figure, [*handles, style.entry("not labelled")])
    return figure


WIDE = {f"column {k}": Cell("0.123456 ± 0.1") for k in range(12)}
NOTE = Cell("a <note> of *more* than forty letters in all")
TABLE = table(
    [
        {"net": Cell("resnet-20"), "error": Cell("8.60", 8.6, "a b.json"), "note": NOTE, **WIDE},
        {"net": Cell("resnet-110"), "error": Cell("not run"), "note": NOTE, **WIDE},
        {"net": Cell("resnet-56"), "error": Cell("10.00", 10.0), "note": NOTE, **WIDE},
    ]
)


def written(*more: Section) -> str:
    results = Section("", ("**Depth** `helps` <b>.\n", Picture("errors", "Error *against* depth.", errors), TABLE))
    pages = {"": [results], "Speed": [Section("Nothing", ("", TABLE._replace(rows=()))), *more], "Absent": []}
    with style.style():
        drawn = {name: element(errors(), name) for name in ("errors", "again")}
    return page("Depth & error", pages, drawn, {"The block": DRAWING}, ["a.csv", "b c.json"], "../runs")


def test_the_results_come_first_and_the_drawings_last() -> None:
    text = written(Section("Throughput", (table([{"a": "inside"}], summary="More <1>"),)))
    parts = ["<h1>Depth &amp; error</h1>", "<strong>Depth</strong> <code>helps</code> &lt;b&gt;.", "<figcaption>Error"]
    parts += ("<table>", "<h2>Speed</h2>", "<h3>Throughput</h3>", "More &lt;1&gt;", "inside", DRAWING, "b%20c.json")
    places = [text.index(part) for part in parts]
    assert places == sorted(places)
    assert 'href="../runs/a%20b.json"' in text
    assert 'class="number" data-value="8.6"' in text
    assert "a &lt;note&gt; of *more*" in text
    assert "Nothing" not in text
    assert "Absent" not in text


def test_figures_share_no_identifier_and_every_reference_has_its_own() -> None:
    text = written(Section("Again", (Picture("again", "", errors), Picture("none", "?", errors))))
    names = re.findall(r'\bid="([^"]+)"', text)
    assert len(set(names)) == len(names)
    assert {*re.findall(r'(?:href="|url\()#([\w-]+)', text)} <= {*names}
    assert text.count("</svg>") == 3
    assert written() == written()


# In a browser.


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    executable = next(filter(None, map(shutil.which, NAMES)), None)
    if executable is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is installed")
    with sync_playwright() as playwright:
        # Root in a container has no sandbox of Chromium's.
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield browser
        browser.close()


def under_the_pointer(opened: Page, mark: str) -> str:
    """The tooltip of what a pointer in the middle of a mark touches."""
    opened.locator(mark).scroll_into_view_if_needed()
    box = opened.locator(mark).bounding_box()
    assert box
    middle = [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]
    return str(
        opened.evaluate("([x, y]) => document.elementFromPoint(x, y).querySelector('title').textContent", middle)
    )


@pytest.mark.parametrize(("width", "scheme"), [(400, "dark"), (1280, "light")])
def test_a_reader_points_switches_and_sorts(browser: Browser, tmp_path: Path, width: int, scheme: Any) -> None:
    file = tmp_path / "index.html"
    file.write_text(written(), encoding="utf-8")
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    opened, complaints, requests = context.new_page(), list[str](), list[str]()
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("request", lambda request: requests.append(request.url))
    opened.goto(file.as_uri())
    assert opened.evaluate("document.documentElement.scrollWidth") == width
    assert under_the_pointer(opened, '[data-entry="plain nets"] use >> nth=-1') == "plain nets, 56: 13.00 %"

    mark, switch = '[data-entry="plain nets"] use >> nth=0', opened.locator('[data-switch="plain nets"]')
    assert opened.locator("[data-switch]").count() == len(ERRORS)
    switch.click()
    assert not opened.locator(mark).is_visible()
    assert opened.locator('[data-entry="residual nets"] use >> nth=0').is_visible()
    switch.press("Enter")
    assert opened.locator(mark).is_visible()
    sign = opened.locator('g:has(> [data-switch="plain nets"])').locator("xpath=preceding-sibling::*[1]")
    for shown in (False, True):
        sign.click()
        assert opened.locator(mark).is_visible() is shown

    # Numbers are sorted by their values, with what is missing last both ways; text by the numbers in it.
    head = opened.locator("th", has_text="error")
    for order in (["resnet-20", "resnet-56", "resnet-110"], ["resnet-56", "resnet-20", "resnet-110"]):
        head.click()
        assert opened.locator("td:first-child").all_inner_texts() == order
    opened.locator("th", has_text="net").first.press("Enter")
    assert opened.locator("td:first-child").all_inner_texts() == ["resnet-20", "resnet-56", "resnet-110"]

    picture = np.asarray(Image.open(BytesIO(opened.locator("figure").first.screenshot())).convert("L"))
    assert picture[0, 0] > 200 if scheme == "light" else picture[0, 0] < 60
    assert picture.min() < 60 < 200 < picture.max()  # the ground and the letters
    assert (complaints, requests) == ([], [file.as_uri()])
    context.close()
