"""This machine: device and precision, chosen once for a command and handed down, and what stands with every result."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import resource
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import psutil
import torch

from resnet.errors import UserError
from resnet.params import TrainParams
from resnet.records import System
from resnet.threads import cores

PACKAGES = ("torch", "torchvision", "numpy")


@dataclass(frozen=True)
class Machine:
    """The device that a command computes on, and the precision that it computes in.

    A command chooses both once, by `choose_machine`, and hands them down.
    """

    device: torch.device
    precision: str
    """`fp32`, `tf32` or `bf16`, never `auto`. Weights, momentum and sums over iterations are fp32 in all of them."""

    def at(self, precision: str) -> Machine:
        """The same device in another precision."""
        return replace(self, precision=precision)

    def arithmetic(self) -> AbstractContextManager[object]:
        """The context in which a net runs in this precision; on a GPU it also allows or forbids TF32."""
        if self.device.type == "cuda":
            torch.backends.cuda.matmul.allow_tf32 = self.precision == "tf32"
            torch.backends.cudnn.allow_tf32 = self.precision == "tf32"
            # The same kernels in every run: a resumed run ends with the same bits.
            torch.backends.cudnn.deterministic = True
            torch.backends.cudnn.benchmark = False
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16")

    def synchronise(self) -> None:
        """Wait until the device has done what it was given, before a host clock is read."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def memory_bytes(self) -> int:
        """All memory of the GPU, or of the machine."""
        if self.device.type == "cuda":
            return int(torch.cuda.get_device_properties(self.device).total_memory)
        return int(psutil.virtual_memory().total)

    def free_memory_bytes(self) -> int:
        """Memory that nobody uses now."""
        if self.device.type == "cuda":
            return int(torch.cuda.mem_get_info(self.device)[0])
        return int(psutil.virtual_memory().available)

    def forget_peak_memory(self) -> None:
        """Count the peak from now on. A CPU's cannot be forgotten: it is the process's."""
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)

    def peak_memory_bytes(self) -> int:
        """On a GPU, the most memory the framework held; on a CPU, the process's peak resident size."""
        if self.device.type == "cuda":
            return int(torch.cuda.max_memory_reserved(self.device))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024

    def describe(self, compiled: Callable[[], bool]) -> System:
        """Describe this machine, the software, and the commit of the code that runs.

        Args:
            compiled: whether the compiled operations run; asked on a CPU alone.
        """
        versions = {name: _version(name) for name in PACKAGES}
        gpu = torch.cuda.get_device_properties(self.device) if self.device.type == "cuda" else None
        if gpu is not None:
            versions["cuda"] = str(torch.version.cuda)
            versions["cudnn"] = str(torch.backends.cudnn.version())  # type: ignore[no-untyped-call]
        head = _git("rev-parse", "HEAD")
        return System(
            device=self.device.type,
            device_name=gpu.name if gpu else _processor(),
            processor=_processor(),
            cores=cores(),
            threads=torch.get_num_threads(),
            memory_bytes=psutil.virtual_memory().total,
            device_memory_bytes=gpu.total_memory if gpu else None,
            platform=platform.platform(terse=True),
            python=platform.python_version(),
            versions=versions,
            fused=compiled() if gpu is None else None,
            commit=head or os.environ.get("RESNET_COMMIT"),  # a copy without `.git` does not know
            modified=bool(_git("status", "--porcelain", "--untracked-files=no", "--", ".")) if head else None,
        )


def choose_machine(train: TrainParams, precision: str | None = None) -> Machine:
    """Choose the device and the precision of a command.

    Args:
        train: its `device` is `auto` (a GPU where there is one), `cpu`, `cuda`, or `cuda:1` and the like. Its
            `precision` is `auto` (bf16 where the device computes it natively, else fp32) or one of `Machine`'s.
        precision: holds instead of the section's; evaluation is fp32 whatever training was.

    Raises:
        UserError: a GPU was asked for that is not there, or TF32 was asked for on a CPU.
    """
    device = _device(train.device)
    return Machine(device, _precision(precision or train.precision, device))


def _device(wanted: str) -> torch.device:
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(wanted)
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise UserError(f"train.device is {wanted}, but PyTorch sees no GPU here: use auto or cpu")
        if device.index is not None:
            gpus = torch.cuda.device_count()
            if device.index >= gpus:
                raise UserError(f"train.device is {wanted}, but PyTorch sees {gpus} here, counted from cuda:0")
            torch.cuda.set_device(device)  # kernels of our own are started on the current device
    return device


def _precision(wanted: str, device: torch.device) -> str:
    if wanted == "auto":
        if device.type == "cuda":
            native = torch.cuda.is_bf16_supported(including_emulation=False)
        else:
            abilities = torch.cpu.get_capabilities()
            native = bool(abilities.get("avx512_bf16") or abilities.get("amx_bf16"))
        return "bf16" if native else "fp32"
    if wanted == "tf32" and device.type != "cuda":
        raise UserError("train.precision is tf32, which only GPUs have: use auto, fp32 or bf16")
    return wanted


def _version(package: str) -> str:
    return str(importlib.metadata.version(package))


@cache
def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _git(*arguments: str) -> str | None:
    try:
        folder = Path(__file__).parent
        done = subprocess.run(["git", "-C", folder, *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
