"""For GPUs: batch norm, addition and ReLU in two kernels forward and two backward.

In channels-last memory a batch of images is a list of pixels, of C channels each. Batch norm in training
needs two passes each way: sums over all pixels, then a value for each number. The plain operations take a
kernel for each step and for each counter; a CIFAR net's kernels are so short that their number decides the
time. Here each pass is one Triton kernel: `_statistics` and `_normalise` forward, `_sums` and `_gradient`
backward.

A program sums a fixed range of pixels and writes its part; the next kernel adds the parts in a fixed order.
Nothing is added atomically and nothing is tuned at run time, so the same inputs give the same bits.

Importing this module needs Triton. `check` makes sure that the kernels give what the plain operations give.
"""

# Triton reads a kernel's arguments itself: they carry no types but its own.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
import triton
import triton.language as tl
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from resnet.nets.backward import batch_norm_relu_backward

__all__ = ["check", "normalise", "takes", "train"]

_TILE = 8192
"""Numbers that a program holds at once: 32 a thread."""
_PARTS = 2048
"""Numbers in a table of partial sums at most: each program of the second kernel reads the whole table."""
_OPTIONS = {"num_warps": 8, "enable_fp_fusion": True}


@triton.jit
def _statistics(x, parts, pixels, tiles, CHANNELS: tl.constexpr, BLOCK: tl.constexpr):
    """Mean and summed squared deviations of a range of pixels; ranges are merged by Chan's formula."""
    program = tl.program_id(0)
    channel = tl.arange(0, CHANNELS)
    start = program * tiles * BLOCK
    mean = tl.zeros([CHANNELS], tl.float32)
    squares = tl.zeros([CHANNELS], tl.float32)
    for tile in range(tiles):
        first = start + tile * BLOCK
        pixel = first + tl.arange(0, BLOCK)[:, None]
        inside = pixel < pixels
        value = tl.load(x + pixel * CHANNELS + channel[None, :], mask=inside, other=0.0).to(tl.float32)
        count = (tl.minimum(first, pixels) - tl.minimum(start, pixels)).to(tl.float32)
        new = tl.minimum(tl.maximum(pixels - first, 0), BLOCK).to(tl.float32)
        new_mean = tl.sum(value, axis=0) / tl.maximum(new, 1.0)
        deviation = tl.where(inside, value - new_mean[None, :], 0.0)
        shift = new_mean - mean
        share = new / tl.maximum(count + new, 1.0)
        squares += tl.sum(deviation * deviation, axis=0) + shift * shift * (count * share)
        mean += shift * share
    tl.store(parts + program * 2 * CHANNELS + channel, mean)
    tl.store(parts + program * 2 * CHANNELS + CHANNELS + channel, squares)


@triton.jit
def _normalise(
    x,
    shortcut,
    y,
    parts,
    saved,
    weight,
    bias,
    running_mean,
    running_var,
    batches,
    pixels,
    programs,
    span,
    momentum,
    eps,
    CHANNELS: tl.constexpr,
    BLOCK: tl.constexpr,
    PARTS: tl.constexpr,
    RELU: tl.constexpr,
):
    """`relu(bn(x) + shortcut)`, from `programs` parts of `span` pixels each, or from the running statistics."""
    program = tl.program_id(0)
    channel = tl.arange(0, CHANNELS)
    pixel = program * BLOCK + tl.arange(0, BLOCK)[:, None]
    inside = pixel < pixels
    place = pixel * CHANNELS + channel[None, :]
    value = tl.load(x + place, mask=inside, other=0.0).to(tl.float32)
    if parts is None:
        mean = tl.load(running_mean + channel)
        invstd = tl.rsqrt(tl.load(running_var + channel) + eps)
    else:
        part = tl.arange(0, PARTS)[:, None]
        there = part < programs
        entry = parts + part * 2 * CHANNELS + channel[None, :]
        means = tl.load(entry, mask=there, other=0.0)
        squares = tl.load(entry + CHANNELS, mask=there, other=0.0)
        count = tl.minimum(tl.maximum(pixels - part * span, 0), span).to(tl.float32)
        mean = tl.sum(means * count, axis=0) / pixels
        shift = tl.where(there, means - mean[None, :], 0.0)
        total = tl.sum(squares + shift * shift * count, axis=0)
        invstd = tl.rsqrt(total / pixels + eps)
        if program == 0:
            tl.store(saved + channel, mean)
            tl.store(saved + CHANNELS + channel, invstd)
            old_mean, old_var = tl.load(running_mean + channel), tl.load(running_var + channel)
            tl.store(running_mean + channel, old_mean + momentum * (mean - old_mean))
            tl.store(running_var + channel, old_var + momentum * (total / (pixels - 1) - old_var))
            tl.store(batches, tl.load(batches) + 1)
    scale = invstd * tl.load(weight + channel)
    result = (value - mean[None, :]) * scale[None, :] + tl.load(bias + channel)[None, :]
    if shortcut is not None:
        result += tl.load(shortcut + place, mask=inside, other=0.0).to(tl.float32)
    if RELU:
        result = tl.where(result < 0.0, 0.0, result)  # NaN stays NaN
    tl.store(y + place, result.to(y.dtype.element_ty), mask=inside)


@triton.jit
def _sums(dy, x, y, saved, parts, pixels, tiles, CHANNELS: tl.constexpr, BLOCK: tl.constexpr):
    """Sums over a range of pixels of the gradient behind the ReLU, and of it times the normalised input."""
    program = tl.program_id(0)
    channel = tl.arange(0, CHANNELS)
    mean, invstd = tl.load(saved + channel), tl.load(saved + CHANNELS + channel)
    plain = tl.zeros([CHANNELS], tl.float32)
    weighted = tl.zeros([CHANNELS], tl.float32)
    for tile in range(tiles):
        pixel = (program * tiles + tile) * BLOCK + tl.arange(0, BLOCK)[:, None]
        inside = pixel < pixels
        place = pixel * CHANNELS + channel[None, :]
        gradient = tl.load(dy + place, mask=inside, other=0.0).to(tl.float32)
        value = tl.load(x + place, mask=inside, other=0.0).to(tl.float32)
        if y is not None:
            output = tl.load(y + place, mask=inside, other=0.0).to(tl.float32)
            gradient = tl.where(output <= 0.0, 0.0, gradient)
        plain += tl.sum(gradient, axis=0)
        weighted += tl.sum(gradient * ((value - mean[None, :]) * invstd[None, :]), axis=0)
    tl.store(parts + program * 2 * CHANNELS + channel, plain)
    tl.store(parts + program * 2 * CHANNELS + CHANNELS + channel, weighted)


@triton.jit
def _gradient(
    dy,
    x,
    y,
    saved,
    parts,
    weight,
    dx,
    dshortcut,
    dweight,
    dbias,
    pixels,
    programs,
    CHANNELS: tl.constexpr,
    BLOCK: tl.constexpr,
    PARTS: tl.constexpr,
):
    """The gradients of the input, the shortcut, the scale and the shift."""
    program = tl.program_id(0)
    channel = tl.arange(0, CHANNELS)
    pixel = program * BLOCK + tl.arange(0, BLOCK)[:, None]
    inside = pixel < pixels
    place = pixel * CHANNELS + channel[None, :]
    gradient = tl.load(dy + place, mask=inside, other=0.0).to(tl.float32)
    value = tl.load(x + place, mask=inside, other=0.0).to(tl.float32)
    if y is not None:
        output = tl.load(y + place, mask=inside, other=0.0).to(tl.float32)
        gradient = tl.where(output <= 0.0, 0.0, gradient)
    part = tl.arange(0, PARTS)[:, None]
    there = part < programs
    entry = parts + part * 2 * CHANNELS + channel[None, :]
    plain = tl.sum(tl.load(entry, mask=there, other=0.0), axis=0)
    weighted = tl.sum(tl.load(entry + CHANNELS, mask=there, other=0.0), axis=0)
    if program == 0:
        tl.store(dbias + channel, plain)
        tl.store(dweight + channel, weighted)
    mean, invstd = tl.load(saved + channel), tl.load(saved + CHANNELS + channel)
    normal = (value - mean[None, :]) * invstd[None, :]
    scale = invstd * tl.load(weight + channel)
    result = (gradient - (plain / pixels)[None, :] - normal * (weighted / pixels)[None, :]) * scale[None, :]
    tl.store(dx + place, result.to(dx.dtype.element_ty), mask=inside)
    if dshortcut is not None:
        tl.store(dshortcut + place, gradient.to(dshortcut.dtype.element_ty), mask=inside)


def _division(x: Tensor) -> tuple[int, int, int, int, int]:
    """How programs share the work: pixels, pixels in a tile, tiles in a part, parts, parts in a full table."""
    channels = x.shape[1]
    pixels, block, most = x.numel() // channels, _TILE // channels, _PARTS // channels
    tiles = triton.cdiv(triton.cdiv(pixels, block), most)
    return pixels, block, tiles, triton.cdiv(pixels, block * tiles), most


@torch.library.custom_op("resnet_gpu::forward", mutates_args=("running_mean", "running_var", "batches"))
def _forward(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    shortcut: Tensor | None,
    running_mean: Tensor,
    running_var: Tensor,
    batches: Tensor,
    momentum: float,
    eps: float,
    relu: bool,
) -> tuple[Tensor, Tensor]:
    """Give y, and the batch's mean and 1 / standard deviation in one tensor (2, C)."""
    channels = x.shape[1]
    pixels, block, tiles, programs, most = _division(x)
    parts = torch.empty(programs, 2, channels, dtype=torch.float32, device=x.device)
    y, saved = torch.empty_like(x), torch.empty(2, channels, dtype=torch.float32, device=x.device)
    _statistics[(programs,)](x, parts, pixels, tiles, CHANNELS=channels, BLOCK=block, **_OPTIONS)
    _normalise[(triton.cdiv(pixels, block),)](
        x, shortcut, y, parts, saved, weight, bias, running_mean, running_var, batches,
        pixels, programs, block * tiles, momentum, eps,
        CHANNELS=channels, BLOCK=block, PARTS=most, RELU=relu, **_OPTIONS,
    )  # fmt: skip
    return y, saved


@_forward.register_fake
def _(x: Tensor, *others: object) -> tuple[Tensor, Tensor]:
    return torch.empty_like(x), torch.empty(2, x.shape[1], dtype=torch.float32, device=x.device)


@torch.library.custom_op("resnet_gpu::backward", mutates_args=())
def _backward(
    dy: Tensor, x: Tensor, y: Tensor | None, weight: Tensor, saved: Tensor, masked: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Give the gradients of x, the scale, the shift, and of the shortcut where it is not dy (else empty)."""
    channels = x.shape[1]
    pixels, block, tiles, programs, most = _division(x)
    parts = torch.empty(programs, 2, channels, dtype=torch.float32, device=x.device)
    dx, dweight, dbias = torch.empty_like(x), torch.empty_like(weight), torch.empty_like(weight)
    dshortcut = torch.empty_like(x) if masked else x.new_empty(0)
    _sums[(programs,)](dy, x, y, saved, parts, pixels, tiles, CHANNELS=channels, BLOCK=block, **_OPTIONS)
    _gradient[(triton.cdiv(pixels, block),)](
        dy, x, y, saved, parts, weight, dx, dshortcut if masked else None, dweight, dbias,
        pixels, programs,
        CHANNELS=channels, BLOCK=block, PARTS=most, **_OPTIONS,
    )  # fmt: skip
    return dx, dweight, dbias, dshortcut


@_backward.register_fake
def _(
    dy: Tensor, x: Tensor, y: Tensor | None, weight: Tensor, saved: Tensor, masked: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    dshortcut = torch.empty_like(x) if masked else x.new_empty(0)
    return torch.empty_like(x), torch.empty_like(weight), torch.empty_like(weight), dshortcut


@torch.library.custom_op("resnet_gpu::normalise", mutates_args=())
def _evaluate(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    shortcut: Tensor | None,
    running_mean: Tensor,
    running_var: Tensor,
    eps: float,
    relu: bool,
) -> Tensor:
    channels = x.shape[1]
    pixels, block, _, _, most = _division(x)
    y = torch.empty_like(x)
    _normalise[(triton.cdiv(pixels, block),)](
        x, shortcut, y, None, None, weight, bias, running_mean, running_var, None,
        pixels, 0, 0, 0.0, eps,
        CHANNELS=channels, BLOCK=block, PARTS=most, RELU=relu, **_OPTIONS,
    )  # fmt: skip
    return y


@_evaluate.register_fake
def _(x: Tensor, *others: object) -> Tensor:
    return torch.empty_like(x)


class _BatchNormReLU(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        shortcut: Tensor | None,
        running_mean: Tensor,
        running_var: Tensor,
        batches: Tensor,
        momentum: float,
        eps: float,
        relu: bool,
    ) -> Tensor:
        y: Tensor
        y, saved = _forward(x, weight, bias, shortcut, running_mean, running_var, batches, momentum, eps, relu)
        # The output's sign is the ReLU's mask, and the next convolution keeps the output anyway.
        ctx.save_for_backward(x, y if relu else None, weight, saved)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        return batch_norm_relu_backward(ctx, dy, _backward)


def takes(x: Tensor) -> bool:
    """Whether the kernels take this input: 16, 32, 64, 128 or 256 channels, channels-last, fp32 or bf16."""
    return (
        x.dim() == 4
        and x.dtype in (torch.float32, torch.bfloat16)
        and x.shape[1] in (16, 32, 64, 128, 256)
        and 0 < x.numel() < 2**31  # places are counted in 32 bits
        and x.is_contiguous(memory_format=torch.channels_last)
    )


def train(x: Tensor, bn: nn.BatchNorm2d, shortcut: Tensor | None, relu: bool) -> Tensor:
    """``relu(bn(x) + shortcut)`` with the batch's statistics; bn's running statistics and counter are updated.

    x and shortcut (N, C, H, W) are of one type and channels-last; bn has all its buffers and a momentum.
    """
    buffers = bn.running_mean, bn.running_var, bn.num_batches_tracked
    y: Tensor = _BatchNormReLU.apply(x, bn.weight, bn.bias, shortcut, *buffers, bn.momentum, bn.eps, relu)
    return y


def normalise(x: Tensor, bn: nn.BatchNorm2d, shortcut: Tensor | None, relu: bool) -> Tensor:
    """``relu(bn(x) + shortcut)`` with the running statistics, for `train`'s inputs; without gradients."""
    assert bn.running_mean is not None
    assert bn.running_var is not None
    y: Tensor = _evaluate(x, bn.weight, bn.bias, shortcut, bn.running_mean, bn.running_var, bn.eps, relu)
    return y


def _results(x: Tensor, shortcut: Tensor, dy: Tensor, *, relu: bool, kernels: bool) -> dict[str, Tensor]:
    """All that a new batch norm computes in training, and the output of evaluation after it."""
    bn = nn.BatchNorm2d(x.shape[1]).to(x.device)

    def forward(x: Tensor, shortcut: Tensor) -> Tensor:
        if kernels:
            return (train if bn.training else normalise)(x, bn, shortcut, relu)
        y: Tensor = bn(x) + shortcut
        return F.relu(y) if relu else y

    leaves = [x.detach().requires_grad_(), shortcut.detach().requires_grad_()]
    y = forward(*leaves)
    gradients = torch.autograd.grad(y, [*leaves, bn.weight, bn.bias], dy)
    bn.eval()
    with torch.no_grad():
        evaluated = forward(x, shortcut)
    names = ("gradient of the input", "of the shortcut", "of the scale", "of the shift")
    training = {"output": y.detach(), **dict(zip(names, gradients, strict=True)), **dict(bn.named_buffers())}
    return training | {"output of evaluation": evaluated}


def check(device: torch.device) -> None:
    """Hold the kernels on this device against the plain operations in fp32, for inputs in fp32 and in bf16.

    Raises:
        RuntimeError: they differ, and in what.
        Exception: whatever Triton raises where it cannot compile.
    """
    # Whoever calls first may be evaluating: the check needs gradients all the same, and its own arithmetic.
    with torch.inference_mode(False), torch.enable_grad(), torch.autocast(device.type, enabled=False):
        for dtype, tolerance in ((torch.float32, 1e-4), (torch.bfloat16, 1e-2)):
            _check(device, dtype, tolerance)


def _check(device: torch.device, dtype: torch.dtype, tolerance: float) -> None:
    generator = torch.Generator().manual_seed(0)
    # So many pixels that a program takes two tiles and that the last part is not full.
    x, shortcut, dy = (torch.randn(7, 64, 25, 26, generator=generator).to(device, dtype) for _ in range(3))
    # A sum near zero may round to either side of the ReLU: no gradient comes from there.
    total = F.batch_norm(x.float(), None, None, training=True) + shortcut.float()
    inputs = [t.contiguous(memory_format=torch.channels_last) for t in (x, shortcut, dy * (total.abs() > 1e-3))]
    for relu in (True, False):
        exact = _results(*(t.float() for t in inputs), relu=relu, kernels=False)
        computed = _results(*inputs, relu=relu, kernels=True)
        for name, value in exact.items():
            error = float((computed[name].double() - value.double()).abs().max())
            if not error <= tolerance * max(1.0, float(value.abs().max())):
                raise RuntimeError(f"{name} in {dtype} is {error:.2g} from that of the plain operations")
