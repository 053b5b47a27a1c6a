"""This machine: a device and a precision, handed down to what computes, and what stands with every result."""

from __future__ import annotations

import ctypes
import gc
import importlib.metadata
import os
import platform
import resource
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import psutil
import torch

from resnet.errors import one_line
from resnet.files import say_once
from resnet.results import System
from resnet.threads import cores


@dataclass(frozen=True)
class Machine:
    """The device and the precision that a command has chosen, once, by `training.devices.choose_machine`."""

    device: torch.device
    precision: str
    """`fp32`, `tf32` or `bf16`, never `auto`. Weights, momentum and sums over iterations are fp32 in all of them."""

    @property
    def gpu(self) -> bool:
        """Whether it is not the processor that runs Python: work is handed over, and is to be waited for."""
        return self.device.type != "cpu"

    @property
    def cuda(self) -> bool:
        """Whether it has streams, graphs of kernels, a clock of its own, and PyTorch's switches of TF32."""
        return self.device.type == "cuda"

    def at(self, precision: str) -> Machine:
        """The same device in another precision."""
        return replace(self, precision=precision)

    @contextmanager
    def arithmetic(self) -> Iterator[None]:
        """The context in which a net's forward pass runs in this precision."""
        with self.switches(), torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            yield

    @contextmanager
    def switches(self) -> Iterator[None]:
        """The context of a backward pass: TF32 if this is the precision, and the same kernels in every run."""
        if not self.cuda:
            yield
            return
        matmul, cudnn, tf32 = torch.backends.cuda.matmul, torch.backends.cudnn, self.precision == "tf32"
        before = matmul.allow_tf32, cudnn.allow_tf32, cudnn.deterministic, cudnn.benchmark
        matmul.allow_tf32, cudnn.allow_tf32, cudnn.deterministic, cudnn.benchmark = tf32, tf32, True, False
        try:
            yield
        finally:
            matmul.allow_tf32, cudnn.allow_tf32, cudnn.deterministic, cudnn.benchmark = before

    def synchronise(self) -> None:
        """Wait until the device has done what it was given, before a host clock is read."""
        if self.gpu:
            torch.accelerator.synchronize(self.device)

    def memory_bytes(self) -> int:
        """All memory of the GPU, or of the machine."""
        return torch.accelerator.get_memory_info(self.device)[1] if self.gpu else psutil.virtual_memory().total

    def free_memory_bytes(self) -> int:
        """Memory that nobody uses now."""
        return torch.accelerator.get_memory_info(self.device)[0] if self.gpu else psutil.virtual_memory().available

    def forget_peak_memory(self) -> None:
        """Count the peak from now on. A CPU's is the process's, which only Linux can forget."""
        gc.collect()
        self.release_memory()
        if self.gpu:
            torch.accelerator.reset_peak_memory_stats(self.device)
            return
        with suppress(OSError, AttributeError):  # another system, or another C library
            ctypes.CDLL(None).malloc_trim(0)  # gives back what was freed
            Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")

    def release_memory(self) -> None:
        """Give a GPU's memory back that the framework keeps and nothing uses: it would count in the next peak."""
        if self.gpu:
            torch.accelerator.empty_cache()

    def held_memory_bytes(self) -> int:
        """What the framework holds on a GPU now; 0 on a CPU, where all that a process holds counts in its peak."""
        return torch.accelerator.memory_reserved(self.device) if self.gpu else 0

    def peak_memory_bytes(self) -> int:
        """On a GPU, the most memory the framework held; on a CPU, the process's peak resident size."""
        if self.gpu:
            return torch.accelerator.max_memory_reserved(self.device)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024

    def describe(self, compiled: Callable[[], bool]) -> System:
        """Describe this machine, the software, and the commit of the code; `compiled` says whether kernels run."""
        versions = {name: importlib.metadata.version(name) for name in ("torch", "torchvision", "numpy")}
        name = _processor()
        if self.cuda:
            name = torch.cuda.get_device_properties(self.device).name
            versions["cuda"] = str(torch.version.cuda)
            versions["cudnn"] = str(torch.backends.cudnn.version())  # type: ignore[no-untyped-call]
        commit, modified = _checkout()
        fused = None if self.gpu else compiled()
        return System(
            device=self.device.type,
            device_name=name,
            processor=_processor(),
            cores=cores(),
            threads=torch.get_num_threads(),
            memory_bytes=psutil.virtual_memory().total,
            device_memory_bytes=self.memory_bytes() if self.gpu else None,
            platform=platform.platform(terse=True),
            python=platform.python_version(),
            versions=versions,
            fused=fused,
            compiler=_compiler() if fused else None,
            instructions=_instructions(),
            commit=commit or os.environ.get("RESNET_COMMIT"),  # a copy without `.git` does not know
            modified=modified,
        )


def captured(work: Callable[[], object], stream: torch.cuda.Stream | None = None) -> torch.cuda.CUDAGraph | None:
    """Record work, which uses the same memory at every call, on a stream [PyTorch's] as a CUDA graph, without doing it.

    Returns:
        The graph; None if the device cannot record it, which a line on standard error says once in a process.
    """
    try:
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=stream):
            work()
    except RuntimeError as error:
        reason = one_line([*str(error).splitlines(), type(error).__name__][0], 160)
        say_once(f"no CUDA graph can be captured ({reason}): this goes on without, and slower")
        return None
    return graph


@cache
def _cpuinfo(*keys: str) -> str:
    """The first value that Linux gives for one of these keys; empty elsewhere."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            if key.strip() in keys:
                return value.strip()
    return ""


def _processor() -> str:
    brand = _output("sysctl", "-n", "machdep.cpu.brand_string") if sys.platform == "darwin" else None
    return _cpuinfo("model name") or brand or platform.processor() or platform.machine()


def _instructions() -> str | None:
    """The vector instructions that decide which kernels run, as Linux names them."""
    deciding = {"fma", "avx2", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "bf16", "sve"}
    return " ".join(sorted(deciding.intersection(_cpuinfo("flags", "Features").split()))) or None


def _compiler() -> str | None:
    """The first line in which the compiler of the CPU's operations says what it is."""
    named = _output(*shlex.split(os.environ.get("CXX") or "c++"), "--version") or _output("c++", "--version")
    return named.splitlines()[0] if named else None


@cache
def _checkout() -> tuple[str | None, bool | None]:
    """The commit of the code and whether tracked files differ from it; looked up once: the code is loaded once."""
    # Another user's clone is Git's concern: its code runs already.
    git = ("git", "-c", "safe.directory=*", "-C", str(Path(__file__).parent))
    commit = _output(*git, "rev-parse", "HEAD")
    if not commit:
        return None, None
    return commit, bool(_output(*git, "status", "--porcelain", "--untracked-files=no", "--", "."))


@cache
def _output(*command: str) -> str | None:
    """What a command prints; None if it is not there or fails."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
