"""How to read the report stands with the figures that it explains."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from resnet.report.sections.reading import section


def test_it_stands_where_there_is_something_to_read(files: Callable[..., Any]) -> None:
    assert "one seed has no spread" in files("resnet-20").text(section)
    assert files().text(section).strip() == ""
