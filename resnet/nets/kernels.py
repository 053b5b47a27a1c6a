"""Batch norm, addition and ReLU in one operation, and 3x3 convolutions with fewer multiplications, for CPUs.

On a CPU a CIFAR ResNet spends almost a third of a training step reading and writing activations for batch
norm, ReLU and addition, and most of the rest on convolutions. With channels-last tensors on a CPU
``batch_norm_relu`` and ``conv3x3`` call the kernels of ``csrc``; everywhere else they are the plain PyTorch
operations. Their results do not depend on the number of threads, and the same inputs give the same bits.

The kernels are compiled on first use into the user's cache folder (some 20 seconds, once). Without a compiler a
line is logged and the plain operations do the work. ``RESNET_FUSED=0`` in the environment turns the kernels off.
A library's name ends with the digest of its bytes. So a file that a full disk or a crash has cut off is seen
before it is loaded, where it would kill the process, and is built again. Flags of ours come after those of
$CXXFLAGS; those of $RESNET_CXXFLAGS come last (``-march=x86-64-v3`` leaves AVX-512 out). Kernels that are slower than
PyTorch's operations are not used.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from resnet.files import complete_or_absent, write_text

_log = logging.getLogger(__name__)
_SOURCES = Path(__file__).with_name("csrc")
_FLAGS = ("-std=c++20", "-O3", "-march=native", "-fopenmp", "-fPIC", "-shared")
SLOW = 0.8
"""Times as fast as PyTorch's operations: below it the kernels are not used. Others' work on the machine blurs less."""
_LANES = 16  # the kernels take channels sixteen at a time: 16, 32, 64, ...


def _cpu_flags() -> str:
    """The processor's instruction sets: a library built for one processor may not run on another."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    flags = (line for line in lines if line.lower().startswith(("flags", "features")))
    return next(flags, platform.processor())


def _compiler() -> list[str]:
    """The compiler's command, from $CXX with its arguments (``ccache g++``), or from the path if that is not there."""
    command = shlex.split(os.environ.get("CXX", ""))
    if not command or not shutil.which(command[0]):
        command = [name for name in ("c++", "g++", "clang++") if shutil.which(name)][:1]
    if not command:
        raise FileNotFoundError("no C++ compiler found (c++, g++, clang++ or $CXX)")
    return command


def _cache() -> Path:
    """A folder of this user's alone: in the user's cache, or in the temporary folder where there is no home."""
    try:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "resnet-depth"
        cache.mkdir(parents=True, exist_ok=True)
        if os.access(cache, os.W_OK):
            return cache
    except (OSError, RuntimeError):
        pass
    cache = Path(tempfile.gettempdir()) / f"resnet-depth-{os.getuid()}"
    cache.mkdir(mode=0o700, exist_ok=True)
    # Another user could have made the folder, with a library of theirs in it.
    if cache.is_symlink() or cache.stat().st_uid != os.getuid():
        raise PermissionError(f"{cache} belongs to another user; set XDG_CACHE_HOME to a folder of yours")
    return cache


def _digest(library: Path) -> str:
    return hashlib.sha256(library.read_bytes()).hexdigest()[:16]


def _build() -> Path:
    """Compile the kernels, or take what an earlier process compiled.

    Returns the shared library's path. Raises OSError or subprocess.SubprocessError where it cannot be built.
    """
    # Ours after the environment's, which may be a package manager's for old processors.
    compiler, flags = _compiler(), [*shlex.split(os.environ.get("CXXFLAGS", "")), *_FLAGS]
    flags += [f"-D_GLIBCXX_USE_CXX11_ABI={int(torch.compiled_with_cxx11_abi())}"]
    flags += shlex.split(os.environ.get("RESNET_CXXFLAGS", ""))
    sources = sorted(path for path in _SOURCES.iterdir() if path.suffix in (".cpp", ".h"))
    parts = [part for path in sources for part in (path.name, path.read_text())]
    parts += [torch.__version__, platform.machine(), _cpu_flags(), *flags, *compiler]
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
    cache = _cache()
    for library in cache.glob(f"kernels-{key}-*.so"):
        if library.stem.endswith(f"-{_digest(library)}"):
            return library
        _log.warning("%s is damaged: building it again", library)
        library.unlink(missing_ok=True)
    _log.warning("compiling the CPU kernels for this processor, once")
    include, lib = Path(torch.__file__).parent / "include", Path(torch.__file__).parent / "lib"
    # Built aside: a killed build leaves no lock and no half library, two at once do not meet.
    with tempfile.TemporaryDirectory(dir=cache) as work:
        made = Path(work) / "kernels.so"
        command = [*compiler, *flags, f"-I{include}", f"-I{include / 'torch/csrc/api/include'}"]
        command += [str(path) for path in sources if path.suffix == ".cpp"]
        command += ["-o", str(made), f"-L{lib}", f"-Wl,-rpath,{lib}", "-ltorch_cpu", "-lc10"]
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
        library = cache / f"kernels-{key}-{_digest(made)}.so"
        with complete_or_absent(library) as partial:
            shutil.copyfile(made, partial)
    return library


def _speed(library: Path) -> float:
    """How many times as fast as PyTorch's operations the loaded library is: measured once, and read ever after.

    So every process takes the same operations, and a resumed run ends with the same bits.
    """
    told = library.with_suffix(".speed")
    try:
        return float(told.read_text())
    except (OSError, ValueError):
        speed = _measured_speed()
    write_text(told, f"{speed:.3f}\n")
    return speed


def _measured_speed() -> float:
    """The least of nine times of a convolution and a batch norm, PyTorch's over ours; milliseconds each."""
    x = torch.ones(32, 16, 32, 32).contiguous(memory_format=torch.channels_last)
    weight, scale = torch.ones(16, 16, 3, 3), torch.ones(16)

    def ours() -> None:
        y = torch.ops.resnet_fused.winograd(x, weight, False)
        torch.ops.resnet_fused.batch_norm_forward(y, scale, scale, x, None, None, 0.1, 1e-5, True)

    def theirs() -> None:
        F.relu(F.batch_norm(F.conv2d(x, weight, padding=1), None, None, scale, scale, training=True) + x)

    def seconds(operations: Callable[[], None]) -> float:
        began = time.perf_counter()
        operations()
        return time.perf_counter() - began

    with torch.no_grad():
        pairs = [(seconds(theirs), seconds(ours)) for _ in range(10)][1:]
    return min(their for their, _ in pairs) / min(our for _, our in pairs)


@functools.cache
def available() -> bool:
    """Whether the compiled operations are there; compiles and loads them on the first call."""
    if os.environ.get("RESNET_FUSED", "1") == "0":
        return False
    try:
        library = _build()
        torch.ops.load_library(str(library))  # type: ignore[no-untyped-call]
        speed = _speed(library)
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        reason = [*(getattr(error, "stderr", None) or "").strip().splitlines(), str(error)][0]
        _log.warning("fused CPU operations not built, using plain PyTorch: %s", reason)
        return False
    if speed < SLOW:
        _log.warning("%s: %.2f times as fast as PyTorch's operations, using plain PyTorch", library, speed)
    return speed >= SLOW


class _BatchNormReLU(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        shortcut: Tensor | None,
        running_mean: Tensor | None,
        running_var: Tensor | None,
        momentum: float,
        eps: float,
        relu: bool,
    ) -> Tensor:
        y: Tensor
        y, mean, invstd = torch.ops.resnet_fused.batch_norm_forward(
            x, weight, bias, shortcut, running_mean, running_var, momentum, eps, relu
        )
        # The output's sign is the ReLU's mask, and the next convolution keeps the output anyway.
        ctx.save_for_backward(x, y if relu else None, weight, mean, invstd)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, y, weight, *statistics = ctx.saved_tensors
        dy = dy.to(x.dtype).contiguous(memory_format=torch.channels_last)
        wanted = ctx.needs_input_grad[3]
        masked = wanted and y is not None  # without a ReLU the shortcut's gradient is dy itself
        dx, dweight, dbias, dshortcut = torch.ops.resnet_fused.batch_norm_backward(
            dy, x, y, weight, *statistics, masked
        )
        to_shortcut = (dshortcut if masked else dy) if wanted else None
        return dx, dweight, dbias, to_shortcut, *[None] * (len(ctx.needs_input_grad) - 4)


def _plain(x: Tensor, bn: nn.BatchNorm2d, shortcut: Tensor | None, relu: bool) -> Tensor:
    y: Tensor = bn(x)
    if shortcut is not None:
        y = y + shortcut
    return F.relu(y) if relu else y


def _recorded(x: Tensor) -> bool:
    """Whether a compiler or an exporter records the operations: it must see PyTorch's own. FX sends no tensor."""
    if torch.compiler.is_compiling():
        return True  # first, and nothing else: the compiler knows it, and what follows would break its graph
    return torch._C._is_tracing() or not isinstance(x, Tensor)


def _kernel_takes(x: Tensor) -> bool:
    return (
        not _recorded(x)
        and x.device.type == "cpu"
        and x.dim() == 4
        and x.dtype in (torch.float32, torch.bfloat16)
        and x.shape[1] % _LANES == 0
        and x.numel() > 0
        and x.is_contiguous(memory_format=torch.channels_last)
    )


def _hooked(module: nn.Module) -> bool:
    """Whether someone listens to this module: its own forward must then be called."""
    return bool(
        module._forward_hooks or module._forward_pre_hooks or module._backward_hooks or module._backward_pre_hooks
    )


def _train(x: Tensor, bn: nn.BatchNorm2d, shortcut: Tensor | None, relu: bool) -> Tensor:
    assert bn.num_batches_tracked is not None
    bn.num_batches_tracked.add_(1)
    y: Tensor = _BatchNormReLU.apply(
        x, bn.weight, bn.bias, shortcut, bn.running_mean, bn.running_var, bn.momentum, bn.eps, relu
    )
    return y


def _normalise(x: Tensor, bn: nn.BatchNorm2d, shortcut: Tensor | None, relu: bool) -> Tensor:
    assert bn.running_mean is not None
    assert bn.running_var is not None
    scale = bn.weight * torch.rsqrt(bn.running_var + bn.eps)
    y: Tensor = torch.ops.resnet_fused.scale_shift(x, scale, bn.bias - bn.running_mean * scale, shortcut, relu)
    return y


def batch_norm_relu(x: Tensor, bn: nn.BatchNorm2d, shortcut: Tensor | None = None, relu: bool = True) -> Tensor:
    """``relu(bn(x) + shortcut)``, without the addition or the ReLU where not asked for.

    x is N x C x H x W; shortcut, if given, has its shape. Training and evaluation mode, and the running
    statistics, are those of nn.BatchNorm2d; hooks on bn are called. In bfloat16 the sum is rounded once, at
    the end, where the plain operations round after each step. Gradients of gradients are not available from
    the compiled operation.
    """
    if (
        not _kernel_takes(x)
        or type(bn) is not nn.BatchNorm2d
        or _hooked(bn)
        or bn.weight is None
        or bn.weight.dtype != torch.float32
        or bn.running_mean is None
        or bn.running_var is None
        or bn.num_batches_tracked is None
        or bn.momentum is None
        or x.numel() == x.shape[1]
        or (shortcut is not None and (shortcut.shape != x.shape or not shortcut.is_floating_point()))
        or not available()
    ):
        return _plain(x, bn, shortcut, relu)
    if shortcut is not None:
        shortcut = shortcut.to(x.dtype).contiguous(memory_format=torch.channels_last)
    if bn.training:
        return _train(x, bn, shortcut, relu)
    needing = (x, bn.weight, bn.bias) if shortcut is None else (x, bn.weight, bn.bias, shortcut)
    if torch.is_grad_enabled() and any(t.requires_grad for t in needing):
        return _plain(x, bn, shortcut, relu)
    return _normalise(x, bn, shortcut, relu)


class _Conv3x3(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int) -> Tensor:
        low = weight.to(torch.bfloat16)
        ctx.save_for_backward(x, low)
        ctx.stride, ctx.dtype = stride, weight.dtype
        return F.conv2d(x, low, None, stride, 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, low = ctx.saved_tensors
        stride: int = ctx.stride
        dy = dy.to(torch.bfloat16).contiguous(memory_format=torch.channels_last)
        dx: Tensor | None = None
        if ctx.needs_input_grad[0]:
            ones, strides = [1, 1], [stride, stride]
            dx = torch.ops.aten.convolution_backward(
                dy, x, low, None, strides, ones, ones, False, [0, 0], 1, [True, False, False]
            )[0]
        dweight: Tensor | None = None
        if ctx.needs_input_grad[1]:
            # Sums stay in float32, the type of the weight: plain autocast rounds this gradient to bfloat16.
            dweight = torch.ops.resnet_fused.conv3x3_weight_gradient(dy, x, stride).to(ctx.dtype)
        return dx, dweight, None


class _Winograd(torch.autograd.Function):
    """The convolution of x, and x itself: the gradients of both are added where dx is written."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(x, weight)
        ctx.set_materialize_grads(False)
        return torch.ops.resnet_fused.winograd(x, weight, False), x.view_as(x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor | None, added: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        if dy is None:
            return added, None
        dy = dy.to(x.dtype).contiguous(memory_format=torch.channels_last)
        if added is not None:
            added = added.to(x.dtype).contiguous(memory_format=torch.channels_last)
        dx = torch.ops.resnet_fused.winograd(dy, weight, True, added) if ctx.needs_input_grad[0] else None
        dweight = torch.ops.resnet_fused.winograd_weight_gradient(dy, x) if ctx.needs_input_grad[1] else None
        return dx, dweight


def _kernel_takes_conv(x: Tensor, conv: nn.Conv2d) -> bool:
    return (
        _kernel_takes(x)
        and type(conv) is nn.Conv2d
        and not _hooked(conv)
        and conv.kernel_size == (3, 3)
        and conv.stride in ((1, 1), (2, 2))
        and conv.padding == (1, 1)
        and conv.dilation == (1, 1)
        and conv.groups == 1
        and conv.padding_mode == "zeros"
        and conv.bias is None
        and conv.out_channels % _LANES == 0
    )


@functools.cache
def _multiplies_bfloat16_tiles() -> bool:
    """Whether the processor has AMX, with which PyTorch's convolutions in bfloat16 are the faster ones."""
    return bool(torch.cpu.get_capabilities().get("amx_bf16", False))


def _winograd_takes(x: Tensor, conv: nn.Conv2d) -> bool:
    low = x.dtype == torch.bfloat16
    autocast = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else None
    return (
        _kernel_takes_conv(x, conv)
        and conv.stride == (1, 1)
        and conv.weight.dtype == torch.float32
        and autocast == (torch.bfloat16 if low else None)
        and not (low and _multiplies_bfloat16_tiles())
        and available()
    )


def conv3x3(x: Tensor, conv: nn.Conv2d) -> Tensor:
    """``conv(x)``, N x C x H x W, with the compiled kernels where there are some.

    They take 3x3 convolutions with padding 1 and no bias whose channel counts are multiples of 16. With stride
    1, in float32 or under bfloat16 autocast, training or not: Winograd's convolution, of which all three parts
    have a few times float32's rounding error; in bfloat16 only the activations and their gradients are rounded,
    not the weights. With stride 2, in training under bfloat16 autocast (or with a bfloat16 weight), where the
    output is of even width and the processor has AVX-512 BF16: a weight gradient that is summed and kept in
    float32. Everything else is ``conv(x)``, and so is bfloat16 where the processor has AMX.
    """
    y: Tensor
    if _winograd_takes(x, conv):
        y, _ = _Winograd.apply(x, conv.weight)
        return y
    weight, stride = conv.weight, conv.stride[0]
    autocast = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else None
    if (
        _kernel_takes_conv(x, conv)
        and x.dtype == torch.bfloat16
        and torch.bfloat16 in (weight.dtype, autocast)
        and torch.is_grad_enabled()
        and weight.requires_grad
        and ((x.shape[3] - 1) // stride + 1) % 2 == 0
        and not _multiplies_bfloat16_tiles()
        and available()
        and torch.ops.resnet_fused.has_weight_gradient()
    ):
        y = _Conv3x3.apply(x, weight, stride)
        return y
    y = conv(x)
    return y


def branch(x: Tensor, conv: nn.Conv2d) -> tuple[Tensor, Tensor]:
    """``conv3x3(x, conv)`` and x, where a block's input goes two ways.

    Use the second instead of x: where a compiled kernel computes x's gradient, it adds the shortcut's to it.
    """
    if _winograd_takes(x, conv):
        y, x = _Winograd.apply(x, conv.weight)
        return y, x
    return conv3x3(x, conv), x
