"""The command line as a user types it: what it prints, and what it leaves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from resnet.cli import run
from resnet.data import Data
from resnet.results import ForecastRecord, ThroughputRecord, TrainingRecord

QUICK = (
    "--set=data.validation=100",  # as the prepared digits have it
    "--set=train={device: cpu, precision: fp32, iterations: 6, batch_size: 16, log_every: 3, evaluate_every: 3}",
)


class Done(NamedTuple):
    """What a command has said."""

    code: int
    out: str
    err: str


Typed = Callable[..., Done]


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """Run a command in this process, in an empty folder, without CIFAR10_SOURCE."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CIFAR10_SOURCE", raising=False)
    monkeypatch.setattr("resnet.cli.making.outlive_terminal", lambda: None)  # it would be this process's for good

    def typed(*arguments: str) -> Done:
        capsys.readouterr()
        return Done(run(arguments), *capsys.readouterr())

    return typed


def test_the_version_is_the_one_to_cite(typed: Typed) -> None:
    citation = yaml.safe_load((Path(__file__).parent.parent / "CITATION.cff").read_text(encoding="utf-8"))
    assert typed("--version") == (0, f"{citation['version']}\n", "")
    assert citation["references"][0]["doi"] == "10.1109/CVPR.2016.90"


def test_the_layer_table(typed: Typed) -> None:
    lines = [line for line in typed("describe", "--depth", "20").out.splitlines() if "│" in line]
    assert any("layer2.0.conv1" in line and "3x3" in line and "32x16x16" in line and "4,608" in line for line in lines)
    assert "269,722" in lines[-1]
    assert "40,551,040" in lines[-1]
    printed = json.loads(typed("describe", "--net", "plain", "--depth", "56", "--format", "json").out)
    assert (printed["parameters"], printed["multiply_adds"]) == (853_018, 125_485_696)
    assert printed["layers"][0]["name"] == "conv1"
    assert sum(layer["parameters"] for layer in printed["layers"]) == 853_018


def test_classes_are_those_of_the_prepared_data(typed: Typed, digits: Data, tmp_path: Path) -> None:
    record = digits.record.model_copy(update={"classes": tuple(f"class-{k:02}" for k in range(100)), "names": None})
    record.write(tmp_path / "data/data.json")
    printed = json.loads(typed("describe", "--depth", "8", "--set=data.dir=data", "--format", "json").out)
    assert (printed["classes"], printed["parameters"]) == (100, 81_140)
    without = json.loads(typed("describe", "--depth", "8", "--format", "json").out)
    assert (without["classes"], without["parameters"]) == (10, 75_290)
    quick = "--set=throughput={batch_size: 8, warmup_steps: 1, steps: 2, repeats: 3}"
    done = typed("throughput", "--depth", "8", "--set=data.dir=data", quick, "--out", "t.json")
    assert "images/s" in done.out
    measured = ThroughputRecord.read(tmp_path / "t.json")
    assert (measured.parameters, measured.multiply_adds) == (81_140, 12_245_248)
    assert len(measured.training.step_seconds) == len(measured.inference.step_seconds) == 3
    assert measured.training.median_seconds > measured.inference.median_seconds
    assert measured.training.peak_memory_bytes > 100e6


def test_train_leaves_each_seeds_results(typed: Typed, digits_folder: Path, tmp_path: Path) -> None:
    arguments = ("train", "--net", "resnet", "--depth", "8", "--out", "DIR", f"--set=data.dir={digits_folder}", *QUICK)
    assert typed(*arguments, "--seeds", "0,1").code == 0
    for seed in (0, 1):
        files = {file.name for file in (tmp_path / f"DIR/seed-{seed}").iterdir()}
        assert files == {"metrics.json", "history.csv", "model.safetensors", "test_predictions.npy"}
        record = TrainingRecord.read(tmp_path / f"DIR/seed-{seed}/metrics.json")
        assert (record.status, record.seed, record.iteration) == ("done", seed, 6)
    # A seed more trains that seed alone.
    before = (tmp_path / "DIR/seed-1/metrics.json").stat().st_mtime_ns
    done = typed(*arguments, "--seeds", "1,2")
    assert done.code == 0
    assert "seed 1: already complete" in done.err
    assert (tmp_path / "DIR/seed-1/metrics.json").stat().st_mtime_ns == before
    assert (tmp_path / "DIR/seed-2/metrics.json").exists()
    # Other settings are refused, and take the place of the seeds asked for only with --overwrite.
    other = (*arguments, "--seeds", "0", "--set=train.learning_rate=0.05")
    refused = typed(*other)
    assert refused.code == 1
    assert "pass --overwrite" in refused.err
    assert "train.learning_rate is 0.1 there and 0.05 here" in refused.err
    assert TrainingRecord.read(tmp_path / "DIR/seed-0/metrics.json").settings["train"]["learning_rate"] == 0.1
    done = typed(*other, "--overwrite")
    assert done.code == 0
    assert "seed 0: other results are moved aside to DIR/.aside/" in done.err
    assert sorted(os.listdir(tmp_path / "DIR")) == [".aside", "seed-0", "seed-1", "seed-2"]


def test_the_forecast_of_a_whole_plan(typed: Typed, digits_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(
        f"data: {{dir: {digits_folder}, validation: 100}}\n"
        "train: {iterations: 50, batch_size: 16, seeds: 2}\n"
        "models: {resnet-8: {net: resnet, depth: 8}, plain-14: {net: plain, depth: 14, train: {seeds: 1}}}\n"
    )
    assert typed("forecast", "--runs", "runs", "--out", "f").code == 0
    record = ForecastRecord.read(tmp_path / "f/forecast.json")
    rows = [(row.name, row.seeds_left, row.measured) for row in record.rows]
    assert rows == [("resnet-8", 2, True), ("plain-14", 1, True)]
    assert 0 < record.hours < 1
    over = typed("forecast", "--runs", "runs", "--out", "f", "--set=limits.hours=1e-9")
    assert over.code == 1
    assert "quickstart" in over.err
    assert ForecastRecord.read(tmp_path / "f/forecast.json").limit_hours == 1e-9
    # A net that cannot finish in time says so before it trains.
    long = ("train", "--depth", "8", "--out", "DIR", "--set=limits.hours=0.01", "--set=train.iterations=1000000")
    message = typed(*long).err.splitlines()[-1]
    words = ("forecast to take", "limits.hours = 0.01", "make quickstart", "train.iterations")
    assert [word for word in words if word not in message] == []
    assert not (tmp_path / "DIR/seed-0").exists()


def test_every_net_of_a_plan_is_measured_once(typed: Typed, digits_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(
        f"data: {{source: digits, dir: {digits_folder}, validation: 100}}\n"
        "train: {device: cpu}\n"
        "throughput: {batch_size: 4, warmup_steps: 1, steps: 1, repeats: 2}\n"
        "responses: {images: 20}\n"
        "models:\n"
        "  plain-8: {net: plain, depth: 8}\n"
        "  wide: {net: resnet, depth: 14, model: {width: 2}, throughput: {batch_size: 8}}\n"
    )
    folder = tmp_path / "runs/throughput"
    assert "0 of 2 nets are measured" in typed("throughput").err
    plain = (folder / "plain-8.json").read_bytes()
    (folder / "wide.json").unlink()
    assert "1 of 2 nets are measured" in typed("throughput").err
    wide = ThroughputRecord.read(folder / "wide.json")
    assert (wide.training.batch_size, wide.parameters) == (8, 685_994)
    assert (folder / "plain-8.json").read_bytes() == plain
    assert typed("describe").code == 0
    assert sorted(path.name for path in (tmp_path / "runs/describe").iterdir()) == ["plain-8.json", "wide.json"]

    assert "0 of 2 nets have weights" in typed("responses").out
    assert os.listdir(tmp_path / "runs/responses") == []
    train = ("train", "--name", "wide", "--depth", "14", "--weights", "weights/wide", "--out", "runs/train/wide")
    assert typed(*train, "--seeds", "0", *QUICK).code == 0
    first, again = typed("responses").out, typed("responses").out
    assert "wide seed 0" in first
    assert first == again
    assert os.listdir(tmp_path / "runs/responses") == ["wide.json"]


def test_a_report_without_a_plan_is_refused(typed: Typed, tmp_path: Path) -> None:
    done = typed("report")
    assert (done.code, done.err) == (1, "resnet: the parameters have no models: there is nothing to report\n")
    assert not (tmp_path / "reports").exists()


def test_the_report_opens_no_window_and_loads_no_pytorch(tmp_path: Path) -> None:
    code = "from resnet.report import build; from resnet.params import load; from pathlib import Path as P; "
    code += "build(load(None, ['models={plain-8: {net: plain, depth: 8}}']), P('runs'), P('reports')); "
    code += "import sys; sys.exit('torch' in sys.modules)"
    environment = os.environ | {"MPLBACKEND": "module://matplotlib_inline.backend_inline", "DISPLAY": ""}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)


def test_a_stage_of_dvc_needs_every_section(typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_STAGE", "data")
    sections = ("model", "train", "throughput", "responses", "evaluate", "latency", "limits", "models")
    (tmp_path / "params.yaml").write_text(
        "data: {source: digits}\n" + "".join(f"{name}: {{}}\n" for name in sections[:-2])
    )
    assert "which may be empty: add `limits: {}`, `models: {}`" in typed("data").err
    assert not (tmp_path / "data").exists()


def test_data_are_prepared_and_verified(typed: Typed, tmp_path: Path) -> None:
    arguments = ("data", "--set=data={source: digits, dir: d, validation: 200}")
    what = "d: digits, not CIFAR-10: 1,237 training, 200 validation and 360 test images\n"
    assert typed(*arguments)[:2] == typed(*arguments, "--verify")[:2] == (0, what)
    (tmp_path / "d/test_images.npy").write_bytes(b"")
    assert "run `resnet data` again" in typed(*arguments, "--verify").err
