"""Device and precision of a command: what is there, and a device that computes wrongly, fails, or is not there."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor

from resnet.errors import UserError
from resnet.files import say_once
from resnet.nets.model import ZeroPaddedIdentity
from resnet.params import TrainParams
from resnet.system import Machine
from resnet.training import devices
from resnet.training.devices import choose_machine, device_fault, one_step
from tests.conftest import CPU

MPS = torch.device("mps")
Step = Callable[[torch.device], dict[str, Tensor]]


def on_a_cpu(device: torch.device) -> dict[str, Tensor]:
    """A device that rounds to fp32 and is right."""
    return {name: tensor.float().double() for name, tensor in one_step(CPU.device).items()}


def with_pooling_as_on_apples(device: torch.device) -> dict[str, Tensor]:
    """As PyTorch #175190: the backward pass of average pooling mixes up channels-last pixels."""

    def pooled(self: ZeroPaddedIdentity, x: Tensor) -> Tensor:
        right = original(self, x)
        if right.requires_grad:
            right.register_hook(lambda gradient: gradient.flip(1))
        return right

    original = ZeroPaddedIdentity.forward
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ZeroPaddedIdentity, "forward", pooled)
        return one_step(CPU.device)


def with_nothing_learned(device: torch.device) -> dict[str, Tensor]:
    return {name: torch.full_like(tensor, torch.nan) for name, tensor in one_step(CPU.device).items()}


def without_kernels(device: torch.device) -> dict[str, Tensor]:
    raise RuntimeError("CUDA error: no kernel image is available for execution on the device\nCompile with `TORCH_USE`")


@pytest.fixture
def apple(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Step], None]]:
    """Let PyTorch see an accelerator whose training step is the given one."""

    def see(step: Step) -> None:
        monkeypatch.setattr(devices, "one_step", lambda device: (step if device == MPS else one_step)(device))

    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda check_available: MPS)
    device_fault.cache_clear()
    say_once.cache_clear()
    yield see
    device_fault.cache_clear()


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
    with pytest.raises(ValueError, match=r"should match pattern.*cuda"):
        TrainParams(device="gpu:1")
    # An evaluation does not ask for the training's precision.
    assert choose_machine(TrainParams(device="cpu", precision="tf32"), "fp32") == CPU


def test_a_device_that_computes_as_a_cpu_is_taken(apple: Callable[[Step], None]) -> None:
    seen: list[torch.device] = []
    apple(lambda device: seen.append(device) or on_a_cpu(device))
    for wanted in ("auto", "mps"):
        assert choose_machine(TrainParams(device=wanted)) == Machine(MPS, "fp32")
    assert seen == [MPS]  # once in a process
    assert choose_machine(TrainParams(device="cpu")).device.type == "cpu"
    with pytest.raises(UserError, match="cuda, but PyTorch sees no such GPU here: use auto or mps"):
        choose_machine(TrainParams(device="cuda"))
    with pytest.raises(UserError, match="only NVIDIA's GPUs have"):
        choose_machine(TrainParams(precision="tf32"))


@pytest.mark.parametrize(
    ("step", "fault"),
    [
        (with_pooling_as_on_apples, r"mps computes wrongly: .* the gradient of layer2.0\.bn2\.bias differs .* by \d+%"),
        (with_nothing_learned, "mps computes wrongly: in a training step the loss differs from a CPU's by nan%"),
        (without_kernels, r"mps cannot do a training step \(.*no kernel image is available[^\n]*\)"),
        (one_step, r"mps cannot do a training step \(.+\)"),  # really: there is none here
    ],
)
def test_a_device_that_is_wrong_or_fails_is_not_believed(
    step: Step, fault: str, apple: Callable[[Step], None], capsys: pytest.CaptureFixture[str]
) -> None:
    if step is one_step and torch.backends.mps.is_available():
        pytest.skip("there is one")
    apple(step)
    for _ in range(2):
        assert choose_machine(TrainParams(precision="fp32")) == CPU
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(": the CPU is used instead")
    with pytest.raises(UserError, match=f"^train.device is mps, but {fault}: use cpu$"):
        choose_machine(TrainParams(device="mps"))


@pytest.mark.gpu
def test_this_gpu_computes_what_a_cpu_computes() -> None:
    assert device_fault(torch.device("cuda")) is None
