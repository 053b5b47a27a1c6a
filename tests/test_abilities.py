"""Abilities in place of names: what follows for devices that are not here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from resnet.abilities import Abilities, abilities, present_devices
from resnet.errors import UserError
from resnet.params import TrainParams
from resnet.system import Machine, choose_machine

PACKAGE = Path(__file__).parent.parent / "resnet"
CUDA, MPS = torch.device("cuda"), torch.device("mps")


@pytest.fixture
def apples(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose PyTorch knows Apple's GPU and no other."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)


@pytest.fixture
def rocm(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A build of PyTorch for AMD's GPUs."""
    monkeypatch.setattr(torch.version, "hip", "7.0")
    abilities.cache_clear()
    yield
    abilities.cache_clear()


def test_a_cpu_has_none_of_a_gpus_abilities() -> None:
    assert abilities(torch.device("cpu")) == Abilities(gpu=False)
    assert present_devices()[-1] == "cpu"


@pytest.mark.usefixtures("apples")
def test_auto_takes_apples_gpu_where_there_is_no_other() -> None:
    assert choose_machine(TrainParams()) == Machine(MPS, "fp32")
    assert choose_machine(TrainParams(device="mps", precision="bf16")).precision == "bf16"
    assert choose_machine(TrainParams(device="cpu")).device.type == "cpu"
    with pytest.raises(UserError, match="cuda, but PyTorch sees no such GPU here: use auto or mps"):
        choose_machine(TrainParams(device="cuda"))
    with pytest.raises(UserError, match="only NVIDIA's GPUs have"):
        choose_machine(TrainParams(precision="tf32"))


def test_auto_prefers_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    for backend in (torch.cuda, torch.backends.mps):
        monkeypatch.setattr(backend, "is_available", lambda: True)
    assert present_devices() == ("cuda", "mps", "cpu")


def test_apples_gpu_is_waited_for_and_has_neither_streams_nor_float64() -> None:
    assert abilities(MPS) == Abilities(gpu=True, float64=False)


@pytest.mark.usefixtures("rocm")
def test_amds_gpus_have_all_but_nvidias_own() -> None:
    assert abilities(CUDA) == Abilities(
        streams=True, graphs=True, clock=True, peak_memory=True, many_tensors=True, switches=True, triton=True
    )


def test_code_that_computes_asks_for_abilities_and_not_for_names() -> None:
    """Names stand where devices are chosen and known; what a result file says of its machine is another matter."""
    named = re.compile(r"device\.type\s*[!=]=|\.is_cuda\b|\.is_mps\b|get_device_capability")
    files = {path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py") if named.search(path.read_text())}
    assert files == {"abilities.py", "system.py"}
