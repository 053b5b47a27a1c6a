"""Curves for TensorBoard, read back by TensorBoard itself: the values of history.csv, once each."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from resnet.data import Data
from resnet.params import Settings
from resnet.results import TrainingRecord, read_history
from resnet.runs.live import IMAGES_PER_SECOND
from resnet.runs.results import Folders
from resnet.runs.run import Run
from tests.conftest import CPU, Command
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
    read, record = curves(folder), TrainingRecord.read(folder / "metrics.json")
    speeds = read.pop(IMAGES_PER_SECOND)
    assert read == history(folder)
    assert speeds[-1] == (record.iteration, pytest.approx(record.images_per_second))
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
    assert [step for step, _ in read[IMAGES_PER_SECOND]] == [5, 10, 12]
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


def test_what_fails_costs_a_line_and_no_run(
    tiny: Tiny, digits: Data, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("torch.utils.tensorboard.SummaryWriter.flush", full)
    assert shown(tiny(), digits, tmp_path).execute().status == "done"
    line = f"{tmp_path}: no curve for TensorBoard: OSError: [Errno 28] No space left on device; the run goes on"
    assert capsys.readouterr().err.splitlines() == 3 * [line]  # at each checkpoint and at the end


@pytest.mark.slow
def test_it_is_off_unless_an_option_or_a_variable_asks_for_it(
    command: Command, digits_folder: Path, tmp_path: Path
) -> None:
    keys = {"iterations": 4, "batch_size": 4, "checkpoint_every": 2, "log_every": 1}
    training = [f"--set=data={{dir: {digits_folder}, validation: 100}}", "--depth=8", "--out=out"]
    training += [f"--set=train.{key}={value}" for key, value in keys.items()]
    done = command("train", *training, "--seeds=0", PYTHONPROFILEIMPORTTIME="1", RESNET_LIVE="")
    assert done.returncode == 0, done.stderr
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert {"torch", "tensorboard"} & loaded == {"torch"}
    # A finished run is not trained again, so that it has no curve to write.
    done = command("train", *training, "--seeds=0,1", RESNET_LIVE="tensorboard")
    assert "already complete" in done.stderr
    assert event_files(tmp_path / "out/seed-0") == []
    check_curves(tmp_path / "out/seed-1")


def test_without_tensorboard_nothing_trains(command: Command, tmp_path: Path) -> None:
    (tmp_path / "tensorboard.py").write_text("raise ModuleNotFoundError('No module named tensorboard')")
    done = command("train", "--out", "out", "--live", "tensorboard")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("resnet: --live tensorboard needs TensorBoard: ")
    assert not (tmp_path / "out").exists()
