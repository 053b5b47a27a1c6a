"""The kernels for GPUs, to be imported by tests: compiled where there is a GPU, else in Triton's interpreter."""

from __future__ import annotations

import pytest
import torch

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")

INTERPRET = {"TRITON_INTERPRET": "1"} if DEVICE.type == "cpu" else {}

# Triton decides at import whether it compiles or interprets; without a GPU nothing else here imports it.
with pytest.MonkeyPatch.context() as patch:
    for name, value in INTERPRET.items():
        patch.setenv(name, value)
    pytest.importorskip("triton")
    from resnet.nets import fused_gpu


__all__ = ["DEVICE", "INTERPRET", "fused_gpu", "interpreted"]


@pytest.fixture
def interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the interpreter while a test runs: it imports more when it first computes."""
    for name, value in INTERPRET.items():
        monkeypatch.setenv(name, value)
