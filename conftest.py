"""Without an option that asks for benchmarks, `pytest` runs each of them once, as a test."""

from __future__ import annotations

import pytest

from resnet import threads

threads.settle()  # before any test imports PyTorch

ASKING = ("only", "enable", "json", "save", "autosave", "compare", "histogram", "skip")
"""Options `--benchmark-...` that are about figures; --benchmark-skip has its own meaning and is left alone."""


def pytest_configure(config: pytest.Config) -> None:
    if not any(config.getoption(f"benchmark_{name}", None) for name in ASKING):
        config.option.benchmark_disable = True


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--full-grid", action="store_true", help="benchmarks: every batch, precision, mode and depth (hours on a CPU)"
    )
