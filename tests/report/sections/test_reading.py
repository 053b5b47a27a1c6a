"""How to read a page stands with the figures that it explains."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from resnet.report.sections.reading import speed_section


def test_it_stands_where_there_is_something_to_read(files: Callable[..., Any]) -> None:
    assert "another hour" in files("resnet-20").text(speed_section)
    assert files().text(speed_section).strip() == ""
