"""A device and a precision, and what stands with every result."""

from __future__ import annotations

import pytest
import torch

from resnet import system
from resnet.system import Machine
from tests.conftest import CPU


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


@pytest.mark.parametrize("compiled", [False, True])
def test_the_description_says_whether_compiled_operations_ran_on_a_cpu(compiled: bool) -> None:
    found = CPU.describe(lambda: compiled)
    assert (found.device, found.fused) == ("cpu", compiled)
    assert bool(found.compiler) <= compiled
    assert found.device_name == found.processor
    assert found.versions.keys() == {"torch", "torchvision", "numpy"}
    assert 0 < CPU.free_memory_bytes() <= CPU.memory_bytes() == found.memory_bytes
    assert CPU.peak_memory_bytes() > 50e6


def test_before_its_first_use_a_gpu_has_no_peak_to_forget() -> None:
    """PyTorch raises where its allocator is asked too early; without a GPU it is always too early."""
    machine = Machine(torch.device("cuda"), "fp32")
    machine.forget_peak_memory()
    if not torch.cuda.is_initialized():
        assert machine.held_memory_bytes() == machine.peak_memory_bytes() == 0


def test_a_clone_of_another_owner_has_its_commit_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    system._checkout.cache_clear()
    system._output.cache_clear()
    assert system._checkout()[0] is not None


@pytest.mark.gpu
def test_a_gpus_description_does_not_ask_for_the_cpus_operations() -> None:
    machine = Machine(torch.device("cuda"), "fp32")

    def compiled() -> bool:
        raise AssertionError("a GPU does not run them")

    found = machine.describe(compiled)
    assert (found.device, found.fused) == ("cuda", None)
    assert found.device_memory_bytes == machine.memory_bytes()
    assert {"cuda", "cudnn"} < found.versions.keys()
