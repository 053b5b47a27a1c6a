"""One net over two processes that torchrun starts, real ones of this machine with gloo, killed and stopped midway."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from resnet.data import Data
from resnet.errors import UserError
from resnet.nets import kernels
from resnet.params import Settings, load
from resnet.results import TrainingRecord, read_history
from resnet.runs.seeds import train_seeds
from tests.conftest import CPU
from tests.pipeline.project import ROOT, environment

PARAMS = """
data: {source: digits, dir: DIR, validation: 200}
train:
  seeds: [3]
  iterations: 60
  batch_size: 32
  batch_norm_images: 16
  learning_rate: 0.001
  precision: fp32
  device: cpu
  log_every: 1
  evaluate_every: 20
  checkpoint_every: 5
"""
COMMAND = (
    *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"),
    *("--max-restarts", "RESTARTS", "-m", "MODULE", "train", "--net", "resnet", "--depth", "8", "--out", "out"),
)

pytestmark = pytest.mark.slow


class Torchrun:
    """The command that trains ResNet-8 on digits in a folder of its own, with two processes of one thread each."""

    def __init__(self, folder: Path, data: Path, restarts: int = 0, *more: str, module: str = "resnet") -> None:
        folder.mkdir(exist_ok=True)
        (folder / "params.yaml").write_text(PARAMS.replace("DIR", str(data)))
        self.project, self.folder = folder, folder / "out/seed-3"
        self.log = folder / f"log-{len(list(folder.iterdir()))}"
        words = {"RESTARTS": str(restarts), "MODULE": module}
        command = [words.get(word, word) for word in (*COMMAND, *more)]
        with self.log.open("w") as file:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment(ROOT) | {"OMP_NUM_THREADS": "1"},
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    def wait(self) -> int:
        try:
            return self.process.wait(300)
        except subprocess.TimeoutExpired:
            self.process.terminate()  # and with it those that it has started
            raise

    def record(self) -> TrainingRecord | None:
        try:
            return TrainingRecord.read(self.folder / "metrics.json")
        except UserError:
            return None

    def until(self, reached: Callable[[TrainingRecord], bool]) -> None:
        while (record := self.record()) is None or not reached(record):
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.005)

    def kill(self, rank: int) -> None:
        (process,) = (
            child for child in psutil.Process(self.process.pid).children() if child.environ().get("RANK") == str(rank)
        )
        process.kill()

    def weights(self) -> dict[str, Tensor]:
        return load_file(self.folder / "model.safetensors")

    def lines(self) -> list[str]:
        """What the command printed, without torchrun's own lines."""
        return [line for line in self.log.read_text().splitlines() if line.startswith(("resnet", "interrupted"))]


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture(scope="module")
def undisturbed(digits_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Torchrun:
    """A run that nothing happens to."""
    run = Torchrun(tmp_path_factory.mktemp("undisturbed"), digits_folder)
    assert run.wait() == 0, run.log.read_text()
    return run


@pytest.mark.skipif(not kernels.available(), reason="there is no other arithmetic to measure rounding by")
@pytest.mark.usefixtures("one_thread")
def test_two_processes_are_one_that_normalises_halves_up_to_rounding(
    undisturbed: Torchrun, digits: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What rounding comes to in these iterations is measured: by one process with PyTorch's own operations.

    Their sums have another order and nothing else is different; a factor of four is for the luck of a single pair.
    """
    settings = load(undisturbed.project / "params.yaml").settings_for("resnet", 8)

    def alone(name: str, settings: Settings = settings) -> Path:
        train_seeds(settings, [3], digits, tmp_path / name, CPU)
        return tmp_path / name / "seed-3"

    halves = alone("halves")
    train = settings.train.model_copy(update={"batch_norm_images": None})
    whole = alone("whole", settings.model_copy(update={"train": train}))
    monkeypatch.setattr(kernels, "available", lambda: False)
    plain = alone("plain")

    def losses(folder: Path) -> list[float]:
        return [row.training_loss for row in read_history(folder / "history.csv")]

    def vector(folder: Path) -> Tensor:
        """The weights and batch norm's statistics."""
        held = load_file(folder / "model.safetensors")
        return torch.cat([held[name].double().flatten() for name in sorted(held)])

    def distance(one: Path, other: Path) -> float:
        return float((vector(one) - vector(other)).norm() / vector(one).norm())

    def furthest(one: Path, other: Path) -> float:
        return max(abs(a - b) for a, b in zip(losses(one), losses(other), strict=True))

    two = undisturbed.folder
    assert losses(two)[0] == pytest.approx(losses(halves)[0], rel=1e-6)
    assert distance(halves, two) < 4 * distance(halves, plain)
    assert furthest(halves, two) < 4 * furthest(halves, plain)
    # The bounds are narrow: batch norm over the whole batch is far outside.
    assert distance(halves, whole) > 4 * 4 * distance(halves, plain)
    assert furthest(halves, whole) > 4 * 4 * furthest(halves, plain)


def test_processes_that_are_killed_cost_time_and_no_bit(
    undisturbed: Torchrun, digits_folder: Path, tmp_path: Path
) -> None:
    run = Torchrun(tmp_path, digits_folder, 2)
    run.until(lambda record: record.iteration >= 5)
    run.kill(1)
    run.until(lambda record: len(record.segments) == 2)
    run.kill(0)
    assert run.wait() == 0, run.log.read_text()
    record = run.record()
    assert record is not None
    assert [segment.processes for segment in record.segments] == [2, 2, 2]
    assert all(segment.first_iteration % 5 == 0 for segment in record.segments)
    assert "Traceback" not in run.log.read_text()
    assert same(run.weights(), undisturbed.weights())


def test_a_stop_leaves_a_checkpoint_and_the_same_command_goes_on(
    undisturbed: Torchrun, digits_folder: Path, tmp_path: Path
) -> None:
    run = Torchrun(tmp_path, digits_folder)
    run.until(lambda record: record.iteration >= 5)
    run.process.send_signal(signal.SIGINT)
    assert run.wait() != 0
    assert [line for line in run.lines() if line.startswith("interrupted")] == [
        "interrupted: a checkpoint is saved; the same command goes on from it"
    ]
    run = Torchrun(tmp_path, digits_folder)
    assert run.wait() == 0, run.log.read_text()
    record = run.record()
    assert record is not None
    assert len(record.segments) == 2
    assert same(run.weights(), undisturbed.weights())


def test_settings_of_another_number_of_processes_are_one_line(digits_folder: Path, tmp_path: Path) -> None:
    run = Torchrun(tmp_path, digits_folder, 0, "--set", "train.batch_norm_images=null")
    assert run.wait() == 1
    assert run.lines()[:1] == ["resnet: set train.batch_norm_images to 16: 2 processes normalise 16 images each"]
    assert sum(line.startswith("resnet:") for line in run.lines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_process_with_other_settings_than_the_first_is_one_line(digits_folder: Path, tmp_path: Path) -> None:
    """Such as one whose machine has another params.yaml."""
    (tmp_path / "differing.py").write_text(
        "import os, sys\n"
        "from resnet.cli import main\n"
        "sys.argv.append(f\"--set=train.momentum=0.{8 + int(os.environ['RANK'])}\")\n"
        "main()\n"
    )
    run = Torchrun(tmp_path, digits_folder, 0, module="differing")
    assert run.wait() == 1
    assert (
        "resnet: process 1 (cpu, fp32) has other settings, data, version or precision than the first one" in run.lines()
    )
    assert not (tmp_path / "out/seed-3/metrics.json").exists()
