"""Without an option that asks for benchmarks, `pytest` runs each of them once, as a test."""

from __future__ import annotations

import os
import shlex

import pytest

from resnet import threads

if "PYTEST_XDIST_WORKER" in os.environ:  # two processes of two threads each would wait for one another on two cores
    os.environ.setdefault("OMP_NUM_THREADS", "1")
threads.settle()  # before any test imports PyTorch

QUIET = ("--benchmark-disable", "--benchmark-skip", "--benchmark-storage")
"""The options of pytest-benchmark that ask for no figures."""


def pytest_configure(config: pytest.Config) -> None:
    given = [*config.invocation_params.args, *shlex.split(os.environ.get("PYTEST_ADDOPTS", ""))]
    asking = [arg for arg in map(str, given) if arg.startswith("--benchmark-") and not arg.startswith(QUIET)]
    if not asking and not config.getoption("benchmark_skip"):
        config.option.benchmark_disable = True


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--full-grid", action="store_true", help="benchmarks: every batch, precision, mode and depth (hours on a CPU)"
    )
