"""A closed terminal or a broken pipe ends the display, not the training; no terminal is too simple."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from resnet.results import TrainingRecord

VERSION = [sys.executable, "-m", "resnet", "--version"]
LONG = (
    "--set=data.validation=100",
    "--set=train.iterations=20",
    "--set=train.batch_size=4",
    "--set=train.precision=fp32",
)


def training(folder: Path, digits_folder: Path) -> list[str]:
    arguments = ["train", "--depth", "8", "--seeds", "0", "--out", str(folder / "out"), *LONG]
    return [sys.executable, "-m", "resnet", *arguments, f"--set=data.dir={digits_folder}"]


def assert_trained(folder: Path) -> None:
    record = TrainingRecord.read(folder / "out/seed-0/metrics.json")
    assert (record.status, record.iteration) == ("done", 20)


def test_a_training_outlives_its_terminal(digits_folder: Path, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = training(tmp_path, digits_folder)
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, cwd=tmp_path
    )
    os.close(theirs)
    shown = b""
    while b"iterations on" not in shown:  # the training has begun
        shown += os.read(ours, 4096)
    os.close(ours)
    process.send_signal(signal.SIGHUP)  # what closing its window sends
    assert process.wait(timeout=120) == 0
    assert_trained(tmp_path)


@pytest.mark.slow
def test_a_training_outlives_the_reader_of_its_pipe(digits_folder: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(training(tmp_path, digits_folder), stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    assert process.stderr is not None
    process.stderr.readline()
    process.stderr.close()
    assert process.wait(timeout=120) == 0
    assert_trained(tmp_path)


@pytest.mark.parametrize(
    ("target", "code", "says"),
    [("/dev/full", 1, "resnet: standard output cannot be written (No space left on device)\n"), ("left", 0, "")],
)
def test_results_that_cannot_be_printed_are_a_mistake_and_a_reader_who_leaves_is_not(
    target: str, code: int, says: str
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing if target == "left" else target, "wb") as stdout:
        done = subprocess.run(VERSION, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (code, says)


def test_a_terminal_that_someone_made_non_blocking() -> None:
    code = "from resnet.cli.output import Output; Output(); print('x' * 10**6)"
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    process = subprocess.Popen([sys.executable, "-c", code], stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        assert file.read(1) == b"x"
        time.sleep(0.5)  # the pipe is full long since
        assert len(file.read()) == 10**6
    assert process.wait(timeout=60) == 0


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_simple_terminals(encoding: str) -> None:
    """A name of bytes that are no text, as Linux allows, stands for what UTF-8 cannot show."""
    code = "from resnet.cli.output import Output; Output(); print('8.3 \\u00b1 0.1', '\\udcff')"
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == {"ascii": "8.3 \\xb1 0.1 \\udcff\n", "utf-8": "8.3 ± 0.1 \\udcff\n"}[encoding]


def test_ctrl_c_within_an_import_ends_the_command_after_it(tmp_path: Path) -> None:
    # As in PyTorch's and Triton's imports, what is raised inside is caught; other times it aborts the process.
    module = "import os, signal\ntry:\n    os.kill(os.getpid(), signal.SIGINT)\n    [x for x in range(1000)]\n"
    (tmp_path / "native.py").write_text(f"{module}except BaseException:\n    pass\nprint('imported', flush=True)\n")
    waits = "import sys, time, resnet.cli\nsys.path.insert(0, sys.argv[1])\ndef app(*_, **__):\n    import native\n"
    program = f"{waits}    time.sleep(60)\nresnet.cli.app = app\nresnet.cli.main()"
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path],
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background job ignores it
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "imported\n", "resnet: interrupted\n")
