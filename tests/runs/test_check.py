"""`resnet check`: a whole tree is well, and every harm to it is one line."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from rich.console import Console
from typer.testing import CliRunner

from resnet.cli import app
from resnet.data import Data, save
from resnet.measuring.responses import measure_responses
from resnet.nets.layers import describe
from resnet.params import Settings, load
from resnet.runs.check import check
from resnet.runs.folders import seed_folders
from resnet.runs.run import Run
from resnet.runs.seeds import train_seeds
from tests.conftest import CPU

TRAIN = {"iterations": 12, "batch_size": 16, "log_every": 4, "evaluate_every": 6, "checkpoint_every": 5, "seeds": 2}
PARAMS = {
    "data": {"source": "digits", "validation": 200},
    "train": TRAIN,
    "models": {"small": {"net": "resnet", "depth": 8}, "begun": {"net": "plain", "depth": 8}},
}
SEED = "runs/train/small/seed-0"


@pytest.fixture(scope="module")
def whole(digits: Data, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plan with two finished seeds, one that was begun, and a measurement of each kind that is cheap."""
    root = tmp_path_factory.mktemp("whole")
    (root / "params.yaml").write_text(yaml.safe_dump(PARAMS))
    plan = load(root / "params.yaml")
    small, begun = plan.settings("small"), plan.settings("begun")
    out, weights = root / "runs/train", root / "weights"
    with (root / "shown").open("w") as file:
        train_seeds(small, [0, 1], digits, out / "small", CPU, weights=weights / "small", console=Console(file=file))
    run = Run(begun, 0, digits, seed_folders(out / "begun", 0, weights / "begun"), CPU)
    run.start()
    for _ in range(3):
        run.advance(lambda progress, learning_rate: None)
    run.save()
    for settings in (small, begun):
        describe(settings).write(root / f"runs/describe/{settings.name}.json")
    measure_responses(small, weights / "small", digits, 20, CPU).write(root / "runs/responses/small.json")
    save(digits, root / "data")
    return root


@pytest.fixture
def root(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(whole, tmp_path / "plan")
    monkeypatch.chdir(tmp_path / "plan")
    return Path()


def problems(root: Path) -> list[str]:
    return [f"{path}: {what}" for path, what in check([root]).problems]


def test_a_whole_tree_is_well_and_counted(root: Path) -> None:
    done = CliRunner().invoke(app, ["check"])
    assert done.exit_code == 0, done.output
    assert done.output.splitlines() == [
        "checked 1 data sets, 3 other records, 1 checkpoints, 3 runs, 1 plans, 2 files of weights: all is well"
    ]
    assert problems(root / "runs") == []
    assert problems(root / "weights") == []
    assert problems(root / SEED / "metrics.json") == []


def test_it_is_a_problem_a_line_and_exit_code_1(root: Path) -> None:
    (root / SEED / "history.csv").write_text("")
    (root / "runs/describe/begun.json").write_text("{")
    done = CliRunner().invoke(app, ["check", "runs"])
    assert done.exit_code == 1
    first, second, counts = done.output.splitlines()
    assert first.startswith("runs/describe/begun.json: not a DescriptionRecord")
    assert "seed-0/history.csv: 0 bytes instead of the " in second
    assert counts.endswith(": 2 problems")
    assert CliRunner().invoke(app, ["check", "nowhere"]).exit_code == 1


def _without_digests(root: Path) -> None:
    for path in root.glob("runs/train/*/seed-*/metrics.json"):
        tree = json.loads(path.read_text())
        tree["files"] = {}
        path.write_text(json.dumps(tree))


def _flip(root: Path) -> None:
    path = root / "weights/small/seed-0/model.safetensors"
    contents = bytearray(path.read_bytes())
    contents[-3] ^= 1
    path.write_bytes(contents)


def _flip_a_checkpoint(root: Path) -> None:
    (path,) = root.glob("runs/train/begun/seed-0/checkpoint.safetensors")
    contents = bytearray(path.read_bytes())
    contents[-3] ^= 1
    path.write_bytes(contents)


def _infinite(root: Path) -> None:
    _without_digests(root)
    path = root / "weights/small/seed-0/model.safetensors"
    from safetensors.numpy import load_file, save_file

    tensors = load_file(path)
    tensors["fc.bias"][0] = np.inf
    save_file(tensors, path)


def _another_net(root: Path) -> None:
    _without_digests(root)
    path = root / "runs/describe/small.json"
    tree = json.loads(path.read_text())
    tree["layers"][0]["parameters"] += 1
    path.write_text(json.dumps(tree))


def _twice(root: Path) -> None:
    """Seed 0's files as seed 1's, with the seed changed."""
    for folder in ("runs/train/small", "weights/small"):
        shutil.rmtree(root / folder / "seed-1")
        shutil.copytree(root / folder / "seed-0", root / folder / "seed-1")
    path = root / "runs/train/small/seed-1/metrics.json"
    path.write_text(path.read_text().replace('"seed": 0', '"seed": 1'))


def _in_another_folder(root: Path) -> None:
    shutil.copytree(root / SEED, root / "runs/train/small/seed-2")


def _other_settings(root: Path) -> None:
    tree = PARAMS | {"train": TRAIN | {"momentum": 0.8}}
    (root / "params.yaml").write_text(yaml.safe_dump(tree))


def _other_split(root: Path) -> None:
    tree = PARAMS | {"data": {"source": "digits", "validation": 200, "split_seed": 3}}
    (root / "params.yaml").write_text(yaml.safe_dump(tree))


def _edited(old: str, new: str, file: str = f"{SEED}/metrics.json") -> Callable[[Path], None]:
    def edit(root: Path) -> None:
        text = (root / file).read_text()
        assert old in text
        (root / file).write_text(text.replace(old, new))

    return edit


def _without_a_record(root: Path) -> None:
    shutil.rmtree(root / SEED)


def _data(root: Path) -> None:
    path = root / "data/test_images.npy"
    contents = bytearray(path.read_bytes())
    contents[-1] ^= 1
    path.write_bytes(contents)


def _loop(root: Path) -> None:
    path = root / "runs/describe/small.json"
    path.unlink()
    path.symlink_to(path.name)


@pytest.mark.parametrize(
    ("harm", "line"),
    [
        (_flip, "weights/small/seed-0/model.safetensors: not what was written"),
        (_flip_a_checkpoint, "begun/seed-0/checkpoint.safetensors: the tensors are not what was written"),
        (_infinite, "weights/small/seed-0/model.safetensors: fc.bias is not finite"),
        (_another_net, "weights/small/seed-0/model.safetensors: weights of another net: conv1 has 432 parameters"),
        (_twice, "runs/train/small/seed-1/metrics.json: the same weights as small/seed-0"),
        (_in_another_folder, "runs/train/small/seed-2/metrics.json: holds seed 0, not 2"),
        (
            _other_settings,
            "seed-0/metrics.json: made by other settings than params.yaml's: train.momentum 0.9, not 0.8",
        ),
        (_other_split, "seed-0/metrics.json: 200 validation images by split seed 0, in params.yaml 200 by 3"),
        (_edited('"momentum": 0.9', '"momentum": 0.8'), "its settings are not those of its identity"),
        (_edited('"name": "small"', '"name": "large"'), "holds large, not small"),
        (_edited('"name": "small"', '"name": "large"', "runs/describe/small.json"), "holds large, not small"),
        (_without_a_record, "weights/small/seed-0/model.safetensors: weights without a record"),
        (_data, "data: the prepared images are not those of data.json"),
        (_loop, "runs/describe/small.json: cannot be read"),
        (lambda root: (root / SEED / "test_predictions.npy").unlink(), "test_predictions.npy: missing"),
    ],
)
def test_every_harm_is_named(harm: Callable[[Path], None], line: str, root: Path) -> None:
    harm(root)
    lines = problems(root)
    assert any(line in problem for problem in lines), lines
    assert all("\n" not in problem for problem in lines)


def test_responses_of_other_weights_are_seen_without_digests_too(root: Path) -> None:
    _without_digests(root)
    shutil.copy(root / "weights/small/seed-1/model.safetensors", root / "weights/small/seed-0/model.safetensors")
    lines = problems(root)
    assert "runs/responses/small.json: measured on other weights than those of seed 0 that are there" in lines
    assert "runs/train/small/seed-1/metrics.json: the same weights as small/seed-0" in lines


def test_a_fresh_clone_has_no_weights_and_is_well(root: Path, tiny: Callable[..., Settings]) -> None:
    shutil.rmtree(root / "weights")
    assert problems(root) == []


def test_pytorch_is_loaded_for_checkpoints_alone(root: Path) -> None:
    code = "import sys; from resnet.runs.check import check; from pathlib import Path; "
    code += "print(len(check([Path('runs/train/small'), Path('data')]).problems), 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "False"]
