"""The script for a borrowed GPU: calls that end, archives that survive, and a rehearsal on the CPU from end to end."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from resnet.params import load
from resnet.results import TrainingRecord
from tests.bench.made import PARAMS, ROOT, module, take_in


def names(archive: Path) -> list[str]:
    with tarfile.open(archive) as packed:
        return packed.getnames()


def ended(call: Any) -> dict[str, str]:
    return {step["step"]: step["ended"] for step in json.loads((call.place / "steps.json").read_text())}


def test_a_step_that_fails_hangs_or_finds_no_time_leaves_the_others_their_turn(
    call: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    made = call()
    assert not made.run("fails", ["-c", "raise SystemExit('what is wrong')"])
    assert not made.run("hangs", ["-c", "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(99)"], 5.2)
    assert made.run("works", ["-c", "import os; print(os.environ['A'])"], A="b")
    made.ends = time.monotonic()
    assert not made.run("late", ["-c", "pass"])
    assert ended(made) == {"fails": "exit code 1", "hangs": "stopped", "works": "done", "late": "no time"}
    assert "what is wrong" in capsys.readouterr().out
    assert (made.place / "logs/works.txt").read_text() == "b\n"
    assert names(made.archive) == ["steps.json", "logs/fails.txt", "logs/hangs.txt", "logs/works.txt"]


def test_what_a_step_started_ends_with_it(call: Callable[..., Any]) -> None:
    made = call()
    code = "import subprocess as s, sys; print(s.Popen([sys.executable, '-c', 'import time; time.sleep(99)']).pid)"
    assert made.run("parent", ["-c", code])
    child = int((made.place / "logs/parent.txt").read_text())
    until(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE)


def test_the_archive_takes_first_things_first_and_keeps_its_size(
    call: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    made = call(archive_bytes=200_000)
    for name, size in (
        ("checkpoints/a/checkpoint.safetensors", 10_000),
        ("weights/a/model.safetensors", 100_000),
        ("weights/b/model.safetensors", 100_000),
        ("runs/train/a/metrics.json", 50_000),
        ("runs/train/a/.metrics.json.1.partial", 10),
        ("triton/kernel.bin", 10),
    ):
        (made.place / name).parent.mkdir(parents=True, exist_ok=True)
        (made.place / name).write_bytes(os.urandom(size))
    made.pack()
    assert names(made.archive) == [
        "runs/train/a/metrics.json",
        "weights/a/model.safetensors",
        "checkpoints/a/checkpoint.safetensors",
    ]
    assert made.archive.stat().st_size <= 200_000
    assert "no room for weights/b/model.safetensors" in capsys.readouterr().out
    fresh = call(place="fresh")
    (fresh.place / "runs/train/a").mkdir(parents=True)
    (fresh.place / "runs/train/a/metrics.json").write_text("what is here stays")
    fresh.resume(made.archive)
    assert (fresh.place / "runs/train/a/metrics.json").read_text() == "what is here stays"
    assert (fresh.place / "weights/a/model.safetensors").stat().st_size == 100_000


def test_images_come_in_parts(call: Callable[..., Any], tmp_path: Path) -> None:
    script, made = module("borrowed_gpu"), call()
    (tmp_path / "images.zip").write_bytes(bytes(range(101)))
    script.cut(tmp_path / "images.zip", 2, tmp_path / "parts")
    second = tmp_path / "parts/images.zip.2of2"
    second.rename(tmp_path / "second")
    script.bring(made, tmp_path / "parts", None)
    assert script.joined_images(made) is None
    assert ended(made) == {"data": "images: part 2 is missing"}
    (tmp_path / "second").rename(second)
    script.bring(made, tmp_path / "parts", None)
    joined = script.joined_images(made)
    assert joined == made.place / "images/images.zip"
    assert joined.read_bytes() == bytes(range(101))


@pytest.mark.parametrize(("minutes", "begun"), [(61, False), (71, True)])
def test_a_net_is_begun_only_if_it_can_be_finished(
    minutes: float, begun: bool, call: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """3,000 iterations of a second and, for two seeds, 4 evaluations of 1,000 images of 0.1 s: 3,800 s, and a tenth."""
    script, made = module("borrowed_gpu"), call(seconds=60 * minutes)
    plan = load(None, ["models={resnet-20: {net: resnet, depth: 20}}", "train.iterations=3000", "train.seeds=2"])
    for name, content in (
        ("data/data.json", {"validation_images": 400, "test_images": 600}),
        (
            "rates/resnet-20.json",
            {
                "precision": "bf16",
                "compiled": False,
                "side_by_side": 2,
                "seconds_until_ready": 0,
                "iteration_seconds": 1,
                "evaluation_seconds_per_image": 0.1,
            },
        ),
    ):
        (made.place / name).parent.mkdir(exist_ok=True)
        (made.place / name).write_text(json.dumps(content))
    commands = []
    monkeypatch.setattr(made, "run", lambda name, command: commands.append(name))
    script.train(made, plan, argparse.Namespace(nets=None, set=[], params=tmp_path / "params.yaml"))
    assert ("train resnet-20" in commands) == begun
    assert begun or ended(made) == {"train resnet-20": "not begun: 4190 s"}


def check_arguments(**given: Any) -> argparse.Namespace:
    return argparse.Namespace(**{"nets": None, "set": [], "only": None, "params": ROOT / "params.yaml"} | given)


def test_a_later_call_does_what_the_earlier_ones_have_not(
    call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    script, plan, begun = module("borrowed_gpu"), load(ROOT / "params.yaml"), list[str]()
    first = call()
    for name, ended in (("tests", "done"), ("rate", "exit code 1"), ("latency", "stopped")):
        first.note(name, ended)
    for only in (None, ["tests", "profile plain"]):
        made = call()
        monkeypatch.setattr(made, "run", lambda name, *rest, **environment: begun.append(name))
        script.check(made, plan, check_arguments(only=only))
    everything = [check.name for check in script.checks(Path("P"), plan, check_arguments())]
    assert begun == [*everything[1:], "tests", "profile plain"]
    assert everything[0] == "tests"
    assert everything[-1] == "fp32"


def test_what_a_call_would_do_is_told_with_what_it_takes(checkout: Path) -> None:
    command = [sys.executable, str(checkout / "bench/borrowed_gpu.py"), "check", "--estimate", "--minutes", "9"]
    done = subprocess.run(command, cwd=checkout.parent, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "params.yaml: cannot be read" in done.stderr.splitlines()[-1]
    command += ["--params", str(ROOT / "params.yaml"), "--only", "rate", "profile"]
    done = subprocess.run(command, cwd=checkout.parent, capture_output=True, text=True, check=True, timeout=60)
    *steps, last = [line.split() for line in done.stdout.splitlines()]
    assert [" ".join(step[2:]) for step in steps] == ["rate", "profile kernels", "profile plain", "profile compiled"]
    assert int(last[0]) == sum(int(step[0]) for step in steps)
    assert "of 540 s" in done.stdout
    assert not (checkout.parent / "P").exists()


@pytest.mark.slow
@pytest.mark.parametrize("what", ["profile", "convolutions"])
def test_a_step_is_taken_apart(what: str, tmp_path: Path) -> None:
    given = ["resnet-8"] if what == "profile" else ["--batch-size", "1"]
    options = ("--seconds", "0.001", "--set=train.device=cpu", "--set=train.batch_size=4")
    command = [sys.executable, str(ROOT / "bench/gpu_step.py"), what, *given, *options]
    subprocess.run([*command, "--out", tmp_path], cwd=tmp_path, check=True, timeout=300)
    (file,) = tmp_path.glob("*.json")
    result = json.loads(file.read_text())
    assert file.stem == ("resnet-8" if what == "profile" else what)
    if what == "convolutions":
        assert len(result) == 3 * 2 * 2 * 4
        assert all(row["seconds"] > 0 for row in result)
    else:
        assert result["kernels"] == sum(row["calls"] for row in result["by_kernel"]) > 0
        assert result["kernel_seconds"] > 0


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the code, as it travels: without `.git`, and nothing of it installed."""
    folder = tmp_path / "checkout"
    for name in ("resnet", "bench"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "params.yaml").write_text(PARAMS)
    return folder


COMMIT = "0123456789" * 4


def start(checkout: Path, command: str, place: str, *arguments: str) -> subprocess.Popen[str]:
    folder = checkout.parent
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    given = {"--place": place, "--archive": "archive.tar.gz", "--params": "params.yaml"}
    call = [f"{option}={folder / name}" for option, name in given.items()]
    return subprocess.Popen(
        [sys.executable, checkout / "bench/borrowed_gpu.py", command, *call, "--set=data.source=digits", *arguments],
        cwd=folder,
        env=environment | {"RESNET_COMMIT": COMMIT, "PYTHONPYCACHEPREFIX": str(folder / "pycache")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.slow
def test_a_rehearsal_on_the_cpu(checkout: Path, digits_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Check; train until a kill; go on elsewhere to the end; take the results in."""
    folder = checkout.parent
    archive, before = folder / "archive.tar.gz", sorted(checkout.rglob("*"))
    net = ("--nets", "resnet-8", "--set=train.iterations=240")
    shutil.copytree(digits_folder, folder / "first/data")

    patient = ("--minutes", "60", "--patience", "20")
    with start(checkout, "check", "first", "--only", "rate", *patient, *net) as script:
        output, _ = script.communicate(timeout=1200)
    assert script.returncode == 0, output
    assert json.loads((folder / "first/rates/resnet-8.json").read_text())["iteration_seconds"] > 0

    # Killed without a warning: the last archive stands. One made between a checkpoint and its record has the first.
    saved = {"checkpoints/resnet-8/seed-0/checkpoint.safetensors", "runs/train/resnet-8/seed-0/metrics.json"}
    with start(checkout, "train", "first", "--every", "0.5", "--minutes", "60", *net) as script:
        until(lambda: saved <= {*names(archive)}, script)
        for child in psutil.Process(script.pid).children(recursive=True):
            child.kill()
        script.kill()
    assert saved <= {*names(archive)}

    # To the end, from the archive alone.
    with start(checkout, "train", "second", "--resume", str(archive), "--minutes", "60", *net) as script:
        output, _ = script.communicate(timeout=1200)
    assert script.returncode == 0, output
    assert "done         train resnet-8" in output
    assert "done         responses resnet-8" in output
    assert sorted(checkout.rglob("*")) == before, "the checkout is as it was"

    assert take_in(archive, folder / "root", params=PARAMS.replace("iterations: 60", "iterations: 240")) == 0
    assert "resnet-8 seed-1: done at 240" in capsys.readouterr().out
    record = TrainingRecord.read(folder / "root/runs/train/resnet-8/seed-0/metrics.json")
    assert len(record.segments) >= 2
    assert {segment.system.commit for segment in record.segments} == {COMMIT}
    assert {segment.system.modified for segment in record.segments} == {None}
    assert (folder / "root/runs/responses/resnet-8.json").exists()


@pytest.mark.slow
def test_the_time_limit_stops_a_net_that_cannot_be_finished(
    call: Callable[..., Any],
    digits_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The rate says that it can, and is wrong: the training is asked to stop, and its checkpoints come home."""
    made = call(seconds=3600, archive_bytes=2**24)
    monkeypatch.setattr(module("call"), "GRACE", 200.0)  # on a machine as busy as it may be
    (tmp_path / "params.yaml").write_text(PARAMS)
    shutil.copytree(digits_folder, made.place / "data")
    rate = {
        "precision": "fp32",
        "compiled": False,
        "side_by_side": 1,
        "seconds_until_ready": 0,
        "iteration_seconds": 0,
        "evaluation_seconds_per_image": 0,
    }
    (made.place / "rates").mkdir()
    (made.place / "rates/resnet-8.json").write_text(json.dumps(rate))
    endless = ["train.iterations=1000000", "limits.hours=1000", f"data.dir={made.place / 'data'}"]
    arguments = argparse.Namespace(nets=["resnet-8"], set=endless, params=tmp_path / "params.yaml")

    def end() -> None:
        until((made.place / "checkpoints/resnet-8/seed-0/checkpoint.safetensors").exists)
        made.ends = time.monotonic()

    with ThreadPoolExecutor(1) as aside:
        ending = aside.submit(end)
        module("borrowed_gpu").train(made, load(tmp_path / "params.yaml", endless), arguments)
        ending.result()
    assert ended(made) == {"train resnet-8": "stopped"}
    assert "a checkpoint is saved" in capsys.readouterr().out
    with tarfile.open(made.archive) as packed:
        packed.extractall(tmp_path / "home", filter="data")
    record = TrainingRecord.read(tmp_path / "home/runs/train/resnet-8/seed-0/metrics.json")
    assert record.status == "interrupted"
    assert record.iteration > 0
    assert (tmp_path / "home/checkpoints/resnet-8/seed-0/checkpoint.safetensors").exists()


def until(condition: Callable[[], bool], script: subprocess.Popen[str] | None = None) -> None:
    for _ in range(9000):
        assert script is None or script.poll() is None, script.communicate()[0]
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("it did not come to that")
