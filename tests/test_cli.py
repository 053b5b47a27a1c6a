"""The command line as a user types it: what it prints, and one line for each mistake."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from resnet.cli import run
from resnet.data import Data
from resnet.results import ForecastRecord, ThroughputRecord, TrainingRecord
from tests.conftest import Command

QUICK = (
    "--set=data.validation=200",  # as the prepared digits have it
    "--set=train.iterations=6",
    "--set=train.batch_size=16",
    "--set=train.log_every=3",
    "--set=train.evaluate_every=3",
)


def test_the_version_is_the_one_to_cite(command: Command) -> None:
    citation = yaml.safe_load((Path(__file__).parent.parent / "CITATION.cff").read_text(encoding="utf-8"))
    assert command("--version").stdout.strip() == citation["version"]
    assert citation["references"][0]["doi"] == "10.1109/CVPR.2016.90"


def test_the_layer_table(command: Command) -> None:
    done = command("describe", "--depth", "20")
    assert done.returncode == 0
    lines = [line for line in done.stdout.splitlines() if "│" in line]
    assert any("layer2.0.conv1" in line and "3x3" in line and "32x16x16" in line and "4,608" in line for line in lines)
    assert "269,722" in lines[-1]
    assert "40,551,040" in lines[-1]


def test_the_layer_table_for_programs(command: Command) -> None:
    printed = json.loads(command("describe", "--net", "plain", "--depth", "56", "--format", "json").stdout)
    assert (printed["parameters"], printed["multiply_adds"]) == (853_018, 125_485_696)
    assert printed["layers"][0]["name"] == "conv1"
    assert sum(layer["parameters"] for layer in printed["layers"]) == 853_018


def test_classes_are_those_of_the_prepared_data(command: Command, digits: Data, tmp_path: Path) -> None:
    record = digits.record.model_copy(update={"classes": tuple(f"class-{k:02}" for k in range(100)), "names": None})
    record.write(tmp_path / "data/data.json")
    printed = json.loads(command("describe", "--depth", "8", "--set=data.dir=data", "--format", "json").stdout)
    assert (printed["classes"], printed["parameters"]) == (100, 81_140)
    without = json.loads(command("describe", "--depth", "8", "--format", "json").stdout)
    assert (without["classes"], without["parameters"]) == (10, 75_290)
    quick = ("--set=throughput.batch_size=2", "--set=throughput.steps=1", "--set=throughput.repeats=1")
    command("throughput", "--depth", "8", "--set=data.dir=data", *quick, "--out", "t.json")
    assert ThroughputRecord.read(tmp_path / "t.json").parameters == 81_140


def test_a_wider_net_of_14_layers_trains(command: Command, digits_folder: Path, tmp_path: Path) -> None:
    wider = ("--set=model.width=2", f"--set=data.dir={digits_folder}", *QUICK)
    done = command("train", "--depth", "14", "--out", "wide", "--seeds", "0", *wider)
    assert done.returncode == 0, done.stderr
    record = TrainingRecord.read(tmp_path / "wide/seed-0/metrics.json")
    assert (record.status, record.parameters, record.settings["model"]["width"]) == ("done", 685_994, 2)
    other = command("train", "--depth", "14", "--out", "wide", "--seeds", "0", *wider[1:])
    assert "model.width is 2 there and 1 here" in other.stderr


def test_train_leaves_each_seeds_results(command: Command, digits_folder: Path, tmp_path: Path) -> None:
    arguments = ("train", "--net", "resnet", "--depth", "8", "--out", "DIR", f"--set=data.dir={digits_folder}", *QUICK)
    done = command(*arguments, "--seeds", "0,1")
    assert done.returncode == 0, done.stderr
    for seed in (0, 1):
        files = {file.name for file in (tmp_path / f"DIR/seed-{seed}").iterdir()}
        assert files == {"metrics.json", "history.csv", "model.safetensors", "test_predictions.npy"}
        record = TrainingRecord.read(tmp_path / f"DIR/seed-{seed}/metrics.json")
        assert (record.status, record.seed, record.iteration) == ("done", seed, 6)
    # A seed more trains that seed alone.
    before = (tmp_path / "DIR/seed-1/metrics.json").stat().st_mtime_ns
    done = command(*arguments, "--seeds", "1,2")
    assert done.returncode == 0, done.stderr
    assert "seed 1: already complete" in done.stderr
    assert (tmp_path / "DIR/seed-1/metrics.json").stat().st_mtime_ns == before
    assert (tmp_path / "DIR/seed-2/metrics.json").exists()
    # Other settings are refused, and take the place of the seeds asked for only when told to.
    other = (*arguments, "--seeds", "0", "--set=train.learning_rate=0.05")
    refused = command(*other)
    assert refused.returncode == 1
    assert "pass --overwrite" in refused.stderr
    assert TrainingRecord.read(tmp_path / "DIR/seed-0/metrics.json").settings["train"]["learning_rate"] == 0.1
    assert "train.learning_rate is 0.1 there and 0.05 here" in refused.stderr
    done = command(*other, "--overwrite")
    assert done.returncode == 0
    assert "seed 0: other results are moved aside to DIR/.aside/" in done.stderr
    assert sorted(os.listdir(tmp_path / "DIR")) == [".aside", "seed-0", "seed-1", "seed-2"]


def test_a_plan_that_cannot_finish_says_so_first(command: Command, digits_folder: Path, tmp_path: Path) -> None:
    done = command(
        "train", "--depth", "8", "--out", "DIR", f"--set=data.dir={digits_folder}",
        "--set=data.validation=200", "--set=limits.hours=0.01",
        "--set=train.iterations=1000000",
    )  # fmt: skip
    assert done.returncode == 1
    message = done.stderr.splitlines()[-1]
    assert "forecast to take" in message
    assert "limits.hours = 0.01" in message
    assert "make quickstart" in message
    assert "train.iterations" in message
    assert not (tmp_path / "DIR/seed-0").exists()


def test_the_forecast_of_a_whole_plan(command: Command, digits_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(
        f"data: {{dir: {digits_folder}, validation: 200}}\n"
        "train: {iterations: 50, batch_size: 16, seeds: 2}\n"
        "models: {resnet-8: {net: resnet, depth: 8}, plain-14: {net: plain, depth: 14, train: {seeds: 1}}}\n"
    )
    done = command("forecast", "--runs", "runs", "--out", "f")
    assert done.returncode == 0, done.stderr
    record = ForecastRecord.read(tmp_path / "f/forecast.json")
    assert [(row.name, row.seeds_left, row.measured) for row in record.rows] == [
        ("resnet-8", 2, True),
        ("plain-14", 1, True),
    ]
    assert 0 < record.hours < 1
    over = command("forecast", "--runs", "runs", "--out", "f", "--set=limits.hours=1e-9")
    assert over.returncode == 1
    assert "quickstart" in over.stderr
    assert ForecastRecord.read(tmp_path / "f/forecast.json").limit_hours == 1e-9


def test_throughput(command: Command, tmp_path: Path) -> None:
    done = command(
        "throughput", "--depth", "8", "--out", "t.json",
        "--set=throughput={batch_size: 8, warmup_steps: 1, steps: 2, repeats: 3}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    record = ThroughputRecord.read(tmp_path / "t.json")
    assert len(record.training.step_seconds) == len(record.inference.step_seconds) == 3
    assert record.training.images_per_second > 0
    assert record.training.median_seconds > record.inference.median_seconds
    assert record.training.peak_memory_bytes > 100e6
    assert record.multiply_adds == 12_239_488
    assert "images/s" in done.stdout


def test_every_net_of_a_plan_is_measured_once(
    digits_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "params.yaml").write_text(
        f"data: {{source: digits, dir: {digits_folder}, validation: 200}}\n"
        "train: {device: cpu}\n"
        "throughput: {batch_size: 4, warmup_steps: 1, steps: 1, repeats: 2}\n"
        "responses: {images: 20}\n"
        "models:\n"
        "  plain-8: {net: plain, depth: 8}\n"
        "  wide: {net: resnet, depth: 8, throughput: {batch_size: 8}}\n"
    )
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "runs/throughput"
    assert run(["throughput"]) == 0
    assert "0 of 2 nets are measured" in capsys.readouterr().err
    plain = (folder / "plain-8.json").read_bytes()
    (folder / "wide.json").unlink()
    assert run(["throughput"]) == 0
    assert "1 of 2 nets are measured" in capsys.readouterr().err
    assert ThroughputRecord.read(folder / "wide.json").training.batch_size == 8
    assert (folder / "plain-8.json").read_bytes() == plain
    assert run(["describe"]) == 0
    assert sorted(path.name for path in (tmp_path / "runs/describe").iterdir()) == ["plain-8.json", "wide.json"]

    assert run(["responses"]) == 0
    assert "0 of 2 nets have weights" in capsys.readouterr().out
    assert os.listdir(tmp_path / "runs/responses") == []
    train = ("train", "--name", "wide", "--depth", "8", "--weights", "weights/wide", "--out", "runs/train/wide")
    assert run([*train, "--seeds", "0", *QUICK]) == 0
    printed = []
    for _ in range(2):
        capsys.readouterr()
        assert run(["responses"]) == 0
        printed.append(capsys.readouterr().out)
    assert "wide seed 0" in printed[0]
    assert printed[0] == printed[1]
    assert os.listdir(tmp_path / "runs/responses") == ["wide.json"]


def test_a_report_without_parameters_is_of_what_is_there(command: Command, digits_folder: Path, tmp_path: Path) -> None:
    at = f"--set=data.dir={digits_folder}"
    done = command("train", "--depth", "8", "--seeds", "0", "--out", "runs/train/resnet-8", at, *QUICK)
    assert done.returncode == 0, done.stderr
    done = command("report", "--set=report.bootstrap_samples=100")
    assert done.returncode == 0, done.stderr
    assert done.stderr == "no params.yaml here: the plan is that of the results in runs: resnet-8\n"
    metrics = json.loads((tmp_path / "reports/metrics.json").read_text())
    assert (metrics["done"], metrics["planned"], [*metrics["error"]]) == (1, 1, ["resnet-8"])
    lost = command("report", "--runs", "nowhere")
    assert lost.returncode == 1
    assert lost.stderr.startswith("resnet: no params.yaml here, and no results in nowhere (train/NET/seed-K/")


def test_an_interrupted_measurement_leaves_the_earlier_result(command: Command, tmp_path: Path) -> None:
    earlier = tmp_path / "out" / "cpu.json"
    earlier.parent.mkdir()
    earlier.write_text("earlier")
    arguments = ("latency", "--out", "out", "--set=latency={depths: [20], seconds: 60}", "--set=train.device=cpu")
    process = subprocess.Popen(
        [sys.executable, "-m", "resnet", *arguments],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        # A shell starts its background jobs, and what they start, deaf to this signal.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stderr is not None
    assert "stem" in process.stderr.readline()  # it has begun to measure
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert earlier.read_text() == "earlier"
    assert os.listdir(earlier.parent) == ["cpu.json"]


MISTAKES: dict[str, tuple[tuple[str, ...], str]] = {
    "depth 21": (("describe", "--depth", "21"), "the nearest are 20 and 26"),
    "unknown net": (("train", "--net", "vgg", "--out", "x"), "net"),
    "unknown key": (("train", "--out", "x", "--set", "train.lr=1"), "train.lr: unknown key"),
    "milestone": (("train", "--out", "x", "--set", "train.milestones=[0.5, 1.0]"), "train.milestones.1"),
    "negative seed": (("train", "--out", "x", "--seeds", "0,-1"), "seeds"),
    "seeds": (("train", "--out", "x", "--seeds", "a"), "--seeds a"),
    "no data": (("train", "--out", "x"), "run `resnet data`"),
    "no params": (("report", "--params", "nowhere.yaml"), "nowhere.yaml: cannot be read"),
    "no source": (("data", "--set", "data.source=nowhere.zip"), "nowhere.zip: no such file"),
    "a plan without nets": (("throughput",), "have no models: name a net"),
    "a drawing of no net": (("describe", "--draw", "x.svg"), "have no models: name a net"),
    "a drawing of all nets": (("describe", "--draw", "x.svg", "--set=models={a: {net: plain, depth: 8}}"), "one net"),
    "no GPU": (("throughput", "--depth", "8", "--set", "train.device=cuda"), "train.device is cuda"),
    "mean": (("evaluate", "--weights", "w", "--mean", "1,2"), "--mean 1,2"),
}


@pytest.mark.parametrize("kind", MISTAKES)
def test_a_mistake_is_one_line_and_leaves_nothing(kind: str, command: Command, tmp_path: Path) -> None:
    arguments, says = MISTAKES[kind]
    done = command(*arguments, CUDA_VISIBLE_DEVICES="")
    assert done.returncode == 1
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("resnet: ")
    assert list(tmp_path.iterdir()) == []


def test_help_is_quick_to_import_and_the_report_never_loads_torch() -> None:
    code = "import sys, resnet.cli, resnet.report; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_data_are_prepared_and_verified(command: Command, digits: Data, tmp_path: Path) -> None:
    arguments = ("--set=data.source=digits", "--set=data.dir=d", "--set=data.validation=200")
    done = command("data", *arguments)
    assert done.returncode == 0, done.stderr
    assert "digits, not CIFAR-10: 1,237 training, 200 validation and 360 test images" in done.stdout
    assert command("data", *arguments, "--verify").returncode == 0
    file = tmp_path / "d/test_images.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    done = command("data", *arguments, "--verify")
    assert done.returncode == 1
    assert "run `resnet data` again" in done.stderr
