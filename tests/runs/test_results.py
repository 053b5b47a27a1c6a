"""A finished run counts as complete only with the files that it left; what is damaged is set aside, never deleted."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from resnet.data import Data
from resnet.errors import UserError
from resnet.measuring.evaluate import evaluate_weights
from resnet.measuring.responses import measure_responses
from resnet.results import StoredFile, TrainingRecord
from resnet.runs.folders import Folders
from resnet.runs.run import Run
from tests.conftest import CPU
from tests.runs.conftest import Places, Tiny

pytestmark = pytest.mark.usefixtures("quick_forecast")

FILES = ("model.safetensors", "history.csv", "test_predictions.npy")


@pytest.fixture(scope="module")
def trained(digits: Data, tmp_path_factory: pytest.TempPathFactory) -> Places:
    return Places(tmp_path_factory.mktemp("trained"), digits)


@pytest.fixture
def plan(trained: Places, tiny: Tiny, tmp_path: Path) -> Places:
    """One net's two seeds; a test damages a copy."""
    trained.train(tiny(), 0, 1)  # once
    return Places(shutil.copytree(trained.folder, tmp_path / "plan"), trained.data)


def harm(plan: Places, name: str, damage: str) -> bytes | None:
    """Damage a file of seed 0; its contents then, None if it is no file."""
    path = plan.file(name)
    contents = path.read_bytes()
    if damage in ("missing", "a folder"):
        path.unlink()
        if damage == "a folder":
            path.mkdir()
        return None
    others = plan.file(name, 1).read_bytes()
    flipped = contents[:-40] + bytes([contents[-40] ^ 4]) + contents[-39:]
    path.write_bytes({"cut": contents[:-99], "empty": b"", "another seed's": others, "a bit": flipped}[damage])
    return path.read_bytes()


def test_the_record_names_the_files_by_size_and_digest(plan: Places, tiny: Tiny) -> None:
    for seed in (0, 1):
        record = TrainingRecord.read(plan.file("metrics.json", seed))
        assert record.files == {name: StoredFile.describe(plan.file(name, seed)) for name in FILES}
    assert plan.train(tiny(), 0, 1)[1].count("already complete") == 2


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        *(("model.safetensors", damage) for damage in ("cut", "missing", "another seed's", "a bit")),
        *(("history.csv", damage) for damage in ("empty", "missing", "a folder")),
        *(("test_predictions.npy", damage) for damage in ("another seed's", "a bit")),
    ],
)
def test_a_damaged_file_is_not_a_complete_run(name: str, damage: str, plan: Places, tiny: Tiny) -> None:
    path, whole = plan.file(name), plan.file(name).read_bytes()
    damaged = harm(plan, name, damage)
    if (name, damage) != ("model.safetensors", "missing"):  # as in a fresh clone
        with pytest.raises(UserError, match="pass --overwrite to move it aside") as caught:
            plan.train(tiny(), 0, 1, overwrite=False)
        assert str(caught.value).startswith(f"{path}: ")
        assert damaged is None or path.read_bytes() == damaged
    _, shown = plan.train(tiny(), 0, 1)
    assert f"resnet-8 seed 0: not complete: {path}: " in shown
    assert shown.count("already complete") == 1  # the other seed
    assert path.read_bytes() == whole  # trained again, with the same bits
    aside = [place for place in plan.folder.rglob(f".aside/*/seed-0/{name}") if place.is_file()]
    assert [place.read_bytes() for place in aside] == ([] if damaged is None else [damaged])
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
    evaluate_weights(tiny(), path, plan.data, CPU)
    harm(plan, "model.safetensors", "a bit")
    with pytest.raises(UserError, match=r"model\.safetensors: not what was written"):
        evaluate_weights(tiny(), path, plan.data, CPU)
    with pytest.raises(UserError, match=r"model\.safetensors: not what was written"):
        measure_responses(tiny(), plan.weights, plan.data, 10, CPU)
    elsewhere = path.with_name("theirs.safetensors")
    shutil.copy(path, elsewhere)
    evaluate_weights(tiny(), elsewhere, plan.data, CPU)  # says nothing about whose it is
