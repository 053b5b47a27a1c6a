"""The device and the precision of a command. A device is believed after one training step that a CPU does too."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from resnet.errors import UserError, one_line
from resnet.files import say_once
from resnet.params import Params, TrainParams
from resnet.system import Machine
from resnet.training.recipe import optimiser
from resnet.training.trainer import build_net, training_step

TOLERANCE = 0.01
"""Of the norm of a gradient. Rounding in fp32 is a ten-thousandth of it; a wrong backward pass is beyond a tenth."""

CPU = torch.device("cpu")


def choose_machine(train: TrainParams, precision: str | None = None) -> Machine:
    """Choose the device and the precision of a command.

    Args:
        train: its `device` is `auto` (a GPU if there is one that computes what a CPU computes), `cpu`, or a GPU by
            PyTorch's name (`cuda`; `cuda:1` for one of several). Its `precision` is `auto` (bf16 if the device
            computes it natively, else fp32) or one of `Machine`'s.
        precision: holds instead of the section's; evaluation is fp32 whatever training was.

    Raises:
        UserError: a GPU was asked for that is not there or computes something else, or TF32 was asked for on a CPU.
    """
    device = _device(train.device)
    if device.type != "cpu" and (fault := device_fault(device)) is not None:
        if train.device != "auto":
            raise UserError(f"train.device is {train.device}, but {fault}: use cpu")
        say_once(f"{fault}: the CPU is used instead")
        device = CPU
    return Machine(device, _precision(precision or train.precision, device))


@cache
def device_fault(device: torch.device) -> str | None:
    """What is wrong with an accelerator, in words; None if its step is a CPU's. Found out once in a process."""
    try:
        theirs = one_step(device)
    except Exception as error:  # drivers and wheels fail in any way
        reason = [*str(error).splitlines(), type(error).__name__][0]
        return f"{device} cannot do a training step ({one_line(reason, 160)})"
    errors = {name: float((theirs[name] - ours).norm() / ours.norm()) for name, ours in one_step(CPU).items()}
    wrong = [name for name, error in errors.items() if not error <= TOLERANCE]  # NaN is wrong too
    if not wrong:
        return None
    # The backward pass goes from the last layer to the first: the fault is near the last that differs.
    first = "loss" if "loss" in wrong else wrong[-1]
    what = "the loss" if first == "loss" else f"the gradient of {first}"
    return f"{device} computes wrongly: in a training step {what} differs from a CPU's by {errors[first]:.0%}"


def one_step(device: torch.device) -> dict[str, Tensor]:
    """Loss and gradients of a training step of ResNet-8 with option A, as float64 on the CPU.

    An accelerator computes it in fp32. A CPU computes it in float64, by PyTorch's operations alone.
    """
    settings, dtype = Params().settings_for("resnet", 8), torch.float64 if device.type == "cpu" else torch.float32
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(16, 3, 32, 32, generator=generator).contiguous(memory_format=torch.channels_last)
    labels = torch.randint(0, 10, (16,), generator=generator)
    net = build_net(settings, 10, 0, device).train().to(dtype)
    sgd = optimiser(net, settings.train)
    loss, _ = training_step(net, sgd, x.to(device, dtype), labels.to(device), Machine(device, "fp32"))
    gradients = {name: p.grad for name, p in net.named_parameters() if p.grad is not None}
    return {name: tensor.detach().cpu().double() for name, tensor in {"loss": loss, **gradients}.items()}


def _device(wanted: str) -> torch.device:
    gpu = torch.accelerator.current_accelerator(check_available=True)
    best = "cpu" if gpu is None else gpu.type
    device = torch.device(best if wanted == "auto" else wanted)
    if device.type not in (best, "cpu"):
        raise UserError(f"train.device is {wanted}, but PyTorch sees no such GPU here: use auto or {best}")
    if device.index is not None:
        gpus = torch.accelerator.device_count()
        if device.index >= gpus:
            raise UserError(f"train.device is {wanted}, but PyTorch sees {gpus} here, counted from cuda:0")
        torch.accelerator.set_device_index(device.index)  # streams and graphs are the current device's
    return device


def _precision(wanted: str, device: torch.device) -> str:
    if wanted == "auto":
        return "bf16" if _computes_bf16(device) else "fp32"
    if wanted == "tf32" and device.type != "cuda":
        raise UserError("train.precision is tf32, which only NVIDIA's GPUs have: use auto, fp32 or bf16")
    return wanted


def _computes_bf16(device: torch.device) -> bool:
    """Whether a device that is there has instructions for bfloat16."""
    if device.type == "cpu":
        instructions = torch.cpu.get_capabilities()
        return bool(instructions.get("avx512_bf16") or instructions.get("amx_bf16"))
    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
