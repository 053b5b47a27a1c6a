"""Curves for TensorBoard, read back by TensorBoard itself: the values of history.csv, once each."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from resnet.data import Data
from resnet.params import Settings
from resnet.results import TrainingRecord, read_history
from resnet.runs.folders import Folders
from resnet.runs.live import IMAGES_PER_SECOND
from resnet.runs.run import Run, train_side_by_side
from tests.conftest import CPU, Command
from tests.pipeline.project import commit, run
from tests.runs.conftest import Tiny
from tests.runs.test_run import Stop, same_weights, stop_after

Curve = dict[str, list[tuple[int, float]]]


def shown(settings: Settings, data: Data, folder: Path, seed: int = 0) -> Run:
    return Run(settings, seed, data, Folders(folder, folder, folder), CPU, live="tensorboard")


def curves(folder: Path) -> Curve:
    """What TensorBoard reads in a folder: of each tag the steps and the values."""
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    return {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def history(folder: Path) -> Curve:
    values: defaultdict[str, list[tuple[int, Any]]] = defaultdict(list)
    for row in read_history(folder / "history.csv"):
        for tag, value in row._asdict().items():
            if value is not None and tag not in ("iteration", "epoch"):
                values[tag].append((row.iteration, pytest.approx(value, rel=1e-6, nan_ok=True)))
    return dict(values)


def check_curves(folder: Path) -> Curve:
    """Hold the event files against history.csv and the record; they have single precision."""
    read = curves(folder)
    speeds = read.pop(IMAGES_PER_SECOND)
    assert read == history(folder)
    segments = TrainingRecord.read(folder / "metrics.json").segments
    assert speeds[-1][0] == segments[-1].last_iteration
    return {**read, IMAGES_PER_SECOND: speeds}


def event_files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("events.out.tfevents.*"))


def test_a_curve_is_that_of_history_and_changes_no_result(tiny: Tiny, digits: Data, tmp_path: Path) -> None:
    record = shown(tiny(), digits, tmp_path / "shown").execute()
    plain = Run(tiny(), 0, digits, Folders(*[tmp_path / "plain"] * 3), CPU).execute()
    read = check_curves(tmp_path / "shown")
    errors = {"training_error", "validation_error", "test_error"}
    assert set(read) == {"learning_rate", "training_loss", IMAGES_PER_SECOND} | errors
    assert [step for step, _ in read["training_loss"]] == [4, 6, 8, 12]
    # A checkpoint every 5 iterations: the mean of the parts' times is the whole's.
    assert [step for step, _ in read[IMAGES_PER_SECOND]] == [5, 10, 12]
    parts = zip([5, 5, 2], read[IMAGES_PER_SECOND], strict=True)
    seconds = sum(iterations * 16 / speed for iterations, (_, speed) in parts)
    assert record.images_per_second == pytest.approx(12 * 16 / seconds, rel=1e-5)

    assert same_weights(tmp_path / "shown", tmp_path / "plain")
    for name in ("history.csv", "test_predictions.npy"):
        assert (tmp_path / "shown" / name).read_bytes() == (tmp_path / "plain" / name).read_bytes()
    left_out = {"segments", "peak_memory_bytes"}
    assert record.model_dump(exclude=left_out) == plain.model_dump(exclude=left_out)
    assert event_files(tmp_path / "plain") == []


def test_a_run_that_is_killed_and_goes_on_has_each_point_once(tiny: Tiny, digits: Data, tmp_path: Path) -> None:
    for iteration in (3, 7, 11):
        with pytest.raises(Stop):
            shown(tiny(), digits, tmp_path).execute(stop_after(iteration))
    first = event_files(tmp_path)[0]
    first.write_bytes(first.read_bytes()[:-3])  # killed in the midst of a record
    # On its way it shows what is saved.
    assert [step for step, _ in check_curves(tmp_path)["training_loss"]] == [4, 6, 8]
    Run(tiny(), 0, digits, Folders(*[tmp_path] * 3), CPU).start()  # a start without --live
    shown(tiny(), digits, tmp_path).execute()
    check_curves(tmp_path)


def test_seeds_side_by_side_have_a_curve_each_to_their_divergence(tiny: Tiny, digits: Data, tmp_path: Path) -> None:
    settings = tiny(learning_rate=1e12, iterations=20, evaluate_every=10)
    runs = [shown(settings, digits, tmp_path / f"seed-{seed}", seed) for seed in range(2)]
    records = train_side_by_side(runs, [lambda progress, learning_rate: None] * 2)
    assert [record.status for record in records] == ["diverged", "diverged"]
    read = [check_curves(tmp_path / f"seed-{seed}") for seed in range(2)]
    assert read[0]["training_error"] != read[1]["training_error"]


def test_what_fails_costs_a_line_and_no_run(
    tiny: Tiny, digits: Data, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("torch.utils.tensorboard.SummaryWriter.flush", full)
    assert shown(tiny(), digits, tmp_path).execute().status == "done"
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{tmp_path}: no curve for TensorBoard: ")
    assert line.endswith("No space left on device; the run goes on")


def training(digits_folder: Path) -> list[str]:
    arguments = ["train", "--depth", "8", "--seeds", "0", "--out", "out", f"--set=data.dir={digits_folder}"]
    keys = {"iterations": 4, "batch_size": 4, "checkpoint_every": 2, "log_every": 1}
    return [*arguments, "--set=data.validation=100", *(f"--set=train.{key}={value}" for key, value in keys.items())]


def loaded(stderr: str) -> set[str]:
    """The packages that a process has imported."""
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in stderr.splitlines()}


@pytest.mark.slow
def test_it_is_off_unless_a_variable_asks_for_it(command: Command, digits_folder: Path, tmp_path: Path) -> None:
    done = command(*training(digits_folder), PYTHONPROFILEIMPORTTIME="1", RESNET_LIVE="")
    assert done.returncode == 0, done.stderr
    assert {"torch", "tensorboard"} & loaded(done.stderr) == {"torch"}
    assert event_files(tmp_path) == []
    # A finished run is not trained again, so that it has no curve to write.
    done = command(*training(digits_folder), "--seeds", "0,1", RESNET_LIVE="tensorboard")
    assert "already complete" in done.stderr
    assert event_files(tmp_path / "out/seed-0") == []
    check_curves(tmp_path / "out/seed-1")
    done = command(*training(digits_folder), RESNET_LIVE="a-board")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "'a-board' is not" in done.stderr


def test_without_tensorboard_nothing_trains(command: Command, tmp_path: Path) -> None:
    (tmp_path / "tensorboard.py").write_text("raise ModuleNotFoundError('No module named tensorboard')")
    done = command("train", "--out", "out", "--live", "tensorboard")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("resnet: --live tensorboard needs TensorBoard: ")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_git_and_dvc_do_not_see_event_files(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESNET_LIVE", "tensorboard")
    run(project, "dvc", "repro", "train@resnet-8")
    folder = project / "runs/train/resnet-8/seed-0"
    check_curves(folder)
    lock = yaml.safe_load((project / "dvc.lock").read_text())
    (out,) = (out for out in lock["stages"]["train@resnet-8"]["outs"] if out["path"] == "runs/train/resnet-8")
    assert out["nfiles"] == len({"metrics.json", "history.csv", "test_predictions.npy"})
    commit(project, "results")
    assert run(project, "git", "status", "--porcelain").stdout == ""
    assert not [name for name in run(project, "git", "ls-files").stdout.splitlines() if "tfevents" in name]
    (events,) = event_files(folder)
    events.unlink()
    assert "up to date" in run(project, "dvc", "status", "train@resnet-8").stdout
