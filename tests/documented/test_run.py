"""Commands of README and docs that no other test runs, as a user types them in a clean clone of this commit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.documented.pages import ROOT, commands
from tests.pipeline.project import clone, environment, run

pytestmark = pytest.mark.slow

WEIGHTS = "runs/train/resnet-20/seed-1/model.safetensors"  # in Git, so that every clone has them
STEM = "-k 'stem and b1-' bench"
EVALUATED = "resnet evaluate --depth 20 --weights FILE --data SOURCE"
FROM = "pytest --benchmark-only --benchmark-json=latency.json && resnet latency --from latency.json"
STORED, COMPARED = "pytest --benchmark-only --benchmark-autosave", "pytest --benchmark-only --benchmark-compare"
GRADIENT = "python bench/bf16_gradient.py ~/cifar10.zip"
CURVE = "dvc plots show runs/train/resnet-20/seed-0/history.csv -x iteration -y test_error"
RUN = {
    "resnet status": ("resnet status", "resnet-1202"),
    "resnet check": ("resnet check", "all is well"),
    "resnet adopt tenth/dvc.yaml": ("resnet adopt tenth/dvc.yaml", "train@resnet-20: "),
    EVALUATED: (EVALUATED.replace("FILE", WEIGHTS).replace("SOURCE", "digits"), "test error"),
    "python bench/cpu_kernels.py --rounds 5": ("python bench/cpu_kernels.py --depth 8 --rounds 1", "an iteration |"),
    GRADIENT: (GRADIENT.replace("~/cifar10.zip", "digits 8"), "plain-8: "),
    CURVE: (CURVE, "dvc_plots/index.html"),
    ".venv/bin/pre-commit install": (".venv/bin/pre-commit install", "pre-commit installed at"),
    COMPARED: (f"{STORED} {STEM} > /dev/null && {COMPARED} {STEM}", "Comparing against benchmarks from"),
    FROM: (FROM.replace("latency.json &&", f"latency.json {STEM} &&"), "runs/latency/"),
}
"""What is documented; how it is typed here, where less work does; and what is then said."""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone, and an environment in it."""
    copy = clone(ROOT, tmp_path_factory.mktemp("documented") / "clone")
    (copy / ".venv").mkdir()
    (copy / ".venv/bin").symlink_to(Path(sys.executable).parent)
    return copy


@pytest.mark.parametrize("command", RUN)
def test_as_typed(command: str, copy: Path) -> None:
    assert command in {documented for _, documented in commands()}
    typed, says = RUN[command]
    done = subprocess.run(
        ["bash", "-ec", typed], cwd=copy, env=environment(copy), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert says in done.stdout + done.stderr
    assert run(copy, "git", "status", "--porcelain", "docs", "dvc.lock", "tenth/dvc.lock").stdout == ""
