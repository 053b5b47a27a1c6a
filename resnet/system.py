"""This machine: device and precision, chosen once for a command and handed down, and what stands with every result."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

import psutil
import torch

from resnet.abilities import Abilities, abilities, computes_bf16, present_devices
from resnet.errors import UserError
from resnet.params import TrainParams
from resnet.results import System
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

    @property
    def abilities(self) -> Abilities:
        return abilities(self.device)

    def at(self, precision: str) -> Machine:
        """The same device in another precision."""
        return replace(self, precision=precision)

    def arithmetic(self) -> AbstractContextManager[object]:
        """The context in which a net runs in this precision; on a GPU it also allows or forbids TF32."""
        if self.abilities.switches:
            torch.backends.cuda.matmul.allow_tf32 = self.precision == "tf32"
            torch.backends.cudnn.allow_tf32 = self.precision == "tf32"
            # The same kernels in every run: a resumed run ends with the same bits.
            torch.backends.cudnn.deterministic = True
            torch.backends.cudnn.benchmark = False
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16")

    def synchronise(self) -> None:
        """Wait until the device has done what it was given, before a host clock is read."""
        if self.device.type == "mps":
            torch.mps.synchronize()
        elif self.abilities.gpu:
            torch.cuda.synchronize(self.device)

    def memory_bytes(self) -> int:
        """All memory of the GPU, or of the machine."""
        if self.device.type == "mps":  # a part of the machine's own
            return int(torch.mps.recommended_max_memory())
        if self.abilities.gpu:
            return int(torch.cuda.get_device_properties(self.device).total_memory)
        return int(psutil.virtual_memory().total)

    def free_memory_bytes(self) -> int:
        """Memory that nobody uses now."""
        if self.device.type == "mps":
            return self.memory_bytes() - int(torch.mps.driver_allocated_memory())
        if self.abilities.gpu:
            return int(torch.cuda.mem_get_info(self.device)[0])
        return int(psutil.virtual_memory().available)

    def forget_peak_memory(self) -> None:
        """Count the peak from now on. A CPU's cannot be forgotten: it is the process's."""
        self.release_memory()
        # Before the first use there is none.
        if self.abilities.peak_memory and torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
            torch.cuda.reset_peak_memory_stats(self.device)

    def release_memory(self) -> None:
        """Give a GPU's memory back that the framework keeps and nothing uses: it would count in the next peak."""
        if self.device.type == "mps":
            torch.mps.empty_cache()
        elif self.abilities.gpu:
            torch.cuda.empty_cache()

    def held_memory_bytes(self) -> int:
        """What the framework holds on a GPU now; 0 on a CPU, where all that a process holds counts in its peak."""
        if self.device.type == "mps":
            return int(torch.mps.driver_allocated_memory())
        return int(torch.cuda.memory_reserved(self.device)) if self.abilities.gpu else 0

    def peak_memory_bytes(self) -> int:
        """On a GPU, the most memory the framework held; on a CPU, the process's peak resident size."""
        if self.abilities.peak_memory:
            return int(torch.cuda.max_memory_reserved(self.device))
        if self.abilities.gpu:  # what it was given it keeps, until it gives it back
            return int(torch.mps.driver_allocated_memory())
        if resource is None:
            memory = psutil.Process().memory_info()
            return int(getattr(memory, "peak_wset", memory.rss))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024

    def describe(self, compiled: Callable[[], bool]) -> System:
        """Describe this machine, the software, and the commit of the code that runs.

        Args:
            compiled: whether the compiled operations run; asked on a CPU alone.
        """
        versions = {name: _version(name) for name in PACKAGES}
        gpu, name = self.abilities.gpu, _processor()
        if self.abilities.switches:
            name = torch.cuda.get_device_properties(self.device).name
            toolkit, library = ("rocm", "miopen") if torch.version.hip else ("cuda", "cudnn")
            versions[toolkit] = str(torch.version.hip or torch.version.cuda)
            versions[library] = str(torch.backends.cudnn.version())  # type: ignore[no-untyped-call]
        commit, modified = _checkout()
        return System(
            device=self.device.type,
            device_name=name,
            processor=_processor(),
            cores=cores(),
            threads=torch.get_num_threads(),
            memory_bytes=psutil.virtual_memory().total,
            device_memory_bytes=self.memory_bytes() if gpu else None,
            platform=platform.platform(terse=True),
            python=platform.python_version(),
            versions=versions,
            fused=None if gpu else compiled(),
            commit=commit or os.environ.get("RESNET_COMMIT"),  # a copy without `.git` does not know
            modified=modified,
        )


def choose_machine(train: TrainParams, precision: str | None = None) -> Machine:
    """Choose the device and the precision of a command.

    Args:
        train: its `device` is `auto` (a GPU where there is one), `cpu`, `cuda` (CUDA or ROCm; `cuda:1` for one of
            several) or `mps` (Apple). Its
            `precision` is `auto` (bf16 where the device computes it natively, else fp32) or one of `Machine`'s.
        precision: holds instead of the section's; evaluation is fp32 whatever training was.

    Raises:
        UserError: a GPU was asked for that is not there, or TF32 was asked for on a CPU.
    """
    device = _device(train.device)
    return Machine(device, _precision(precision or train.precision, device))


def _device(wanted: str) -> torch.device:
    present = present_devices()
    if wanted == "auto":
        wanted = present[0]
    device = torch.device(wanted)
    if device.type not in present:
        raise UserError(f"train.device is {wanted}, but PyTorch sees no such GPU here: use auto or {present[0]}")
    if device.index is not None:
        gpus = torch.cuda.device_count()
        if device.index >= gpus:
            raise UserError(f"train.device is {wanted}, but PyTorch sees {gpus} here, counted from cuda:0")
        torch.cuda.set_device(device)  # kernels of our own are started on the current device
    return device


def _precision(wanted: str, device: torch.device) -> str:
    if wanted == "auto":
        return "bf16" if computes_bf16(device) else "fp32"
    if wanted == "tf32" and not abilities(device).tf32:
        raise UserError("train.precision is tf32, which only NVIDIA's GPUs have: use auto, fp32 or bf16")
    return wanted


@cache
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
    brand = _output("sysctl", "-n", "machdep.cpu.brand_string") if sys.platform == "darwin" else None
    return brand or platform.processor() or platform.machine()


@cache
def _checkout() -> tuple[str | None, bool | None]:
    """The commit of the code and whether tracked files differ from it; asked once, since the code is loaded once."""
    commit = _git("rev-parse", "HEAD")
    if not commit:
        return None, None
    return commit, bool(_git("status", "--porcelain", "--untracked-files=no", "--", "."))


def _git(*arguments: str) -> str | None:
    folder = Path(__file__).parent
    try:
        done = subprocess.run(["git", "-C", folder, *arguments], capture_output=True, text=True, check=True)
    except subprocess.CalledProcessError as error:
        if "safe.directory" in error.stderr:
            _mention_owner(folder.parent)
        return None
    except OSError:
        return None
    return done.stdout.strip()


def _output(*command: str) -> str | None:
    """What a command prints; None where it is not there or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


@cache
def _mention_owner(folder: Path) -> None:
    print(
        f"{folder}: another user's clone, of which Git says nothing, so results name no commit: "
        f"git config --global --add safe.directory {folder}",
        file=sys.stderr,
    )
