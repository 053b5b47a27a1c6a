"""The CPU's convolutions against the plain ones, in float64."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet.nets import kernels
from tests.nets.makers import TOLERANCE, close, has_the_same_bits, images, needs_bfloat16, needs_build

AMX = bool(torch.cpu.get_capabilities().get("amx_bf16", False))


def skip_with_amx(dtype: torch.dtype) -> None:
    if dtype == torch.bfloat16 and AMX:
        pytest.skip("with AMX, PyTorch's own convolutions in bfloat16 are the faster ones")


def convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    conv = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False).to(memory_format=torch.channels_last)
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu", generator=torch.Generator().manual_seed(3))
    return conv


def values_and_gradients(x: Tensor, weight: Tensor, dy: Tensor, stride: int = 1) -> list[Tensor]:
    """The convolution of PyTorch: y, dx and dweight."""
    x, weight = x.detach().requires_grad_(), weight.detach().requires_grad_()
    y = F.conv2d(x, weight, None, stride, 1)
    return [y.detach(), *torch.autograd.grad(y, (x, weight), dy)]


def rms(t: Tensor) -> float:
    return float(t.double().square().mean().sqrt())


def kernel(width: int, stride: int) -> str:
    """Whose convolution it is in bfloat16: ours, ours for the weight's gradient alone, or PyTorch's own."""
    if AMX:
        return "Convolution"  # PyTorch's own are the faster ones
    summed = bool(torch.ops.resnet_fused.has_weight_gradient()) and ((width - 1) // stride + 1) % 2 == 0
    return "_Winograd" if stride == 1 else "_Conv3x3" if summed else "Convolution"


@needs_build
@pytest.mark.parametrize("dtype", [torch.float32, pytest.param(torch.bfloat16, marks=needs_bfloat16)])
@pytest.mark.parametrize(
    ("height", "width", "inputs", "outputs", "stride"),
    [
        (32, 32, 16, 16, 1),
        (32, 32, 16, 32, 2),
        (16, 16, 32, 32, 1),
        (16, 16, 32, 64, 2),
        (8, 8, 64, 64, 1),
        (7, 7, 16, 48, 2),
        (7, 9, 48, 16, 1),
        (5, 130, 16, 112, 1),
        (1, 1, 32, 16, 1),
        (2, 6, 16, 32, 1),
    ],
)
@pytest.mark.parametrize("batch", [1, 9, 20])
def test_conv3x3_is_the_convolution_and_winograds_almost_as_exact_as_the_direct_one(
    dtype: torch.dtype, height: int, width: int, inputs: int, outputs: int, stride: int, batch: int
) -> None:
    low, conv = dtype == torch.bfloat16, convolution(inputs, outputs, stride)
    x = images(batch, inputs, height, width, dtype=dtype).relu().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=low):
        y = kernels.conv3x3(x, conv)
    dy = images(*y.shape, dtype=dtype, seed=2)
    got = [y.detach(), *torch.autograd.grad(y, (x, conv.weight), dy)]
    rounded = conv.weight.bfloat16() if low else conv.weight
    want = values_and_gradients(x.double(), rounded.double(), dy.double(), stride)
    assert [tensor.dtype for tensor in got] == [dtype, dtype, torch.float32]
    for ours, exact in zip(got, want, strict=True):
        assert ours.is_contiguous(memory_format=torch.channels_last)
        close(ours, exact, TOLERANCE[dtype])
    if low:
        whose = kernel(width, stride)
        assert whose in type(y.grad_fn).__name__
        close(got[2], want[2], 1e-2 if whose == "Convolution" else 1e-5)  # its sums are float32
    elif stride == 1:
        assert "_Winograd" in type(y.grad_fn).__name__
        for ours, exact, plain in zip(got, want, values_and_gradients(x, conv.weight, dy), strict=True):
            # Roundings are eight times the direct convolution's at the most, about 1e-7 of the values.
            assert rms(ours - exact) <= 8 * max(rms(plain - exact), 1e-7 * rms(exact))


@needs_build
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("used", ["both", "convolution", "shortcut"])
def test_a_branch_adds_the_gradients_of_both_ways(dtype: torch.dtype, used: str) -> None:
    skip_with_amx(dtype)
    conv, x = convolution(16, 32), images(3, 16, 9, 7, dtype=dtype).requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
        y, shortcut = kernels.branch(x, conv)
        assert torch.equal(y, kernels.conv3x3(x, conv))
    assert torch.equal(shortcut, x)
    assert y.dtype == shortcut.dtype == dtype
    dy, dshortcut = images(*y.shape, dtype=dtype, seed=2), images(*x.shape, dtype=dtype, seed=4)
    chosen = {"both": slice(2), "convolution": slice(1), "shortcut": slice(1, 2)}[used]
    got = torch.autograd.grad((y, shortcut)[chosen], (x, conv.weight), (dy, dshortcut)[chosen], allow_unused=True)
    _, dx, dweight = values_and_gradients(x.double(), conv.weight.double(), dy.double())
    close(got[0], dx * (used != "shortcut") + dshortcut.double() * (used != "convolution"), TOLERANCE[dtype])
    if used == "shortcut":
        assert got[1] is None
    else:
        close(got[1], dweight, 1e-5)


def test_a_branch_is_the_convolution_and_its_input_where_there_is_no_kernel() -> None:
    conv, x = nn.Conv2d(10, 16, 3, padding=1), torch.randn(2, 10, 8, 8)
    y, same = kernels.branch(x, conv)
    assert torch.equal(y, conv(x))
    assert same is x


@needs_build
@pytest.mark.parametrize(("channels", "size"), [(16, 32), (32, 16), (64, 8)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_winograd_gives_the_same_bits_whatever_the_number_of_threads(
    channels: int, size: int, dtype: torch.dtype
) -> None:
    skip_with_amx(dtype)

    def once() -> list[Tensor]:
        conv = convolution(channels, channels)
        x = images(50, channels, size, size, dtype=dtype).requires_grad_()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
            y = kernels.conv3x3(x, conv)
        return [y, *torch.autograd.grad(y, (x, conv.weight), images(*y.shape, dtype=x.dtype, seed=2))]

    has_the_same_bits(once, 2, 2, 1, 5)


@needs_build
def test_winograd_takes_a_weight_in_any_memory_format_and_does_not_depend_on_gradients_being_wanted() -> None:
    conv, x = convolution(16, 32), images(3, 16, 8, 8, dtype=torch.float32)
    plain = nn.Conv2d(16, 32, 3, padding=1, bias=False)
    plain.load_state_dict(conv.state_dict())
    y, again = kernels.conv3x3(x, conv), kernels.conv3x3(x, plain)
    assert torch.equal(y, again)
    gradients = (torch.autograd.grad(out.sum(), one.weight)[0] for out, one in ((y, conv), (again, plain)))
    assert torch.equal(*gradients)
    with torch.no_grad():
        assert torch.equal(y, kernels.conv3x3(x, conv.eval()))
    with torch.inference_mode():
        assert torch.equal(y, kernels.conv3x3(x, conv))


@needs_build
def test_winograd_keeps_nan() -> None:
    x = images(2, 16, 8, 8, dtype=torch.float32)
    x[0, 3, 5, 5] = float("nan")
    y = kernels.conv3x3(x, convolution(16, 16))
    assert y[0, :, 4:7, 4:7].isnan().all()
    assert not y[1].isnan().any()


@pytest.mark.parametrize("case", ["stride", "channels", "hook", "bias", "double", "autocast", "contiguous", "padding"])
def test_what_winograd_does_not_take_goes_the_plain_way(case: str) -> None:
    channels = 10 if case == "channels" else 16
    stride, padding = 2 if case == "stride" else 1, 0 if case == "padding" else 1
    conv = nn.Conv2d(channels, 16, 3, stride, padding, bias=case == "bias")
    x = torch.randn(2, channels, 8, 8)
    if case != "contiguous":
        x = x.contiguous(memory_format=torch.channels_last)
    calls = []
    if case == "hook":
        conv.register_forward_hook(lambda module, inputs, output: calls.append(output))
    if case == "double":
        x, conv = x.double(), conv.double()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=case == "autocast"):
        y, want = kernels.conv3x3(x, conv), F.conv2d(x, conv.weight, conv.bias, conv.stride, conv.padding)
    assert "_Winograd" not in type(y.grad_fn).__name__
    assert len(calls) == (case == "hook")
    assert y.dtype == want.dtype
    assert torch.equal(y, want)
