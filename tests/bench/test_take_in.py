"""Results that another machine made are checked whole before any of them is put in place."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest

from resnet.data import Data
from resnet.params import load
from resnet.results import TrainingRecord
from resnet.runs.seeds import train_seeds
from resnet.system import choose_machine
from tests.bench.made import PARAMS, take_in


@pytest.fixture(scope="module")
def archive(digits: Data, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a call brings home: two finished seeds of ResNet-8."""
    place = tmp_path_factory.mktemp("place")
    (place / "params.yaml").write_text(PARAMS)
    settings = load(place / "params.yaml").settings("resnet-8")
    train_seeds(
        settings,
        [0, 1],
        digits,
        place / "runs/train/resnet-8",
        choose_machine(settings.train),
        weights=place / "weights/resnet-8",
    )
    (place / "runs/latency").mkdir()
    (place / "runs/latency/cuda.json").write_text("{}")
    repack(place)
    return place / "archive.tar.gz"


def repack(place: Path) -> None:
    with tarfile.open(place / "archive.tar.gz", "w:gz") as packed:
        for name in ("runs", "weights"):
            packed.add(place / name, name)


def test_results_are_taken_in_once(archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert take_in(archive, tmp_path / "root") == 0
    assert "resnet-8 seed-1: done at 60, test error" in capsys.readouterr().out
    for name in ("metrics.json", "history.csv", "test_predictions.npy"):
        assert (tmp_path / "root/runs/train/resnet-8/seed-0" / name).exists()
    assert (tmp_path / "root/weights/resnet-8/seed-1/model.safetensors").exists()
    assert take_in(archive, tmp_path / "root") == 0
    output = capsys.readouterr().out
    assert "seed" not in output
    assert "runs/latency/cuda.json: one is there already" in output
    assert "resnet adopt" in output


def test_results_are_taken_in_under_another_name(archive: Path, tmp_path: Path) -> None:
    assert take_in(archive, tmp_path / "root", "-gpu") == 1
    assert take_in(archive, tmp_path / "root", "-gpu", PARAMS + "  resnet-8-gpu: {net: resnet, depth: 8}\n") == 0
    record = TrainingRecord.read(tmp_path / "root/runs/train/resnet-8-gpu/seed-0/metrics.json")
    assert record.name == "resnet-8-gpu"


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("settings", "made by other settings, precision or version than the plan's resnet-8"),
        ("predictions", "the predictions are not those of test error"),
        ("curve", "the learning curve is missing"),
        ("seed", "the plan has no seed 1 of resnet-8"),
        ("other", "made by other settings, data or version"),
        ("archive", "nothing is put in place"),
    ],
)
def test_what_is_wrong_is_not_taken_in(
    fault: str, message: str, archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place, root = tmp_path / "place", tmp_path / "root"
    shutil.copytree(archive.parent, place)
    seed, params = place / "runs/train/resnet-8/seed-1", PARAMS
    there = root / "runs/train/resnet-8/seed-0/metrics.json"
    if fault == "settings":
        params = PARAMS.replace("batch_size: 16", "batch_size: 32")
    elif fault == "predictions":
        pairs = np.load(seed / "test_predictions.npy")
        pairs[:, 1] = (pairs[:, 0] + 1) % 10
        np.save(seed / "test_predictions.npy", pairs)
    elif fault == "curve":
        (seed / "history.csv").unlink()
    elif fault == "seed":
        params = PARAMS.replace("seeds: 2", "seeds: 1")
    elif fault == "other":
        there.parent.mkdir(parents=True)
        text = (place / "runs/train/resnet-8/seed-0/metrics.json").read_text()
        there.write_text(text.replace(json.loads(text)["identity"]["configuration"], "0" * 64))
    repack(place)
    if fault == "archive":
        (place / "archive.tar.gz").write_bytes((place / "archive.tar.gz").read_bytes()[:1000])
    assert take_in(place / "archive.tar.gz", root, params=params) == 1
    assert message in capsys.readouterr().err
    assert not (root / "weights").exists()
    assert fault == "other" or not there.exists()
