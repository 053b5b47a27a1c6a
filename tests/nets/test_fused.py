"""The fused CPU operations against the plain ones, in float64."""

from __future__ import annotations

import logging

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet.nets import fused
from resnet.nets.library import available

# Relative to the largest value of the reference: float32 rounding, and bfloat16's 8 bits of significand.
TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 1e-2}
needs_build = pytest.mark.skipif(not fused.available(), reason="no compiler for the fused CPU operations")
needs_bfloat16 = pytest.mark.skipif(
    not torch.ops.mkldnn._is_mkldnn_bf16_supported(), reason="convolutions in bfloat16 are emulated on this processor"
)


def close(got: Tensor, want: Tensor, tolerance: float) -> None:
    error = (got.double() - want.double()).abs().max().item()
    assert error <= tolerance * max(1.0, want.abs().max().item()), error


def images(*shape: int, dtype: torch.dtype, seed: int = 0) -> Tensor:
    values = torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * 2 + 1
    return values.to(dtype).contiguous(memory_format=torch.channels_last)


def norm(channels: int) -> nn.BatchNorm2d:
    bn = nn.BatchNorm2d(channels)
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        bn.weight.copy_(torch.rand(channels, generator=generator) + 0.5)
        bn.bias.copy_(torch.randn(channels, generator=generator))
    return bn


@needs_build
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("channels", [16, 32, 48, 64, 112])
@pytest.mark.parametrize(("with_shortcut", "relu"), [(True, True), (True, False), (False, True), (False, False)])
def test_batch_norm_relu_trains_as_the_plain_operations(
    dtype: torch.dtype, channels: int, with_shortcut: bool, relu: bool
) -> None:
    x = images(5, channels, 7, 9, dtype=dtype).requires_grad_()
    shortcut = images(5, channels, 7, 9, dtype=dtype, seed=1).requires_grad_() if with_shortcut else None
    bn = norm(channels)
    y = fused.batch_norm_relu(x, bn, shortcut, relu)
    assert y.dtype == dtype
    assert "_BatchNormReLU" in type(y.grad_fn).__name__
    dy = images(5, channels, 7, 9, dtype=dtype, seed=2)
    y.backward(dy)

    reference = norm(channels).double()
    x64 = x.detach().double().requires_grad_()
    shortcut64 = None if shortcut is None else shortcut.detach().double().requires_grad_()
    want = reference(x64)
    if shortcut64 is not None:
        want = want + shortcut64
    # Rounding may take a sum near zero to either side, so the reference has the same mask.
    gradient = dy.double() * (y.detach() > 0) if relu else dy.double()
    want.backward(gradient)
    tolerance = TOLERANCE[dtype]
    close(y, F.relu(want) if relu else want, tolerance)
    assert x.grad is not None
    assert x64.grad is not None
    close(x.grad, x64.grad, tolerance)
    if shortcut is not None and shortcut64 is not None:
        assert shortcut.grad is not None
        assert shortcut64.grad is not None
        close(shortcut.grad, shortcut64.grad, tolerance)
    # Per-channel results are float32 whatever the activations are.
    for got, wanted in ((bn.weight.grad, reference.weight.grad), (bn.bias.grad, reference.bias.grad)):
        assert got is not None
        assert wanted is not None
        close(got, wanted, 1e-5)
    assert bn.running_mean is not None
    assert reference.running_mean is not None
    close(bn.running_mean, reference.running_mean, 1e-5)
    assert bn.running_var is not None
    assert reference.running_var is not None
    close(bn.running_var, reference.running_var, 1e-5)
    assert bn.num_batches_tracked == reference.num_batches_tracked == 1


@needs_build
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_evaluation_mode_uses_and_keeps_the_running_statistics(dtype: torch.dtype) -> None:
    bn = norm(16)
    bn.train()(torch.randn(8, 16, 4, 4))
    bn.eval()
    before = {name: value.clone() for name, value in bn.state_dict().items()}
    x, shortcut = images(2, 16, 4, 4, dtype=dtype), images(2, 16, 4, 4, dtype=dtype, seed=1)
    with torch.no_grad():
        y = fused.batch_norm_relu(x, bn, shortcut)
        want = F.relu(nn.BatchNorm2d.forward(bn.double(), x.double()) + shortcut.double())
    close(y, want, TOLERANCE[dtype])
    bn.float()
    assert all(torch.equal(value, before[name]) for name, value in bn.state_dict().items())


@needs_build
def test_a_large_mean_does_not_cancel_the_variance() -> None:
    x = (torch.randn(8, 16, 16, 16) + 1000).contiguous(memory_format=torch.channels_last)
    y = fused.batch_norm_relu(x, nn.BatchNorm2d(16), relu=False)
    close(y, nn.BatchNorm2d(16).double()(x.double()), 1e-3)


@needs_build
def test_nan_stays_nan() -> None:
    for dtype in (torch.float32, torch.bfloat16):
        x = images(2, 16, 4, 4, dtype=dtype)
        x[0, 3, 0, 1] = float("nan")
        y = fused.batch_norm_relu(x, nn.BatchNorm2d(16))
        assert y[:, 3].isnan().all()
        assert not y[:, 4].isnan().any()


@needs_build
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_same_bits_whatever_the_number_of_threads(dtype: torch.dtype) -> None:
    def once(threads: int) -> list[Tensor]:
        torch.set_num_threads(threads)
        bn = norm(32)
        x = images(64, 32, 16, 16, dtype=dtype).requires_grad_()
        shortcut = images(64, 32, 16, 16, dtype=dtype, seed=1).requires_grad_()
        y = fused.batch_norm_relu(x, bn, shortcut)
        y.backward(images(64, 32, 16, 16, dtype=dtype, seed=2))
        grads = [x.grad, shortcut.grad, bn.weight.grad, bn.bias.grad]
        return [y.detach(), *(g for g in grads if g is not None), *bn.state_dict().values()]

    threads = torch.get_num_threads()
    try:
        first, again, alone = once(2), once(2), once(1)
    finally:
        torch.set_num_threads(threads)
    assert len(first) == 10
    for a, b, c in zip(first, again, alone, strict=True):
        assert torch.equal(a, b)
        assert torch.equal(a, c)


@needs_build
@needs_bfloat16
@pytest.mark.parametrize(
    ("size", "inputs", "outputs", "stride"),
    [
        (32, 16, 16, 1),
        (32, 16, 32, 2),
        (16, 32, 32, 1),
        (16, 32, 64, 2),
        (8, 64, 64, 1),
        (6, 48, 16, 1),
        (7, 16, 48, 2),
    ],
)
@pytest.mark.parametrize("batch", [1, 9, 20])
def test_conv3x3_has_the_gradients_of_a_convolution(
    size: int, inputs: int, outputs: int, stride: int, batch: int
) -> None:
    conv = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False).to(memory_format=torch.channels_last)
    x = images(batch, inputs, size, size, dtype=torch.bfloat16).requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = fused.conv3x3(x, conv)
    dy = images(*y.shape, dtype=torch.bfloat16, seed=2)
    y.backward(dy)
    x64 = x.detach().double().requires_grad_()
    weight64 = conv.weight.detach().bfloat16().double().requires_grad_()
    want = F.conv2d(x64, weight64, None, stride, 1)
    want.backward(dy.double())
    close(y, want, 1e-2)
    assert x.grad is not None
    assert x64.grad is not None
    close(x.grad, x64.grad, 1e-2)
    assert conv.weight.grad is not None
    assert weight64.grad is not None
    assert conv.weight.grad.dtype == torch.float32
    summed = bool(torch.ops.resnet_fused.has_weight_gradient()) and ((size - 1) // stride + 1) % 2 == 0
    kernel = "_Winograd" if stride == 1 else "_Conv3x3" if summed else "Convolution"
    # With AMX, PyTorch's own convolutions are the faster ones.
    kernel = "Convolution" if torch.cpu.get_capabilities().get("amx_bf16", False) else kernel
    assert kernel in type(y.grad_fn).__name__
    fast = kernel != "Convolution"
    close(conv.weight.grad, weight64.grad, 1e-5 if fast else 1e-2)


def skip_with_amx(dtype: torch.dtype) -> None:
    if dtype == torch.bfloat16 and torch.cpu.get_capabilities().get("amx_bf16", False):
        pytest.skip("with AMX, PyTorch's own convolutions in bfloat16 are the faster ones")


def convolution(inputs: int, outputs: int, seed: int = 3) -> nn.Conv2d:
    conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False).to(memory_format=torch.channels_last)
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu", generator=torch.Generator().manual_seed(seed))
    return conv


def values_and_gradients(x: Tensor, weight: Tensor, dy: Tensor) -> list[Tensor]:
    """The convolution of PyTorch: y, dx and dweight."""
    x, weight = x.detach().requires_grad_(), weight.detach().requires_grad_()
    y = F.conv2d(x, weight, None, 1, 1)
    return [y.detach(), *torch.autograd.grad(y, (x, weight), dy)]


def rms(t: Tensor) -> float:
    return float(t.double().square().mean().sqrt())


@needs_build
@pytest.mark.parametrize(
    ("height", "width", "inputs", "outputs"),
    [
        (32, 32, 16, 16),
        (16, 16, 32, 32),
        (8, 8, 64, 64),
        (7, 9, 48, 16),
        (5, 130, 16, 112),
        (1, 1, 32, 16),
        (2, 6, 16, 32),
    ],
)
@pytest.mark.parametrize("batch", [1, 9, 20])
def test_winograd_is_almost_as_exact_as_the_direct_convolution(
    height: int, width: int, inputs: int, outputs: int, batch: int
) -> None:
    conv = convolution(inputs, outputs)
    x = images(batch, inputs, height, width, dtype=torch.float32).relu().requires_grad_()
    y = fused.conv3x3(x, conv)
    assert "_Winograd" in type(y.grad_fn).__name__
    dy = images(*y.shape, dtype=torch.float32, seed=2)
    got = [y.detach(), *torch.autograd.grad(y, (x, conv.weight), dy)]
    want = values_and_gradients(x.double(), conv.weight.double(), dy.double())
    direct = values_and_gradients(x, conv.weight, dy)
    for ours, exact, plain in zip(got, want, direct, strict=True):
        assert ours.is_contiguous(memory_format=torch.channels_last)
        assert ours.shape == exact.shape
        # Roundings are eight times the direct convolution's at the most, about 1e-7 of the values.
        assert rms(ours - exact) <= 8 * max(rms(plain - exact), 1e-7 * rms(exact))
        close(ours, exact, 1e-5)


@needs_build
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("used", ["both", "convolution", "shortcut"])
def test_a_branch_adds_the_gradients_of_both_ways(dtype: torch.dtype, used: str) -> None:
    skip_with_amx(dtype)
    conv, x = convolution(16, 32), images(3, 16, 9, 7, dtype=dtype).requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
        y, shortcut = fused.branch(x, conv)
        assert torch.equal(y, fused.conv3x3(x, conv))
    assert torch.equal(shortcut, x)
    assert y.dtype == shortcut.dtype == dtype
    dy, dshortcut = images(*y.shape, dtype=dtype, seed=2), images(*x.shape, dtype=dtype, seed=4)
    outputs = [(y, dy), (shortcut, dshortcut)]
    torch.autograd.backward(*zip(*(outputs if used == "both" else outputs[used == "shortcut" :][:1]), strict=True))
    x64, weight64 = x.detach().double(), conv.weight.detach().double()
    _, dx, dweight = values_and_gradients(x64, weight64, dy.double())
    want = dx * (used != "shortcut") + dshortcut.double() * (used != "convolution")
    assert x.grad is not None
    close(x.grad, want, TOLERANCE[dtype])
    if used == "shortcut":
        assert conv.weight.grad is None
    else:
        assert conv.weight.grad is not None
        close(conv.weight.grad, dweight, 1e-5)


def test_a_branch_is_the_convolution_and_its_input_where_there_is_no_kernel() -> None:
    conv, x = nn.Conv2d(10, 16, 3, padding=1), torch.randn(2, 10, 8, 8)
    y, same = fused.branch(x, conv)
    assert torch.equal(y, conv(x))
    assert same is x


@needs_build
@pytest.mark.parametrize(("channels", "size"), [(16, 32), (32, 16), (64, 8)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_winograd_gives_the_same_bits_whatever_the_number_of_threads(
    channels: int, size: int, dtype: torch.dtype
) -> None:
    skip_with_amx(dtype)

    def once(threads: int) -> list[Tensor]:
        torch.set_num_threads(threads)
        conv = convolution(channels, channels)
        x = images(50, channels, size, size, dtype=dtype).requires_grad_()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
            y = fused.conv3x3(x, conv)
        return [y.detach(), *torch.autograd.grad(y, (x, conv.weight), images(*y.shape, dtype=x.dtype, seed=2))]

    threads = torch.get_num_threads()
    try:
        first, again, alone, many = once(2), once(2), once(1), once(5)
    finally:
        torch.set_num_threads(threads)
    for a, *others in zip(first, again, alone, many, strict=True):
        assert all(torch.equal(a, b) for b in others)


@needs_build
def test_winograd_takes_a_weight_in_any_memory_format_and_does_not_depend_on_gradients_being_wanted() -> None:
    conv, x = convolution(16, 32), images(3, 16, 8, 8, dtype=torch.float32)
    plain = nn.Conv2d(16, 32, 3, padding=1, bias=False)
    plain.load_state_dict(conv.state_dict())
    y = fused.conv3x3(x, conv)
    y.sum().backward()  # type: ignore[no-untyped-call]
    again = fused.conv3x3(x, plain)
    again.sum().backward()  # type: ignore[no-untyped-call]
    assert torch.equal(y, again)
    assert conv.weight.grad is not None
    assert plain.weight.grad is not None
    assert torch.equal(conv.weight.grad, plain.weight.grad)
    with torch.no_grad():
        assert torch.equal(y, fused.conv3x3(x, conv.eval()))
    with torch.inference_mode():
        assert torch.equal(y, fused.conv3x3(x, conv))


@needs_build
def test_winograd_keeps_nan() -> None:
    x = images(2, 16, 8, 8, dtype=torch.float32)
    x[0, 3, 5, 5] = float("nan")
    y = fused.conv3x3(x, convolution(16, 16))
    assert y[0, :, 4:7, 4:7].isnan().all()
    assert not y[1].isnan().any()


@pytest.mark.parametrize("case", ["stride", "channels", "hook", "bias", "double", "autocast", "contiguous", "padding"])
def test_what_winograd_does_not_take_goes_the_plain_way(case: str) -> None:
    channels = 10 if case == "channels" else 16
    conv = nn.Conv2d(
        channels,
        16,
        3,
        stride=2 if case == "stride" else 1,
        padding=0 if case == "padding" else 1,
        bias=case == "bias",
    )
    x = torch.randn(2, channels, 8, 8)
    if case != "contiguous":
        x = x.contiguous(memory_format=torch.channels_last)
    calls = []
    if case == "hook":
        conv.register_forward_hook(lambda module, inputs, output: calls.append(output))
    if case == "double":
        x, conv = x.double(), conv.double()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=case == "autocast"):
        y, want = fused.conv3x3(x, conv), F.conv2d(x, conv.weight, conv.bias, conv.stride, conv.padding)
    assert "_Winograd" not in type(y.grad_fn).__name__
    assert len(calls) == (case == "hook")
    assert y.dtype == want.dtype
    assert torch.equal(y, want)


def test_conv3x3_is_the_convolution_without_autocast() -> None:
    conv = nn.Conv2d(16, 16, 3, padding=1, bias=False)
    x = torch.randn(2, 16, 8, 8)
    assert torch.equal(fused.conv3x3(x, conv), conv(x))


@pytest.mark.parametrize("case", ["channels", "contiguous", "double", "hook", "no affine", "no statistics"])
def test_what_the_kernel_does_not_take_goes_the_plain_way(case: str) -> None:
    channels = 10 if case == "channels" else 16
    x = torch.randn(2, channels, 4, 4)
    if case != "contiguous":
        x = x.contiguous(memory_format=torch.channels_last)
    kinds = {"no affine": {"affine": False}, "no statistics": {"track_running_stats": False}}
    bn = nn.BatchNorm2d(channels, **kinds.get(case, {}))
    calls = []
    if case == "double":
        x, bn = x.double(), bn.double()
    if case == "hook":
        bn.register_forward_hook(lambda module, inputs, output: calls.append(output))
    y = fused.batch_norm_relu(x, bn, x)
    assert len(calls) == (case == "hook")
    want = nn.BatchNorm2d(channels).to(x.dtype)(x)
    assert torch.equal(y, F.relu(want + x))


def test_evaluation_mode_with_gradients_goes_the_plain_way() -> None:
    bn = norm(16).eval()
    x = images(2, 16, 4, 4, dtype=torch.float32).requires_grad_()
    fused.batch_norm_relu(x, bn).sum().backward()
    assert x.grad is not None


def test_without_a_compiler_a_line_is_logged_and_plain_operations_work(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: object
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("CXX", str(tmp_path) + "/no-such-compiler")
    available.cache_clear()
    try:
        with caplog.at_level(logging.WARNING):
            x = images(2, 16, 4, 4, dtype=torch.float32)
            y = fused.batch_norm_relu(x, nn.BatchNorm2d(16))
        assert torch.equal(y, F.relu(nn.BatchNorm2d(16)(x)))
        assert [r.message for r in caplog.records if "using plain PyTorch" in r.message]
    finally:
        available.cache_clear()


def test_turned_off_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESNET_FUSED", "0")
    available.cache_clear()
    try:
        assert not fused.available()
    finally:
        available.cache_clear()
