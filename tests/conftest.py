"""What several tests need: small real data, and the command line in a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from resnet.data import Data, Source, read, save, split
from resnet.params import DataParams, Settings, load
from resnet.system import Machine
from tests.pipeline.project import make_project

Command = Callable[..., "subprocess.CompletedProcess[str]"]

CPU = Machine(torch.device("cpu"), "fp32")


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    """Whether they have the same names and bits."""
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture(scope="session", autouse=True)
def _programs_are_no_workers() -> None:
    """pytest-xdist tells its workers what they are; programs that tests start, pytest among them, are none."""
    os.environ.pop("PYTEST_XDIST_WORKER", None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the slow tests, so that none of them ends alone; skip what needs a GPU where there is none."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
    no_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
    for item in items:
        if item.get_closest_marker("gpu"):
            item.add_marker(no_gpu)


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request: pytest.FixtureRequest) -> torch.device:
    """Where a test computes; `pytest -m gpu` runs it on a GPU alone."""
    return torch.device(request.param)


@pytest.fixture(scope="session")
def digits() -> Data:
    """Of scikit-learn's digits 1,337 training, 100 validation and 90 test images: evaluations cost the most of runs."""
    whole = read("digits", DataParams(validation=0))
    return split(Source("digits", whole.record.classes, whole.train, whole.test[np.arange(90)]), 100, 0)


@pytest.fixture(scope="session")
def digits_folder(digits: Data, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "digits"
    save(digits, folder)
    return folder


@pytest.fixture
def tiny() -> Callable[..., Settings]:
    """Settings of ResNet-8 for a run of seconds; keyword arguments are `train` keys."""

    def settings(net: str = "resnet", depth: int = 8, **train: object) -> Settings:
        keys = {
            "iterations": 12,
            "batch_size": 16,
            "log_every": 4,
            "evaluate_every": 6,
            "checkpoint_every": 5,
        }
        assignments = [f"train.{key}={value}" for key, value in (keys | train).items()]
        return load(None, assignments).settings_for(net, depth)

    return settings


@pytest.fixture(scope="session")
def _made_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("made") / "project")


@pytest.fixture
def project(_made_project: Path, tmp_path: Path) -> Path:
    """A Git and DVC repository of this project's sources with a plan of seconds."""
    return shutil.copytree(_made_project, tmp_path / "project", symlinks=True)


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """Run `resnet ...` in a process of its own, in an empty folder, without CIFAR10_SOURCE."""

    def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        clean = {key: value for key, value in os.environ.items() if key != "CIFAR10_SOURCE"}
        return subprocess.run(
            [sys.executable, "-m", "resnet", *map(str, arguments)],
            cwd=tmp_path,
            env=clean | environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    return run
