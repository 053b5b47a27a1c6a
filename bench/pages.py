"""How long a page of the report is for its reader: `python bench/pages.py reports/summary.md tenth/reports/summary.md`.

The page is laid out by an installed Chromium in a column as wide as a Git host's, in a similar style.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt
from playwright.sync_api import Page, sync_playwright

WIDTH, SCREEN = 920, 1000
"""Of the column, and of what is seen at once, in pixels."""

PAGE = """<!DOCTYPE html><meta charset="utf-8"><base href="{base}/">
<style>
body {{ margin: 0; width: {width}px; font: 16px/1.5 sans-serif; }}
table {{ display: block; width: max-content; max-width: 100%; overflow: auto; border-collapse: collapse; }}
th, td {{ padding: 6px 13px; border: 1px solid; }}
img {{ max-width: 100%; }}
body > * {{ margin: 0 0 16px; }}
h1 {{ font-size: 32px; line-height: 1.25; }}
h2 {{ margin-top: 24px; font-size: 24px; line-height: 1.25; }}
</style>
{body}
"""


class Layout(NamedTuple):
    """Pixels."""

    height: float
    figure: float | None
    """Where the first figure begins; None without one."""
    table: float
    """What the widest table takes, whether or not it fits."""

    def __str__(self) -> str:
        figure = "no figure" if self.figure is None else f"first figure at {self.figure:.0f} px"
        return f"{self.height / SCREEN:.1f} screens; {figure}; widest table {self.table:.0f} px"


def layout(file: Path, page: Page, scratch: Path) -> Layout:
    """Lay out a file in Markdown; `scratch` is a folder for the page that is made of it."""
    body = MarkdownIt("commonmark").enable("table").render(file.read_text(encoding="utf-8"))
    made = scratch / "page.html"
    made.write_text(PAGE.format(base=file.resolve().parent.as_uri(), width=WIDTH, body=body), encoding="utf-8")
    page.goto(made.as_uri())
    height, figures, tables = page.evaluate(
        "[document.body.scrollHeight, [...document.images].map((x) => x.getBoundingClientRect().top),"
        " [...document.querySelectorAll('table')].map((x) => x.scrollWidth)]"
    )
    return Layout(height, min(figures, default=None), max(tables, default=0))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python bench/pages.py", description=__doc__)
    parser.add_argument("files", type=Path, nargs="+", help="in Markdown")
    files = parser.parse_args().files
    executable = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if executable is None:
        sys.exit("no browser: Chromium is not installed")
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        # Root in a container has no sandbox of Chromium's.
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": SCREEN})
        for file in files:
            print(f"{file}: {layout(file, page, Path(scratch))}")
        browser.close()


if __name__ == "__main__":
    main()
