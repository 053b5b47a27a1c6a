"""bench/usual_loop.py as a user types it, with tiny sizes."""

from __future__ import annotations

import importlib
import json
import statistics
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from resnet.measuring.throughput import noise
from resnet.results import UsualLoopRecord

SCRIPT = Path(__file__).parent.parent.parent / "bench" / "usual_loop.py"
TINY = ("--depth", "8", "--rounds", "2", "--steps", "1", "--batch-size", "4", "--images", "8", "--device", "cpu")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_both_loops_and_their_ratio(tmp_path: Path) -> None:
    done = run(*TINY, "--precision", "fp32", "--format", "json", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    record = UsualLoopRecord.read(tmp_path / "cpu-resnet-8.json")
    assert printed["ratio"]["rounds"] == record.ratios
    assert len(record.ratios) == 2
    assert printed["ratio"]["min"] <= printed["ratio"]["median"] <= printed["ratio"]["max"]
    assert printed["images_per_second"]["ours"] == statistics.median(record.images_per_second)
    assert printed["images_per_second"]["usual"] == statistics.median(record.usual_images_per_second)
    assert (record.batch_size, record.steps) == (4, 1)
    assert (record.usual_precision, record.precision) == ("fp32", "fp32")


def test_the_usual_loop_runs_with_pytorchs_switches_and_puts_ours_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    usual = importlib.import_module("usual_loop")

    def switches() -> list[bool]:
        return [getattr(*place) for place in usual.DEFAULTS] + [torch.are_deterministic_algorithms_enabled()]

    seen, real = [], usual.F.cross_entropy
    monkeypatch.setattr(usual.F, "cross_entropy", lambda *tensors: seen.append(switches()) or real(*tensors))
    step = usual.usual_loop("resnet", 8, noise(4), 4, torch.device("cpu"))
    before = switches()
    try:
        for k, (switch, name) in enumerate(usual.DEFAULTS):
            setattr(switch, name, k != 1)  # the opposite of PyTorch's
        torch.use_deterministic_algorithms(True)
        ours = switches()
        step()
        assert switches() == ours
    finally:
        for (switch, name), value in zip(usual.DEFAULTS, before, strict=False):
            setattr(switch, name, value)
        torch.use_deterministic_algorithms(before[-1])
    assert seen == [[*usual.DEFAULTS.values(), False]]
    assert seen != [ours]


def test_pytorch_has_the_switches_that_the_usual_loop_takes_for_its_own() -> None:
    code = (
        "import torch, usual_loop; assert {p: getattr(*p) for p in usual_loop.DEFAULTS} == usual_loop.DEFAULTS;"
        "assert not torch.are_deterministic_algorithms_enabled()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=SCRIPT.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_mistake_is_named() -> None:
    done = run("--depth", "21")
    assert done.returncode == 2
    assert "the nearest are 20 and 26" in done.stderr
