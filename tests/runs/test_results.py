"""A finished run counts only with the files that it left. Runs of other settings are set aside whole and come back."""

from __future__ import annotations

import dataclasses
import errno
import os
import shutil
from pathlib import Path

import pytest

from resnet.data import Data
from resnet.errors import UserError
from resnet.measuring.evaluate import evaluate_weights
from resnet.measuring.responses import measure_responses
from resnet.params import Settings, load
from resnet.results import StoredFile, TrainingRecord
from resnet.runs.results import Folders, identity, label, seed_folders
from resnet.runs.run import Run
from tests.conftest import CPU
from tests.pipeline.project import ROOT, run
from tests.runs.conftest import Places, Tiny, interrupt_at
from tests.runs.test_run import same_weights

pytestmark = pytest.mark.usefixtures("quick_forecast")


class Killed(BaseException):
    """In place of a kill: nothing catches it."""


def interrupt(places: Places, iteration: int, settings: Settings) -> None:
    folders = seed_folders(places.out, 0, places.weights, places.checkpoints)
    interrupt_at(iteration, Run(settings, 0, places.data, folders, CPU))


def state(places: Places, aside: bool = False) -> dict[str, bytes]:
    """The files in place or set aside, by name."""
    files = (path for path in places.folder.rglob("seed-0/*") if (".aside" in path.parts) == aside)
    return {path.name: path.read_bytes() for path in files}


@pytest.fixture
def places(tmp_path: Path, digits: Data) -> Places:
    return Places(tmp_path / "plan", digits)


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory, digits: Data) -> Places:
    """To be copied by tests that begin alike."""
    return Places(tmp_path_factory.mktemp("begun") / "plan", digits)


def alone(settings: Settings, places: Places) -> Path:
    """The folder of a run that nothing has interrupted; it is trained once."""
    folders = seed_folders(places.folder.with_name(f"alone-{settings.train.iterations}"), 0)
    Run(settings, 0, places.data, folders, CPU).execute()
    return folders.weights


def test_an_unfinished_run_goes_on_after_an_experiment_with_other_settings(
    tiny: Tiny, digits: Data, places: Places
) -> None:
    first, other = tiny(iterations=30), tiny(iterations=12)
    interrupt(places, 17, first)
    _, shown = places.train(other)
    own = identity(first, digits.record, "fp32")
    where = places.out / ".aside" / label(own) / "seed-0"
    assert f"resnet-8 seed 0: other results are moved aside to {where}\n" in shown
    record, shown = places.train(first)
    assert f"earlier results are taken back from {where}" in shown
    assert "iterations left: 13, runs left: 1, forecast" in shown
    assert [segment.first_iteration for segment in record.segments] == [0, 17]
    assert same_weights(places.weights / "seed-0", alone(first, places))
    # The experiment's results come back the same way, with no training at all.
    record, shown = places.train(other)
    assert "already complete" in shown
    assert (record.status, record.iterations) == ("done", 12)
    assert same_weights(places.weights / "seed-0", alone(other, places))
    # They come back without a flag if nothing is in the way.
    for folder in (places.out, places.weights):
        shutil.rmtree(folder / "seed-0")
    assert places.train(first, overwrite=False)[0].iterations == 30


@pytest.mark.parametrize(
    ("kill", "next_start"), [(0, "other"), (1, "first"), (1, "other"), (2, "first"), (3, "first"), (3, "other")]
)
def test_a_kill_between_two_renames_parts_nothing(
    kill: int, next_start: str, tiny: Tiny, begun: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two folders of the one run and two of the other move; whichever settings come next, both runs are whole."""
    first, other = tiny(iterations=14), tiny(iterations=12)
    if not begun.folder.exists():
        interrupt(begun, 7, first)
        begun.train(other)
    places = Places(shutil.copytree(begun.folder, tmp_path / "plan"), begun.data)
    finished = state(places)
    # The unfinished run has weights too, as one that was killed at its very end.
    weights = places.weights / ".aside" / label(identity(first, places.data.record, "fp32")) / "seed-0"
    weights.mkdir(parents=True)
    (weights / "model.safetensors").write_bytes(b"half")
    move, done = shutil.move, 0

    def maybe_killed(source: Path, to: Path) -> None:
        nonlocal done
        if done == kill:
            raise Killed
        done += 1
        move(source, to)

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "move", maybe_killed)
        with pytest.raises(Killed):
            places.train(first)
    for settings in (first, other) if next_start == "first" else (other, first):
        record, shown = places.train(settings)
        if settings is other:
            assert "already complete" in shown
            assert state(places) == finished
        else:
            assert [segment.first_iteration for segment in record.segments] == [0, 7]
            assert same_weights(places.weights / "seed-0", alone(first, begun))


def test_the_refusal_names_the_setting_and_leaves_all_as_it_was(tiny: Tiny, places: Places) -> None:
    places.train(tiny())
    before = state(places)
    with pytest.raises(UserError, match=r"train.learning_rate is 0.1 there and 0.05 here\): pass --overwrite"):
        places.train(tiny(learning_rate=0.05), overwrite=False)
    hours = tiny(iterations=10**7).model_copy(update={"limits": tiny().limits.model_copy(update={"hours": 0.01})})
    with pytest.raises(UserError, match="forecast"):
        places.train(hours)
    assert state(places) == before


def test_what_cannot_be_read_is_set_aside(tiny: Tiny, places: Places) -> None:
    """A checkpoint, then a record, then weights alone."""
    interrupt(places, 7, tiny())
    checkpoint, metrics = places.checkpoints / "seed-0/checkpoint.safetensors", places.file("metrics.json")
    checkpoint.write_bytes(damaged := checkpoint.read_bytes()[:100])
    checkpoint.with_name("checkpoint.previous.safetensors").unlink()  # which would go on in its place
    with pytest.raises(UserError, match="pass --overwrite to move it aside"):
        places.train(tiny(), overwrite=False)
    record, shown = places.train(tiny())
    (there,) = places.checkpoints.glob(".aside/*/seed-0/checkpoint.safetensors")
    assert "other results are moved aside to " in shown
    assert there.read_bytes() == damaged
    assert [segment.first_iteration for segment in record.segments] == [0]

    metrics.write_text("{")
    with pytest.raises(UserError, match="pass --overwrite to move it aside"):
        places.train(tiny(), overwrite=False)
    places.train(tiny())
    assert (places.out / ".aside/unidentified/seed-0/metrics.json").read_text() == "{"
    whole = places.file("model.safetensors").read_bytes()
    assert (places.weights / ".aside/unidentified/seed-0/model.safetensors").read_bytes() == whole

    metrics.unlink()
    places.train(tiny(), overwrite=False)
    assert (places.weights / ".aside/unidentified.2/seed-0/model.safetensors").read_bytes() == whole


def test_a_checkpoint_is_found_again_under_a_record_that_git_brought_back(tiny: Tiny, places: Places) -> None:
    interrupt(places, 5, tiny())
    committed = places.file("metrics.json").read_bytes()
    interrupt(places, 3, tiny())
    places.train(tiny(momentum=0.8))
    for folder in (places.out, places.weights):
        shutil.rmtree(folder / "seed-0")
    (places.out / "seed-0").mkdir()
    places.file("metrics.json").write_bytes(committed)
    record, _ = places.train(tiny(), overwrite=False)
    assert [segment.first_iteration for segment in record.segments] == [0, 5, 8]


@pytest.mark.parametrize("apart", [True, False])
def test_a_checkpoint_goes_on_beside_another_record_or_damaged_files(apart: bool, tiny: Tiny, places: Places) -> None:
    """Git brings back another record; a kill right after the results were written leaves a checkpoint."""
    if not apart:
        places.checkpoints = places.out
    interrupt(places, 5, tiny())
    checkpoint = places.checkpoints / "seed-0/checkpoint.safetensors"
    saved = checkpoint.read_bytes()
    places.train(tiny())
    whole = {path.name: path.read_bytes() for path in (places.out / "seed-0").iterdir()}
    bits = places.file("model.safetensors").read_bytes()
    places.train(tiny(momentum=0.8))
    for state in ("another record", "damaged"):
        checkpoint.parent.mkdir(exist_ok=True)
        checkpoint.write_bytes(saved)
        if state == "damaged":
            (places.out / "seed-0/history.csv").write_text("iteration\n")
        else:  # what is set aside under these settings is not what must come back
            for folder in (places.out, places.weights):
                shutil.rmtree(folder / ".aside")
        record, shown = places.train(tiny())
        assert [segment.first_iteration for segment in record.segments] == [0, 5]
        assert places.file("model.safetensors").read_bytes() == bits
        now = {path.name: path.read_bytes() for path in (places.out / "seed-0").iterdir()}
        assert all(now[name] == whole[name] for name in ("history.csv", "test_predictions.npy"))
    assert "not complete: " in shown
    assert "iteration\n" in [path.read_text() for path in places.out.glob(".aside/*/seed-0/history.csv")]
    assert places.train(tiny(momentum=0.8))[1].count("already complete") == 1


def test_git_and_dvc_do_not_see_what_is_set_aside_nor_locks_nor_curves(tmp_path: Path) -> None:
    run(tmp_path, "git", "init", "--quiet")
    run(tmp_path, "dvc", "init", "--quiet")
    for name in (".gitignore", ".dvcignore"):
        shutil.copy(ROOT / name, tmp_path / name)
    folders = tmp_path / "runs/train/net", tmp_path / "weights/net"
    for folder in folders:
        (folder / "seed-0").mkdir(parents=True)
        (folder / "seed-0/file").touch()
    run(tmp_path, "dvc", "add", "--quiet", "weights")
    status = "git", "status", "--porcelain", "--untracked-files=all"
    before = run(tmp_path, *status).stdout
    assert "runs/train/net/seed-0/file" in before
    for folder in folders:
        (folder / ".aside/0123/seed-0").mkdir(parents=True)
        (folder / ".aside/0123/seed-0/file").touch()
        (folder / ".seed-0.lock").touch()
        (folder / "seed-0/events.out.tfevents.0.host").touch()
    assert run(tmp_path, *status).stdout == before
    assert "up to date" in run(tmp_path, "dvc", "status").stdout


@pytest.fixture(scope="module")
def trained(digits: Data, tmp_path_factory: pytest.TempPathFactory) -> Places:
    return Places(tmp_path_factory.mktemp("trained"), digits)


@pytest.fixture
def plan(trained: Places, tiny: Tiny, tmp_path: Path) -> Places:
    """One net's two seeds; a test damages a copy."""
    trained.train(tiny(), 0, 1)  # once
    return Places(shutil.copytree(trained.folder, tmp_path / "plan"), trained.data)


def harm(plan: Places, name: str, damage: str) -> None:
    """Damage a file of seed 0."""
    path, others = plan.file(name), plan.file(name, 1).read_bytes()
    contents = path.read_bytes()
    flipped = contents[:-40] + bytes([contents[-40] ^ 4]) + contents[-39:]
    path.unlink()
    if damage != "missing":
        path.write_bytes({"cut": contents[:-99], "another seed's": others, "a bit": flipped}[damage])


def test_the_record_names_the_files_by_size_and_digest(plan: Places, tiny: Tiny) -> None:
    for seed in (0, 1):
        record = TrainingRecord.read(plan.file("metrics.json", seed))
        assert record.files == {
            name: StoredFile.describe(plan.file(name, seed))
            for name in ("model.safetensors", "history.csv", "test_predictions.npy")
        }
    assert plan.train(tiny(), 0, 1)[1].count("already complete") == 2


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        *(("model.safetensors", damage) for damage in ("cut", "missing", "a bit")),
        ("history.csv", "missing"),
        ("test_predictions.npy", "another seed's"),
    ],
)
def test_a_damaged_file_is_not_a_complete_run(name: str, damage: str, plan: Places, tiny: Tiny) -> None:
    path, whole = plan.file(name), plan.file(name).read_bytes()
    harm(plan, name, damage)
    damaged = path.read_bytes() if path.exists() else None
    if (name, damage) != ("model.safetensors", "missing"):  # as in a fresh clone
        with pytest.raises(UserError, match="pass --overwrite to move it aside") as caught:
            plan.train(tiny(), 0, 1, overwrite=False)
        assert str(caught.value).startswith(f"{path}: ")
        assert damaged is None or path.read_bytes() == damaged
    _, shown = plan.train(tiny(), 0, 1)
    assert f"resnet-8 seed 0: not complete: {path}: " in shown
    assert shown.count("already complete") == 1  # the other seed
    assert path.read_bytes() == whole  # trained again, with the same bits
    aside = [place.read_bytes() for place in plan.folder.rglob(f".aside/*/seed-0/{name}")]
    assert aside == ([] if damaged is None else [damaged])
    assert len(list(plan.folder.rglob(".aside/*/seed-0/metrics.json"))) == 1
    assert plan.train(tiny(), 0, 1)[1].count("already complete") == 2


def test_weights_without_a_digest_need_only_be_there(plan: Places, tiny: Tiny) -> None:
    path = plan.file("metrics.json")
    record = TrainingRecord.read(path)
    files = {name: file for name, file in record.files.items() if name != "model.safetensors"}
    record.model_copy(update={"files": files}).write(path)
    assert plan.train(tiny(), 0, 1)[1].count("already complete") == 2
    plan.file("model.safetensors").unlink()
    assert f"seed 0: not complete: {plan.file('model.safetensors')}: missing" in plan.train(tiny(), 0, 1)[1]


def test_a_sweeps_finished_trial_is_complete_without_test_images(tiny: Tiny, digits: Data, tmp_path: Path) -> None:
    data = dataclasses.replace(digits, test=digits.validation)
    run = Run(tiny(), 0, data, Folders(tmp_path, tmp_path, tmp_path), CPU)
    assert run.execute() == run.results.take_over()


def test_weights_are_compared_with_the_record_before_they_are_measured(plan: Places, tiny: Tiny) -> None:
    path = plan.file("model.safetensors")
    harm(plan, "model.safetensors", "a bit")
    with pytest.raises(UserError, match=r"model\.safetensors: not what was written"):
        evaluate_weights(tiny(), path, plan.data, CPU)
    with pytest.raises(UserError, match=r"model\.safetensors: not what was written"):
        measure_responses(tiny(), plan.weights, plan.data, 10, CPU)
    shutil.copy(path, path.with_name("theirs.safetensors"))
    evaluate_weights(tiny(), path.with_name("theirs.safetensors"), plan.data, CPU)  # says nothing about whose it is


def test_settings_that_bear_on_the_result_and_the_data_count(tiny: Tiny, digits: Data) -> None:
    one = identity(tiny(), digits.record, "fp32")
    for changes in ({"learning_rate": 0.2}, {"iterations": 13}, {"warmup": "true"}, {"net": "plain"}):
        other = identity(tiny(**changes), digits.record, "fp32")
        assert one.differences(other) == ["configuration"]
    assert one.differences(identity(tiny(), digits.record, "bf16")) == ["configuration"]
    data = digits.record.model_copy(update={"split_fingerprint": "0" * 64})
    assert one.differences(identity(tiny(), data, "fp32")) == ["data"]
    # How often to save, where and which seeds do not.
    for changes in ({"checkpoint_every": 3, "seeds": 7}, {"checkpoint_every": "auto", "device": "cpu"}):
        assert one == identity(tiny(**changes), digits.record, "fp32")


@pytest.mark.parametrize(("net", "digest"), [("resnet", "9bda61756bc68e17"), ("plain", "7a9dff02d594ad07")])
def test_a_wider_net_is_another_and_the_papers_width_is_as_before(net: str, digest: str, digits: Data) -> None:
    def of_width(*assignments: str) -> str:
        return identity(load(None, assignments).settings_for(net, 8), digits.record, "fp32").configuration

    assert of_width() == of_width("model.width=1") != of_width("model.width=2")
    assert (of_width("model.shortcut=B") == of_width()) == (net == "plain")
    assert of_width()[:16] == digest, "results from before there was a width no longer count"


def test_folders_that_cannot_be_renamed_are_copied(tiny: Tiny, places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    places.train(tiny())
    before, rename = state(places), os.rename

    def other_file_system(source: Path, to: Path) -> None:
        if Path(source).is_dir():
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        rename(source, to)

    monkeypatch.setattr(os, "rename", other_file_system)
    places.train(tiny(learning_rate=0.05))
    assert state(places, aside=True) == before
    assert "already complete" in places.train(tiny())[1]
