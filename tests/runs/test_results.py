"""A finished run counts as complete only with the files that it left; what is damaged is moved aside, never deleted."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from resnet.data import Data
from resnet.errors import UserError
from resnet.measuring.evaluate import evaluate_weights
from resnet.measuring.responses import measure_responses
from resnet.params import Settings
from resnet.results import StoredFile, TrainingRecord
from resnet.runs.folders import Folders
from resnet.runs.run import Run
from resnet.runs.seeds import train_seeds
from tests.conftest import CPU

FILES = ("model.safetensors", "history.csv", "test_predictions.npy")


class Plan:
    """One net's two seeds, trained; a test damages a copy."""

    def __init__(self, settings: Settings, data: Data, folder: Path) -> None:
        self.settings, self.data, self.folder = settings, data, folder
        self.out, self.weights = folder / "runs/train/resnet-8", folder / "weights/resnet-8"

    def train(self, *, overwrite: bool = True, seeds: tuple[int, ...] = (0, 1)) -> str:
        with (self.folder / "shown").open("w+") as file:
            train_seeds(
                self.settings, seeds, self.data, self.out, CPU, weights=self.weights, overwrite=overwrite,
                console=Console(file=file, width=500),
            )  # fmt: skip
            file.seek(0)
            return file.read()

    def file(self, name: str, seed: int = 0) -> Path:
        folder = self.weights if name == "model.safetensors" else self.out
        return folder / f"seed-{seed}" / name

    def forget_digests(self) -> None:
        """Make the records those from before there were digests."""
        for path in self.out.glob("seed-*/metrics.json"):
            tree = json.loads(path.read_text())
            tree = {key: value for key, value in tree.items() if key not in ("files", "digest")}
            path.write_text(json.dumps(tree))


@pytest.fixture(scope="module")
def trained(digits: Data, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Settings], Plan]:
    folder = tmp_path_factory.mktemp("trained")

    def train(settings: Settings) -> Plan:
        plan = Plan(settings, digits, folder)
        if not plan.out.exists():
            plan.train()
        return plan

    return train


@pytest.fixture
def plan(trained: Any, tiny: Callable[..., Settings], digits: Data, tmp_path: Path) -> Plan:
    whole = trained(tiny())
    shutil.copytree(whole.folder, tmp_path / "plan")
    return Plan(whole.settings, digits, tmp_path / "plan")


def cut(path: Path, plan: Plan) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])


def empty(path: Path, plan: Plan) -> None:
    path.write_bytes(b"")


def missing(path: Path, plan: Plan) -> None:
    path.unlink()


def of_another_seed(path: Path, plan: Plan) -> None:
    shutil.copy(plan.file(path.name, 1), path)


def flipped(path: Path, plan: Plan) -> None:
    contents = bytearray(path.read_bytes())
    contents[-40] ^= 4
    path.write_bytes(contents)


def a_folder(path: Path, plan: Plan) -> None:
    path.unlink()
    path.mkdir()


DAMAGES = (cut, empty, missing, of_another_seed, flipped, a_folder)


def test_the_record_names_the_files_by_size_and_digest(plan: Plan) -> None:
    for seed in (0, 1):
        record = TrainingRecord.read(plan.file("metrics.json", seed))
        assert record.files == {name: StoredFile.describe(plan.file(name, seed)) for name in FILES}
    assert plan.train().count("already complete") == 2
    plan.forget_digests()
    assert plan.train().count("already complete") == 2


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_not_a_complete_run(name: str, damage: Callable[[Path, Plan], None], plan: Plan) -> None:
    path, whole = plan.file(name), plan.file(name).read_bytes()
    damage(path, plan)
    damaged = path.read_bytes() if path.is_file() else None
    if (name, damage) != ("model.safetensors", missing):
        with pytest.raises(UserError, match="pass --overwrite to move the run aside") as caught:
            plan.train(overwrite=False)
        assert str(caught.value).startswith(f"{path}: ")
        assert (path.read_bytes() if path.is_file() else None) == damaged
    shown = plan.train()
    (line,) = [line for line in shown.splitlines() if "not complete" in line]
    assert line.startswith(f"resnet-8 seed 0: not complete: {path}: ")
    assert shown.count("already complete") == 1  # the other seed
    assert path.read_bytes() == whole  # trained again, with the same bits
    aside = [place for place in plan.folder.rglob(f".aside/*/seed-0/{name}") if place.is_file()]
    assert [place.read_bytes() for place in aside] == ([] if damaged is None else [damaged])
    assert len(list(plan.folder.rglob(".aside/*/seed-0/metrics.json"))) == 1
    assert plan.train().count("already complete") == 2


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", [cut, empty, missing, a_folder])
def test_without_digests_the_form_is_looked_at(name: str, damage: Callable[[Path, Plan], None], plan: Plan) -> None:
    plan.forget_digests()
    damage(plan.file(name), plan)
    shown = plan.train()
    assert f"seed 0: not complete: {plan.file(name)}: " in shown
    assert plan.train().count("already complete") == 2


def test_without_digests_another_seeds_predictions_and_another_nets_weights_are_seen(
    plan: Plan, tiny: Callable[..., Settings]
) -> None:
    plan.forget_digests()
    pairs = np.load(plan.file("test_predictions.npy"))
    pairs[0, 1] = (pairs[0, 1] + 1) % 10 if pairs[0, 1] == pairs[0, 0] else pairs[0, 0]
    np.save(plan.file("test_predictions.npy"), pairs)
    assert f"not complete: {plan.file('test_predictions.npy')}: says " in plan.train()
    plan.forget_digests()
    other = Plan(tiny(depth=14), plan.data, plan.folder / "other")
    other.folder.mkdir()
    other.train(seeds=(0,))
    shutil.copy(other.file("model.safetensors"), plan.file("model.safetensors"))
    assert "weights of another net" in plan.train()


def test_a_sweeps_finished_trial_is_complete_without_test_images(
    tiny: Callable[..., Settings], digits: Data, tmp_path: Path
) -> None:
    data = dataclasses.replace(digits, test=digits.validation)
    record = Run(tiny(), 0, data, Folders(tmp_path, tmp_path, tmp_path), CPU).execute()
    assert Run(tiny(), 0, data, Folders(tmp_path, tmp_path, tmp_path), CPU).results.finished_record() == record


def test_weights_are_held_against_the_record_before_they_are_measured(plan: Plan) -> None:
    path = plan.file("model.safetensors")
    evaluate_weights(plan.settings, path, plan.data, CPU)
    flipped(path, plan)
    with pytest.raises(UserError, match=r"model\.safetensors: not what was written"):
        evaluate_weights(plan.settings, path, plan.data, CPU)
    with pytest.raises(UserError, match=r"model\.safetensors: not what was written"):
        measure_responses(plan.settings, plan.weights, plan.data, 10, CPU)
    elsewhere = path.with_name("theirs.safetensors")
    shutil.copy(path, elsewhere)
    evaluate_weights(plan.settings, elsewhere, plan.data, CPU)  # says nothing about whose it is
