"""`resnet check`: a whole tree is well, and every harm to it is one line."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from rich.console import Console
from typer.testing import CliRunner

from resnet.cli import app
from resnet.data import Data, save
from resnet.measuring.responses import measure_responses
from resnet.nets.layers import describe
from resnet.params import load
from resnet.runs.check import check
from resnet.runs.results import seed_folders
from resnet.runs.run import Run
from resnet.runs.seeds import train_seeds
from tests.conftest import CPU
from tests.runs.conftest import interrupt_at

TRAIN = {"iterations": 12, "batch_size": 16, "log_every": 4, "evaluate_every": 6, "checkpoint_every": 5, "seeds": 2}
PARAMS = {
    "data": {"source": "digits", "dir": "data", "validation": 100},
    "train": TRAIN,
    "models": {"small": {"net": "resnet", "depth": 8}, "begun": {"net": "plain", "depth": 8}},
}
SEED = "runs/train/small/seed-0"
WEIGHTS = "weights/small/seed-0/model.safetensors"
DESCRIBED = "runs/describe/small.json"
CHECKPOINT = "runs/train/begun/seed-0/checkpoint.safetensors"


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
    interrupt_at(3, Run(begun, 0, digits, seed_folders(out / "begun", 0, weights / "begun"), CPU))
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


def test_a_whole_plan_is_well_and_counted(root: Path) -> None:
    done = CliRunner().invoke(app, ["check"])
    assert done.exit_code == 0, done.output
    assert done.output.splitlines() == [
        "checked 1 plans, 1 data sets, 3 runs, 3 other records, 1 checkpoints: all is well"
    ]
    shutil.rmtree(root / "weights")  # as in a fresh clone
    assert problems(root) == []


def test_what_the_plan_does_not_name_is_listed_and_no_problem(root: Path) -> None:
    shutil.copytree(root / SEED, root / "runs/train/small/seed-2")
    shutil.copytree(root / "runs/train/small", root / "runs/train/other")
    done = CliRunner().invoke(app, ["check"])
    assert done.exit_code == 0
    listed = [line.split(":")[0] for line in done.output.splitlines()[:-1]]
    assert listed == ["runs/train/small/seed-2", "runs/train/other"]


def test_a_name_reaches_the_terminal_escaped(root: Path) -> None:
    (root / "runs/train/line\nbreak\x1b[31mred").mkdir()
    for command in ("check", "status"):
        done = CliRunner().invoke(app, [command])
        assert "\x1b[31mred" not in done.output
        assert "red" in done.output
        assert not any(line.startswith("break") for line in done.output.splitlines())


def test_what_is_behind_a_link_is_looked_at(root: Path) -> None:
    (root / "runs").rename(root / "elsewhere")
    (root / "runs").symlink_to("elsewhere")
    assert problems(root) == []
    (root / "elsewhere/train/small/seed-0/history.csv").write_text("")
    (root / "elsewhere/throughput").symlink_to("describe")
    history, *_, measured = problems(root)
    assert history.startswith("runs/train/small/seed-0/history.csv: 0 bytes")
    assert measured.startswith("runs/throughput/small.json: not a ThroughputRecord")


@pytest.mark.parametrize("empty", ["runs", "weights/small", "runs/train/small/seed-0/metrics.json", "nowhere", "plan"])
def test_a_check_of_nothing_is_not_well(empty: str, root: Path) -> None:
    if empty == "plan":
        (root / "plan").mkdir()
        shutil.copy(root / "params.yaml", root / "plan")
    done = CliRunner().invoke(app, ["check", empty])
    assert (done.exit_code, len(done.output.splitlines())) == (1, 2)
    assert done.output.startswith(f"{empty}: ")


OTHERS = yaml.safe_dump(PARAMS | {"train": TRAIN | {"momentum": 0.8}})


def _written(file: str, text: str) -> Callable[[Path], object]:
    return lambda root: (root / file).write_text(text)


def _another_seed(root: Path) -> None:
    shutil.copytree(root / SEED, root / "runs/train/small/seed-1", dirs_exist_ok=True)


def _flipped(file: str, place: int = -3) -> Callable[[Path], None]:
    """One bit of a file is another."""

    def flip(root: Path) -> None:
        contents = bytearray((root / file).read_bytes())
        contents[place] ^= 1
        (root / file).write_bytes(contents)

    return flip


@pytest.mark.parametrize(
    ("harm", "line"),
    [
        (_flipped(WEIGHTS), "weights/small/seed-0/model.safetensors: not what was written"),
        (_written(WEIGHTS, "x"), "weights/small/seed-0/model.safetensors: 1 bytes instead of"),
        (_flipped(CHECKPOINT), "checkpoint.safetensors: not a checkpoint that a run can go on from (the tensors"),
        (_another_seed, "runs/train/small/seed-1/metrics.json: holds seed 0, not 1"),
        (_written("params.yaml", OTHERS), "made by other settings than the plan's: train.momentum is 0.9 there"),
        (lambda root: (root / DESCRIBED).rename(root / "runs/describe/other.json"), "other.json: holds small, not"),
        (_flipped("data/test_images.npy", -1), "data: the prepared images are not those of data.json"),
        (lambda root: (root / "runs/describe/loop.json").symlink_to("loop.json"), "loop.json: cannot be read"),
        (lambda root: (root / SEED / "test_predictions.npy").unlink(), "test_predictions.npy: missing"),
        (_written("runs/describe/begun.json", "{"), "begun.json: not a DescriptionRecord"),
        (_written("params.yaml", "x: 1"), "params.yaml: x: "),
    ],
)
def test_every_harm_is_a_line_and_exit_code_1(harm: Callable[[Path], object], line: str, root: Path) -> None:
    harm(root)
    done = CliRunner().invoke(app, ["check"])
    assert done.exit_code == 1
    *lines, counts = done.output.splitlines()
    assert any(line in problem for problem in lines), lines
    found = [problem for problem in lines if "measured on other weights" not in problem]  # that is stale, and no damage
    assert counts.endswith(": 1 problem" if len(found) == 1 else f": {len(found)} problems")


def test_a_field_that_was_edited_by_hand_is_seen(root: Path) -> None:
    path = root / SEED / "metrics.json"
    tree = json.loads(path.read_text())
    tree["segments"][0]["seconds"] += 1
    path.write_text(json.dumps(tree, indent=2))
    edited = "not a TrainingRecord: edited since it was written: its digest is another"
    assert problems(root)[:1] == [f"{path}: {edited}"]


def test_responses_of_other_weights_are_seen_without_digests_too(root: Path) -> None:
    for record in root.glob("runs/train/*/seed-*/metrics.json"):
        tree = json.loads(record.read_text()) | {"files": {}}
        del tree["digest"]
        record.write_text(json.dumps(tree))
    shutil.copy(root / "weights/small/seed-1/model.safetensors", root / WEIGHTS)
    assert problems(root) == []
    ((path, what),) = check([root]).notes
    assert path == root / "runs/responses/small.json"
    assert "seed 0" in what


def test_pytorch_is_loaded_for_checkpoints_alone(root: Path) -> None:
    shutil.rmtree(root / "runs/train/begun")
    code = "import sys; from resnet.runs.check import check; from pathlib import Path; "
    code += "print(len(check([Path()]).problems), 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "False"]
