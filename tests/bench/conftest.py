"""Scripts of `bench/` as modules, and a call to a lent machine."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bench.made import ROOT, module


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "bench"))


@pytest.fixture
def call(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Make a call of so many seconds; signals are as they were afterwards."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def make(seconds: float = 60, archive_bytes: int = 2**20, place: str = "place") -> Any:
        return module("call").Call(tmp_path / place, tmp_path / "archive.tar.gz", archive_bytes, seconds, every=0.5)

    yield make
    for number, handler in handlers.items():
        signal.signal(number, handler)
