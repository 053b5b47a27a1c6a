"""Runs of other settings are moved aside whole, found again, and never deleted, whenever the moves are interrupted."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file

from resnet.data import Data
from resnet.errors import UserError
from resnet.params import Settings
from resnet.results import Identity, TrainingRecord
from resnet.runs.aside import UNIDENTIFIED, finish_moves, label
from resnet.runs.folders import seed_folders
from resnet.runs.identity import identity
from resnet.runs.run import Run
from resnet.runs.seeds import train_seeds
from tests.conftest import CPU

Tiny = Callable[..., Settings]
ROOT = Path(__file__).parents[2]


class Killed(BaseException):
    """Stands for a kill: nothing catches it."""


class Places:
    """The three folders of a net, apart as a plan has them, and what its commands show."""

    def __init__(self, folder: Path, data: Data) -> None:
        self.folder, self.data = folder, data
        self.out, self.weights, self.checkpoints = folder / "r/net", folder / "w/net", folder / "c/net"

    def train(
        self, settings: Settings, seeds: list[int], *, overwrite: bool = True
    ) -> tuple[list[TrainingRecord], str]:
        self.folder.mkdir(exist_ok=True)
        with (self.folder / "shown").open("w+") as file:
            records = train_seeds(
                settings, seeds, self.data, self.out, CPU, weights=self.weights, checkpoints=self.checkpoints,
                overwrite=overwrite, console=Console(file=file, width=400),
            )  # fmt: skip
            file.seek(0)
            return records, file.read()

    def interrupt_at(self, iteration: int, settings: Settings, seed: int = 0) -> None:
        run = Run(settings, seed, self.data, seed_folders(self.out, seed, self.weights, self.checkpoints), CPU)
        run.start()
        for _ in range(iteration):
            run.advance(lambda progress, learning_rate: None)
        run.save()

    def state(self, seed: int = 0) -> dict[str, bytes]:
        files = (path for path in self.folder.rglob("*") if path.is_file() and path.parent.name == f"seed-{seed}")
        return {path.relative_to(self.folder).as_posix(): path.read_bytes() for path in files}

    def bits(self, seed: int = 0) -> dict[str, torch.Tensor]:
        return load_file(self.weights / f"seed-{seed}/model.safetensors")


@pytest.fixture
def places(tmp_path: Path, digits: Data) -> Places:
    return Places(tmp_path / "plan", digits)


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def alone(settings: Settings, data: Data, folder: Path) -> dict[str, torch.Tensor]:
    places = Places(folder, data)
    places.train(settings, [0])
    return places.bits()


def test_an_unfinished_run_goes_on_after_an_experiment_with_other_settings(
    tiny: Tiny, digits: Data, places: Places, tmp_path: Path
) -> None:
    first, other = tiny(iterations=30), tiny(iterations=12)
    places.interrupt_at(17, first)
    _, shown = places.train(other, [0])
    where = places.out / ".aside" / label(identity(first, digits.record, "fp32")) / "seed-0"
    assert [line for line in shown.splitlines() if "moved aside" in line] == [
        f"resnet-8 seed 0: other results are moved aside to {where}"
    ]
    (record,), shown = places.train(first, [0])
    assert f"earlier results are taken back from {where}" in shown
    assert "30 iterations, 13 left, forecast" in shown
    assert [segment.first_iteration for segment in record.segments] == [0, 17]
    assert same(places.bits(), alone(first, digits, tmp_path / "alone"))
    # The experiment's results come back the same way, with no training at all.
    (record,), shown = places.train(other, [0])
    assert "already complete" in shown
    assert (record.status, record.iterations) == ("done", 12)
    assert same(places.bits(), alone(other, digits, tmp_path / "other"))
    # What lies aside comes back without a flag where nothing is in the way.
    shutil.rmtree(places.out / "seed-0")
    shutil.rmtree(places.weights / "seed-0")
    (record,), _ = places.train(first, [0], overwrite=False)
    assert record.iterations == 30


def test_only_the_seeds_asked_for_are_touched(tiny: Tiny, places: Places) -> None:
    places.train(tiny(), [0, 1])
    before = places.state(0)
    assert len(before) == 4
    places.train(tiny(learning_rate=0.05), [1])
    assert places.state(0) == before
    record = TrainingRecord.read(places.out / "seed-1/metrics.json")
    assert record.settings["train"]["learning_rate"] == 0.05


@pytest.mark.parametrize("kill", range(6))
def test_a_kill_between_the_moves_mixes_nothing(
    kill: int, tiny: Tiny, digits: Data, places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, other = tiny(iterations=14), tiny(iterations=12)
    places.interrupt_at(7, first)
    places.train(other, [0])
    finished = {name.split("/")[-1]: content for name, content in places.state().items() if ".aside" not in name}
    steps = 0

    def step(act: Callable[..., object]) -> Callable[..., object]:
        def maybe_killed(path: Path, *arguments: object, **options: object) -> object:
            nonlocal steps
            # Renames move; the last step forgets the list of moves.
            if act is rename or path.name == "moves.json":
                if steps == kill:
                    raise Killed
                steps += 1
            return act(path, *arguments, **options)

        return maybe_killed

    rename, unlink = Path.rename, Path.unlink
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", step(rename))
        patch.setattr(Path, "unlink", step(unlink))
        if kill < 5:
            with pytest.raises(Killed):
                places.train(first, [0])
        else:
            places.train(first, [0])
    assert steps == kill  # two folders of the one and two of the other, and the list
    # Another start mends it first, whichever settings it asks for.
    (record,), _ = places.train(first, [0])
    assert [segment.first_iteration for segment in record.segments] == [0, 7]
    assert same(places.bits(), alone(first, digits, tmp_path / "alone"))
    _, shown = places.train(other, [0])
    assert "already complete" in shown
    now = {name.split("/")[-1]: content for name, content in places.state().items() if ".aside" not in name}
    assert now == finished
    assert not list(places.folder.rglob("moves.json"))


def test_the_refusal_names_the_setting_and_leaves_all_as_it_was(tiny: Tiny, places: Places) -> None:
    places.train(tiny(), [0])
    before = places.state()
    with pytest.raises(UserError, match=r"train.learning_rate is 0.1 there and 0.05 here\): pass --overwrite"):
        places.train(tiny(learning_rate=0.05), [0], overwrite=False)
    with pytest.raises(UserError, match=r"depth is 8 there and 14 here"):
        places.train(tiny(depth=14), [0], overwrite=False)
    hours = tiny(iterations=10**7).model_copy(update={"limits": tiny().limits.model_copy(update={"hours": 0.01})})
    with pytest.raises(UserError, match="forecast"):
        places.train(hours, [0])
    assert places.state() == before


def test_a_checkpoint_that_cannot_be_read_is_moved_aside(tiny: Tiny, places: Places) -> None:
    places.interrupt_at(7, tiny())
    checkpoint = places.checkpoints / "seed-0/checkpoint.safetensors"
    damaged = checkpoint.read_bytes()[:100]
    checkpoint.write_bytes(damaged)
    checkpoint.with_name("checkpoint.previous.safetensors").unlink()  # which would go on in its place
    with pytest.raises(UserError, match="pass --overwrite to move it aside"):
        places.train(tiny(), [0], overwrite=False)
    assert checkpoint.read_bytes() == damaged
    (record,), shown = places.train(tiny(), [0])
    aside = places.checkpoints / ".aside/unidentified/seed-0/checkpoint.safetensors"
    assert f"moved aside to {aside}" in shown
    assert aside.read_bytes() == damaged
    assert [segment.first_iteration for segment in record.segments] == [0]


def test_a_record_that_cannot_be_read_and_weights_without_one_are_moved_aside(tiny: Tiny, places: Places) -> None:
    places.train(tiny(), [0, 1])
    (places.out / "seed-0/metrics.json").write_text("{")
    (places.out / "seed-1/metrics.json").unlink()
    before = {seed: (places.weights / f"seed-{seed}/model.safetensors").read_bytes() for seed in (0, 1)}
    with pytest.raises(UserError, match="pass --overwrite to move it aside"):
        places.train(tiny(), [0, 1], overwrite=False)
    places.train(tiny(), [0, 1])
    assert (places.out / ".aside/unidentified/seed-0/metrics.json").read_text() == "{"
    for seed in (0, 1):
        assert (places.weights / f".aside/unidentified/seed-{seed}/model.safetensors").read_bytes() == before[seed]


def test_a_checkpoint_is_found_again_under_a_record_that_git_brought_back(tiny: Tiny, places: Places) -> None:
    places.interrupt_at(5, tiny())
    committed = (places.out / "seed-0/metrics.json").read_bytes()
    places.interrupt_at(3, tiny())
    places.train(tiny(momentum=0.8), [0])
    for folder in (places.out, places.weights):
        shutil.rmtree(folder / "seed-0")
    (places.out / "seed-0").mkdir()
    (places.out / "seed-0/metrics.json").write_bytes(committed)
    (record,), _ = places.train(tiny(), [0], overwrite=False)
    assert [segment.first_iteration for segment in record.segments] == [0, 5, 8]


def test_a_checkpoint_goes_on_where_the_finished_runs_other_files_are_damaged(tiny: Tiny, places: Places) -> None:
    """A kill right after the results were written leaves it."""
    places.interrupt_at(5, tiny())
    checkpoint = places.checkpoints / "seed-0/checkpoint.safetensors"
    saved = checkpoint.read_bytes()
    places.train(tiny(), [0])
    bits = places.bits()
    checkpoint.parent.mkdir(exist_ok=True)
    checkpoint.write_bytes(saved)
    (places.out / "seed-0/history.csv").write_text("iteration\n")
    (record,), shown = places.train(tiny(), [0])
    assert "not complete: " in shown
    assert [segment.first_iteration for segment in record.segments] == [0, 5]
    assert same(places.bits(), bits)


def test_a_list_of_moves_that_cannot_be_read_is_one_line_and_nothing_moves(tmp_path: Path) -> None:
    moves = tmp_path / ".aside/moves.json"
    moves.parent.mkdir()
    for damaged in ("{", "[[1]]", '{"seed-0": 3}'):
        moves.write_text(damaged)
        with pytest.raises(UserError, match=r"moves\.json: not a list of moves") as caught:
            finish_moves(tmp_path)
        assert "\n" not in str(caught.value)
        assert moves.read_text() == damaged


def test_a_list_of_moves_that_leads_elsewhere_moves_nothing(tmp_path: Path) -> None:
    out, other = tmp_path / "net", tmp_path / "other"
    (out / ".aside").mkdir(parents=True)
    other.mkdir()
    (out / ".aside/moves.json").write_text('[["../other", ".aside/x/seed-0"]]')
    with pytest.raises(UserError, match="outside the net's folders"):
        finish_moves(out)
    assert other.is_dir()


def test_a_folder_on_another_file_system_is_copied(tiny: Tiny, places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    places.train(tiny(), [0])
    before = {name.split("/")[-1]: content for name, content in places.state().items()}
    rename = Path.rename

    def other_file_system(path: Path, to: Path) -> Path:
        if not path.name.endswith(".partial"):
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return rename(path, to)

    monkeypatch.setattr(Path, "rename", other_file_system)
    places.train(tiny(learning_rate=0.05), [0])
    aside = {name.split("/")[-1]: content for name, content in places.state().items() if ".aside" in name}
    assert aside == before


def test_what_a_file_gives_as_an_identity_never_leads_out_of_the_folder() -> None:
    for configuration, data in (("../../../../etc", "0" * 64), ("0" * 64, "/" * 64), ("", "")):
        assert label(Identity(configuration=configuration, data=data, version=1)) == UNIDENTIFIED


def test_git_and_dvc_do_not_see_what_lies_aside(tmp_path: Path) -> None:
    def run(*words: str) -> str:
        environment = os.environ | {"DVC_NO_ANALYTICS": "1"}
        return subprocess.run(words, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True).stdout

    dvc = str(Path(sys.executable).with_name("dvc"))
    run("git", "init", "--quiet")
    run(dvc, "init", "--quiet")
    for name in (".gitignore", ".dvcignore"):
        shutil.copy(ROOT / name, tmp_path / name)
    for folder in ("runs/train/net", "weights/net"):
        (tmp_path / folder / "seed-0").mkdir(parents=True)
        (tmp_path / folder / "seed-0/file").write_text("of the plan")
    run(dvc, "add", "--quiet", "weights")
    before = run("git", "status", "--porcelain", "--untracked-files=all")
    assert "runs/train/net/seed-0/file" in before
    for folder in ("runs/train/net", "weights/net"):
        (tmp_path / folder / ".aside/0123-v1/seed-0").mkdir(parents=True)
        (tmp_path / folder / ".aside/0123-v1/seed-0/file").write_text("of other settings")
    assert run("git", "status", "--porcelain", "--untracked-files=all") == before
    assert "up to date" in run(dvc, "status")
