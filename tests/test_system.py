"""The machine that a command chooses once: device, precision, and what stands with every result."""

from __future__ import annotations

import pytest
import torch

from resnet.errors import UserError
from resnet.params import TrainParams
from resnet.system import Machine, choose_machine
from tests.conftest import CPU


def test_a_machine_has_a_precision_that_it_computes_in() -> None:
    machine = choose_machine(TrainParams())
    assert machine.device.type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert machine.precision in ("fp32", "bf16")
    assert choose_machine(TrainParams(device="cpu", precision="bf16")) == CPU.at("bf16")
    assert choose_machine(TrainParams(device="cpu", precision="bf16"), "fp32") == CPU


def test_what_is_not_there_is_refused() -> None:
    with pytest.raises(UserError, match="only NVIDIA's GPUs have"):
        choose_machine(TrainParams(device="cpu", precision="tf32"))
    with pytest.raises(UserError, match=r"train\.device is cuda:4444, but PyTorch sees"):
        choose_machine(TrainParams(device="cuda:4444"))
    with pytest.raises(ValueError, match="must be auto, cpu, mps, cuda, or a GPU by its number"):
        TrainParams(device="gpu:1")
    # An evaluation does not ask for the training's precision.
    assert choose_machine(TrainParams(device="cpu", precision="tf32"), "fp32") == CPU


@pytest.mark.parametrize(("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_a_product_has_the_precisions_type(precision: str, dtype: torch.dtype, device: torch.device) -> None:
    a = torch.ones(4, 4, device=device)
    with Machine(device, precision).arithmetic():
        assert (a @ a).dtype == dtype


@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16"])
def test_a_gpus_switches_are_the_precisions_and_then_as_before(precision: str) -> None:
    def now() -> list[bool]:
        matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
        return [matmul.allow_tf32, cudnn.allow_tf32, cudnn.deterministic, cudnn.benchmark]

    before, tf32 = now(), precision == "tf32"
    with pytest.raises(RuntimeError), Machine(torch.device("cuda"), precision).switches():
        assert now() == [tf32, tf32, True, False]
        raise RuntimeError
    assert now() == before


def test_apples_gpu_is_taken_if_pytorch_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    mps = torch.device("mps")
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda check_available: mps)
    assert choose_machine(TrainParams()) == Machine(mps, "fp32")
    assert choose_machine(TrainParams(device="cpu")).device.type == "cpu"
    with pytest.raises(UserError, match="cuda, but PyTorch sees no such GPU here: use auto or mps"):
        choose_machine(TrainParams(device="cuda"))
    with pytest.raises(UserError, match="only NVIDIA's GPUs have"):
        choose_machine(TrainParams(precision="tf32"))


@pytest.mark.parametrize("compiled", [False, True])
def test_the_description_says_whether_compiled_operations_ran_on_a_cpu(compiled: bool) -> None:
    system = CPU.describe(lambda: compiled)
    assert (system.device, system.fused) == ("cpu", compiled)
    assert bool(system.compiler) <= compiled
    assert system.device_name == system.processor
    assert system.versions.keys() == {"torch", "torchvision", "numpy"}
    assert 0 < CPU.free_memory_bytes() <= CPU.memory_bytes() == system.memory_bytes
    assert CPU.peak_memory_bytes() > 50e6


def test_before_its_first_use_a_gpu_has_no_peak_to_forget() -> None:
    """PyTorch raises where its allocator is asked too early; without a GPU it is always too early."""
    machine = Machine(torch.device("cuda"), "fp32")
    machine.forget_peak_memory()
    if not torch.cuda.is_initialized():
        assert machine.held_memory_bytes() == machine.peak_memory_bytes() == 0


@pytest.mark.gpu
def test_a_gpus_description_does_not_ask_for_the_cpus_operations() -> None:
    machine = Machine(torch.device("cuda"), "fp32")

    def compiled() -> bool:
        raise AssertionError("a GPU does not run them")

    system = machine.describe(compiled)
    assert (system.device, system.fused) == ("cuda", None)
    assert system.device_memory_bytes == machine.memory_bytes()
    assert {"cuda", "cudnn"} < system.versions.keys()
