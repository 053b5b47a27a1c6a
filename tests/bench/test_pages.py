"""The bench of pages lays a page out and says how long it is."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

SCRIPT = Path(__file__).parent.parent.parent / "bench" / "pages.py"


@pytest.mark.skipif(not any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), reason="no browser")
def test_height_first_figure_and_widest_table(tmp_path: Path) -> None:
    Image.new("RGB", (2000, 4000)).save(tmp_path / "tall.png")
    cell = "x" * 200
    page, bare = tmp_path / "page.md", tmp_path / "bare.md"
    page.write_text(f"# Title\n\nText.\n\n![](tall.png)\n\n| a |\n|---|\n| {cell} |\n", encoding="utf-8")
    bare.write_text("Text.\n", encoding="utf-8")
    done = subprocess.run([sys.executable, SCRIPT, page, bare], capture_output=True, text=True, check=True, timeout=120)
    first, second = (line.split(": ")[1] for line in done.stdout.splitlines())
    screens, figure, table = first.split("; ")
    assert screens in ("2.0 screens", "2.1 screens")  # 1,840 px of figure in a column of 920, a title, text and a table
    assert 60 < int(figure.split()[3]) < 130
    assert int(table.split()[2]) > 920
    assert second == "0.0 screens; no figure; widest table 0 px"
