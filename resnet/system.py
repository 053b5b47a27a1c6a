"""The machine and the software, stored with every result; the device and the arithmetic chosen for it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import resource
import subprocess
import sys
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path

import psutil
import torch

from resnet.errors import UserError
from resnet.nets.fused import available
from resnet.records import System

PACKAGES = ("torch", "torchvision", "numpy")


def choose_device(wanted: str) -> torch.device:
    """Give the device for `auto`, `cpu` or `cuda`. A machine without a GPU is a supported machine.

    Raises:
        UserError: a GPU was asked for and there is none.
    """
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    if wanted == "cuda" and not torch.cuda.is_available():
        raise UserError("train.device is cuda, but PyTorch sees no GPU here: use auto or cpu")
    return torch.device(wanted)


def choose_precision(wanted: str, device: torch.device) -> str:
    """Give the arithmetic of training: `auto` is bf16 where the device computes it natively, else fp32.

    Weights, gradients' accumulation over iterations and the optimiser stay in fp32 in all of them.

    Raises:
        UserError: TF32 was asked for on a CPU.
    """
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


def arithmetic(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """The context in which a net runs in `precision`; on a GPU it also allows or forbids TF32."""
    if device.type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
        torch.backends.cudnn.allow_tf32 = precision == "tf32"
        # The same kernels in every run: a resumed run ends with the same bits.
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.benchmark = False
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


def peak_memory_bytes(device: torch.device) -> int:
    """On a GPU, the most memory the framework held; on a CPU, the process's peak resident size."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_reserved(device))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def synchronise(device: torch.device) -> None:
    """Wait until the device has done what it was given, before a host clock is read."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


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


def describe_system(device: torch.device) -> System:
    """Describe this machine, the software, and the commit of the code that runs."""
    versions = {name: _version(name) for name in PACKAGES}
    gpu = torch.cuda.get_device_properties(device) if device.type == "cuda" else None
    if gpu is not None:
        versions["cuda"] = str(torch.version.cuda)
        versions["cudnn"] = str(torch.backends.cudnn.version())  # type: ignore[no-untyped-call]
    head = _git("rev-parse", "HEAD")
    return System(
        device=device.type,
        device_name=gpu.name if gpu else _processor(),
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        threads=torch.get_num_threads(),
        memory_bytes=psutil.virtual_memory().total,
        device_memory_bytes=gpu.total_memory if gpu else None,
        platform=platform.platform(terse=True),
        python=platform.python_version(),
        versions=versions,
        fused=available() if gpu is None else None,
        commit=head or os.environ.get("RESNET_COMMIT"),  # a copy without `.git` does not know
        modified=bool(_git("status", "--porcelain", "--untracked-files=no", "--", ".")) if head else None,
    )
