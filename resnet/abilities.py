"""What a device can do. Code that computes asks for an ability; the names of devices stand here and in `system.py`.

A ROCm build of PyTorch calls its device `cuda` and has what that name has, but for what is NVIDIA's own. Apple's
`mps` and the abilities of ROCm are as PyTorch documents them: neither was at hand (`docs/gpu.md`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch


@dataclass(frozen=True)
class Abilities:
    gpu: bool = True
    """It is not the processor that runs Python: work is handed over, and is to be waited for."""
    streams: bool = False
    """Queues of work that it does side by side; copies from pinned memory are not waited for."""
    graphs: bool = False
    """It replays a recorded sequence of kernels."""
    clock: bool = False
    """Its own clock, read by events between kernels."""
    peak_memory: bool = False
    """Its allocator remembers the most that it held."""
    many_tensors: bool = False
    """One kernel works on many tensors, so that casting all weights at once pays."""
    switches: bool = False
    """PyTorch's switches of determinism and TF32 hold: its convolutions are cuDNN's, or MIOpen's under ROCm."""
    tf32: bool = False
    float64: bool = True
    triton: bool = False
    """Triton makes kernels for it."""


@cache
def abilities(device: torch.device) -> Abilities:
    """What a device can do by its kind. It need not be there, and is not asked.

    Energy depends on more than the kind: `measuring/energy.py` asks the board. Nothing needs a deterministic
    scatter: no operation of an iteration adds to one place from several threads.
    """
    if device.type == "cpu":
        return Abilities(gpu=False)
    if device.type == "mps":
        return Abilities(float64=False)
    return Abilities(
        streams=True,
        graphs=True,
        clock=True,
        peak_memory=True,
        many_tensors=True,
        switches=True,
        tf32=torch.version.hip is None,
        triton=True,
    )


def computes_bf16(device: torch.device) -> bool:
    """Whether a device that is there has instructions for bfloat16."""
    if device.type == "cpu":
        instructions = torch.cpu.get_capabilities()
        return bool(instructions.get("avx512_bf16") or instructions.get("amx_bf16"))
    # On Apple's it depends on the system's version, and whether it is faster has not been tried.
    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def present_devices() -> tuple[str, ...]:
    """Devices that PyTorch can compute on here, the one to prefer first."""
    gpus = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    return (*(name for name, there in gpus.items() if there), "cpu")
