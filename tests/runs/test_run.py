"""A run that is killed and started again ends with the same bits as one left alone."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from resnet.data import Data
from resnet.errors import UserError
from resnet.params import Settings
from resnet.results import TrainingRecord, read_history
from resnet.runs.folders import Folders
from resnet.runs.identity import source
from resnet.runs.run import Run, train_side_by_side
from resnet.system import Machine
from resnet.training.checkpoint import Progress, read_checkpoint
from tests.conftest import CPU
from tests.runs.conftest import Tiny


def run(settings: Settings, data: Data, folder: Path, seed: int = 0, machine: Machine = CPU) -> Run:
    return Run(settings, seed, data, Folders(folder, folder, folder), machine)


def same_weights(one: Path, other: Path) -> bool:
    a, b = (load_file(folder / "model.safetensors") for folder in (one, other))
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


class Stop(Exception):
    pass


def stop_after(iterations: int) -> Callable[[Progress, float], None]:
    """Leave a run as a kill would: without saving anything."""

    def stop(progress: Progress, learning_rate: float) -> None:
        if progress.iteration == iterations:
            raise Stop

    return stop


def test_a_run_leaves_complete_results(tiny: Tiny, digits: Data, tmp_path: Path) -> None:
    record = run(tiny(), digits, tmp_path).execute()
    assert record == TrainingRecord.read(tmp_path / "metrics.json")
    files = ["history.csv", "metrics.json", "model.safetensors", "test_predictions.npy"]
    assert sorted(os.listdir(tmp_path)) == files
    predictions = np.load(tmp_path / "test_predictions.npy")
    assert predictions.dtype == np.uint8
    assert (predictions[:, 0] == digits.test.labels).all()
    wrong = (predictions[:, 1] != digits.test.labels).mean()
    assert record.test_error == pytest.approx(100 * wrong)
    rows = read_history(tmp_path / "history.csv")
    assert [row.iteration for row in rows] == [4, 6, 8, 12]
    assert [row.test_error is not None for row in rows] == [False, True, False, True]
    assert rows[-1].test_error == record.test_error
    assert [row.learning_rate for row in rows] == pytest.approx([0.1, 0.1, 0.01, 0.001])
    assert record.parameters == 75_290


@pytest.mark.parametrize(("killed_at", "precision"), [([3], "fp32"), ([6, 6, 12], "fp32"), ([5, 11], "bf16")])
def test_a_resumed_run_equals_a_whole_one_bit_for_bit(
    killed_at: list[int], precision: str, device: torch.device, tiny: Tiny, digits: Data, tmp_path: Path
) -> None:
    machine = Machine(device, precision)
    whole = run(tiny(), digits, tmp_path / "whole", machine=machine).execute()
    resumed = tmp_path / "resumed"
    for iteration in killed_at:
        with pytest.raises(Stop):
            run(tiny(), digits, resumed, machine=machine).execute(stop_after(iteration))
    again = run(tiny(), digits, resumed, machine=machine).execute()
    assert same_weights(tmp_path / "whole", resumed)
    assert (tmp_path / "whole/history.csv").read_text() == (resumed / "history.csv").read_text()
    left_out = {"segments", "peak_memory_bytes"}
    assert again.model_dump(exclude=left_out) == whole.model_dump(exclude=left_out)
    reached = max((at // 5) * 5 for at in killed_at)
    firsts = [segment.first_iteration for segment in again.segments]
    assert firsts[0] == 0
    assert firsts[-1] == reached
    assert not (resumed / "checkpoint.safetensors").exists()


def test_the_warmup_ends_alike_in_a_resumed_run(tiny: Tiny, digits: Data, tmp_path: Path) -> None:
    """The rates that the loop itself sets, through warm-up and both milestones."""
    settings = tiny(warmup="true", warmup_window=2, warmup_until_error=100, iterations=20)
    rates: list[float] = []
    whole = run(settings, digits, tmp_path / "whole").execute(lambda progress, rate: rates.append(rate))
    ended = whole.warmup_iterations
    assert ended in (2, 4, 6, 8)
    assert rates == pytest.approx([0.01] * ended + [0.1] * (10 - ended) + [0.01] * 5 + [0.001] * 5)
    with pytest.raises(Stop):
        run(settings, digits, tmp_path / "resumed").execute(stop_after(6))
    again = run(settings, digits, tmp_path / "resumed").execute()
    assert again.warmup_iterations == whole.warmup_iterations
    assert same_weights(tmp_path / "whole", tmp_path / "resumed")


def test_seeds_differ_and_a_seed_repeats_itself(device: torch.device, tiny: Tiny, digits: Data, tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        torch.manual_seed(hash(name) % 1000)  # global randomness must not matter
        run(tiny(), digits, tmp_path / name, seed, Machine(device, "fp32")).execute()
    assert same_weights(tmp_path / "a", tmp_path / "b")
    assert not same_weights(tmp_path / "a", tmp_path / "c")


def test_a_checkpoint_of_another_configuration_is_refused(tiny: Tiny, digits: Data, tmp_path: Path) -> None:
    with pytest.raises(Stop):
        run(tiny(), digits, tmp_path).execute(stop_after(6))
    record = TrainingRecord.read(tmp_path / "metrics.json")
    assert (record.status, record.iteration, record.test_error) == ("interrupted", 5, None)
    assert read_checkpoint(tmp_path / "checkpoint.safetensors")[0].iteration == 5
    with pytest.raises(UserError, match="another configuration"):
        run(tiny(learning_rate=0.05), digits, tmp_path).execute()


def test_a_run_resumed_by_other_code_of_the_same_version_goes_on_and_says_so(
    tiny: Tiny, digits: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(tiny(), digits, tmp_path / "whole").execute()
    with pytest.raises(Stop):
        run(tiny(), digits, tmp_path / "resumed").execute(stop_after(6))
    monkeypatch.setattr("resnet.runs.segment.source", lambda: "other code")
    resumed = run(tiny(), digits, tmp_path / "resumed").execute()
    segments = [(segment.first_iteration, segment.source) for segment in resumed.segments]
    assert segments == [(0, source()), (5, "other code")]
    assert resumed.identity == whole.identity
    assert same_weights(tmp_path / "whole", tmp_path / "resumed")


def test_what_runs_side_by_side_share_is_divided(
    tiny: Tiny, digits: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Machine, "peak_memory_bytes", lambda machine: 9_000)
    runs = [run(tiny(), digits, tmp_path / str(seed), seed) for seed in range(3)]
    records = train_side_by_side(runs, [lambda progress, learning_rate: None] * 3)
    assert [record.peak_memory_bytes for record in records] == [3_000] * 3


def test_a_diverged_run_says_so_and_has_no_test_error(tiny: Tiny, digits: Data, tmp_path: Path) -> None:
    record = run(tiny(learning_rate=1e12, iterations=20), digits, tmp_path).execute()
    assert record.status == "diverged"
    assert record.test_error is None
    assert TrainingRecord.read(tmp_path / "metrics.json") == record or record.training_loss != record.training_loss


def test_training_learns(tiny: Tiny, digits: Data, tmp_path: Path) -> None:
    record = run(tiny(iterations=120, batch_size=32, log_every=20, evaluate_every=120), digits, tmp_path).execute()
    assert record.test_error is not None
    assert record.test_error < 40


def start(digits_folder: Path, folder: Path, out: str, **train: int) -> subprocess.Popen[str]:
    assignments = [f"--set=data.dir={digits_folder}", "--set=data.validation=100", "--set=train.batch_size=32"]
    assignments += [f"--set=train.{key}={value}" for key, value in train.items()]
    command = [sys.executable, "-m", "resnet", "train", "--depth", "8", "--seeds", "0", "--out", out]
    return subprocess.Popen([*command, *assignments], cwd=folder, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_a_process_killed_by_sigkill_goes_on_and_ends_with_the_same_bits(digits_folder: Path, tmp_path: Path) -> None:
    train = {"iterations": 60, "checkpoint_every": 14, "evaluate_every": 20}
    start(digits_folder, tmp_path, "whole", **train).communicate(timeout=300)
    killed, checkpoint = 0, tmp_path / "killed/seed-0/checkpoint.safetensors"
    for _ in range(10):
        process = start(digits_folder, tmp_path, "killed", **train)
        before = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
        while process.poll() is None and (not checkpoint.exists() or checkpoint.stat().st_mtime_ns == before):
            time.sleep(0.01)
        time.sleep(0.15)  # somewhere between two checkpoints
        if process.poll() is None:
            process.kill()
            killed += 1
        process.communicate(timeout=300)
        if process.returncode == 0:
            break
    assert killed >= 2
    assert same_weights(tmp_path / "whole/seed-0", tmp_path / "killed/seed-0")
    whole, resumed = (TrainingRecord.read(tmp_path / out / "seed-0/metrics.json") for out in ("whole", "killed"))
    assert whole.test_error == resumed.test_error
    assert len(resumed.segments) > len(whole.segments) == 1
    assert os.listdir(tmp_path / "killed") == ["seed-0"]


@pytest.mark.slow
def test_sigterm_saves_a_checkpoint_and_exits_with_130(digits_folder: Path, tmp_path: Path) -> None:
    process = start(digits_folder, tmp_path, "x", iterations=5000, checkpoint_every=5)
    metrics = tmp_path / "x/seed-0/metrics.json"
    while not metrics.exists() and process.poll() is None:
        time.sleep(0.05)
    process.terminate()
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    assert "goes on from it" in errors
    assert TrainingRecord.read(metrics).status == "interrupted"
    assert (tmp_path / "x/seed-0/checkpoint.safetensors").exists()
