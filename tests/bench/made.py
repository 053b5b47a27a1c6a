"""What the tests of the script for a borrowed GPU share: a plan of seconds, its modules, results taken in."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent

PARAMS = """
data: {source: digits, validation: 200}
train:
  seeds: 2
  iterations: 60
  batch_size: 16
  precision: fp32
  device: cpu
  log_every: 10
  evaluate_every: 30
  checkpoint_every: 10
responses: {images: 50}
models:
  resnet-8: {net: resnet, depth: 8}
  plain-8: {net: plain, depth: 8}
"""


def module(name: str) -> Any:
    return importlib.import_module(name)


def take_in(archive: Path, root: Path, suffix: str = "", params: str = PARAMS) -> int:
    root.mkdir(exist_ok=True)
    (root / "params.yaml").write_text(params)
    code: int = module("take_in").take_in(archive, root, root / "params.yaml", suffix)
    return code
