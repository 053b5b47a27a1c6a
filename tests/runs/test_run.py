"""A run that is killed and started again ends with the same bits as one left alone; one process trains a seed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from resnet.data import Data
from resnet.errors import UserError
from resnet.files import locked
from resnet.params import Settings
from resnet.results import TrainingRecord, read_history
from resnet.runs import run as running
from resnet.runs.results import Folders, seed_folders
from resnet.runs.run import PresentSegment, Run, history, source
from resnet.runs.seeds import train_seeds
from resnet.system import Machine
from resnet.training.checkpoint import Progress, read_checkpoint
from tests.conftest import CPU
from tests.runs.conftest import Tiny, interrupt_at


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
        run(tiny(iterations=3), digits, tmp_path / name, seed, Machine(device, "fp32")).execute()
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
    monkeypatch.setattr(running, "source", lambda: "other code")
    resumed = run(tiny(), digits, tmp_path / "resumed").execute()
    segments = [(segment.first_iteration, segment.source) for segment in resumed.segments]
    assert segments == [(0, source()), (5, "other code")]
    assert resumed.identity == whole.identity
    assert same_weights(tmp_path / "whole", tmp_path / "resumed")


def test_a_diverged_run_says_so_and_has_no_test_error(tiny: Tiny, digits: Data, tmp_path: Path) -> None:
    record = run(tiny(learning_rate=1e12, iterations=20), digits, tmp_path).execute()
    assert record.status == "diverged"
    assert record.test_error is None
    assert TrainingRecord.read(tmp_path / "metrics.json") == record or record.training_loss != record.training_loss


def test_evaluations_and_checkpoints_are_no_time_of_training(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(running, "time", SimpleNamespace(perf_counter=lambda: now))
    training = PresentSegment(7, CPU, 1)
    now += 8
    for seconds in (1.0, 2.0):
        with training.outside_training():
            now += seconds
    record = training.record(12)
    assert (record.seconds, record.training_seconds) == (11.0, 8.0)
    assert (record.first_iteration, record.last_iteration) == (7, 12)


@pytest.mark.parametrize("warmup", [False, True])
def test_rows_are_means_since_the_row_before(warmup: bool, tiny: Tiny) -> None:
    recipe = tiny(iterations=40, log_every=4, warmup=str(warmup).lower()).train
    progress = Progress.start(40, torch.device("cpu"))
    progress.losses.copy_(torch.rand(40, generator=torch.Generator().manual_seed(0)))
    progress.wrong.copy_(torch.arange(40) % 16)
    progress.iteration, progress.evaluations = 20, {10: (None, 60.0), 20: (None, 70.0)}
    progress.warmup_iterations = 18 if warmup else None
    rows = history(progress, recipe, 1237)
    assert [row.iteration for row in rows] == [4, 8, 10, 12, 16, 20]
    assert [row.test_error for row in rows] == [None, None, 60.0, None, None, 70.0]
    assert rows[2].training_loss == pytest.approx(float(progress.losses[8:10].mean()))
    assert rows[2].training_error == pytest.approx(100 * 8.5 / 16)
    assert rows[2].epoch == pytest.approx(10 * 16 / 1237)
    assert [row.learning_rate for row in rows] == pytest.approx([0.01 if warmup else 0.1] * 5 + [0.1])
    progress.iteration = 40
    assert history(progress, recipe, 1237)[:6] == rows


@pytest.mark.usefixtures("quick_forecast")
def test_a_seed_that_another_process_trains_is_refused_and_the_others_train(
    tiny: Tiny, digits: Data, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with locked(out / "seed-0", "training this seed"):
        with pytest.raises(UserError, match="out/seed-0: another run is training this seed"):
            train_seeds(tiny(), [1, 0], digits, out, CPU)
        assert not list(out.glob("seed-*"))
        (record,) = train_seeds(tiny(), [1], digits, out, CPU)
        assert record.status == "done"
    assert [record.status for record in train_seeds(tiny(), [0, 1], digits, out, CPU)] == ["done", "done"]
    assert sorted(os.listdir(out)) == ["seed-0", "seed-1"]


@pytest.mark.usefixtures("quick_forecast")
def test_a_finished_run_takes_the_name_that_the_plan_calls_it_by(tiny: Tiny, digits: Data, tmp_path: Path) -> None:
    settings, folders = tiny(), seed_folders(tmp_path, 0)
    interrupt_at(1, Run(settings, 0, digits, folders, CPU))
    saved = folders.checkpoint_file.read_bytes()
    (first,) = train_seeds(settings, [0], digits, tmp_path, CPU)
    weights = folders.weights_file.read_bytes()
    folders.checkpoint_file.write_bytes(saved)  # as a kill right before the end leaves it
    (second,) = train_seeds(settings.model_copy(update={"name": "an-ablation"}), [0], digits, tmp_path, CPU)
    assert second == TrainingRecord.read(folders.metrics_file) == first.model_copy(update={"name": "an-ablation"})
    assert folders.weights_file.read_bytes() == weights
    assert not folders.checkpoint_file.exists()
    folders.checkpoint_file.write_bytes(b"another run's")
    train_seeds(settings, [0], digits, tmp_path, CPU)
    assert folders.checkpoint_file.exists()


def test_seeds_side_by_side_end_with_the_bits_that_they_have_alone(
    device: torch.device, tiny: Tiny, digits: Data, tmp_path: Path
) -> None:
    machine = Machine(device, "fp32")
    together = train_seeds(tiny(seeds_at_once=2), [0, 1], digits, tmp_path / "together", machine)
    assert [record.segments[0].side_by_side for record in together] == [2, 2]
    assert [2 * (record.peak_memory_bytes or 0) <= machine.peak_memory_bytes() for record in together] == [True, True]
    for seed, record in enumerate(together):
        (alone,) = train_seeds(tiny(), [seed], digits, tmp_path / "alone", machine)
        assert same_weights(tmp_path / f"together/seed-{seed}", tmp_path / f"alone/seed-{seed}")
        assert (record.test_error, record.identity) == (alone.test_error, alone.identity)


def start(digits_folder: Path, folder: Path, out: str, **train: int) -> subprocess.Popen[str]:
    assignments = [f"--set=data.dir={digits_folder}", "--set=data.validation=100", "--set=train.batch_size=32"]
    assignments += [f"--set=train.{key}={value}" for key, value in train.items()]
    command = [sys.executable, "-m", "resnet", "train", "--depth", "8", "--seeds", "0", "--out", out]
    return subprocess.Popen([*command, *assignments], cwd=folder, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_a_process_killed_by_sigkill_goes_on_and_ends_with_the_same_bits(digits_folder: Path, tmp_path: Path) -> None:
    train = {"iterations": 40, "checkpoint_every": 10, "evaluate_every": 20}
    start(digits_folder, tmp_path, "whole", **train).communicate(timeout=300)
    killed, checkpoint = 0, tmp_path / "killed/seed-0/checkpoint.safetensors"
    code = None
    while code != 0:
        process = start(digits_folder, tmp_path, "killed", **train)
        before = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
        while process.poll() is None and (not checkpoint.exists() or checkpoint.stat().st_mtime_ns == before):
            time.sleep(0.01)
        time.sleep(0.15)  # somewhere between two checkpoints
        process.kill()
        process.communicate(timeout=300)
        code = process.returncode
        killed += code != 0
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
