"""The fused CPU operations against the plain ones, in float64."""

from __future__ import annotations

import logging

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet.nets import kernels
from resnet.nets.kernels import available
from tests.nets.makers import TOLERANCE, close, images, needs_build


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
    y = kernels.batch_norm_relu(x, bn, shortcut, relu)
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
        y = kernels.batch_norm_relu(x, bn, shortcut)
        want = F.relu(nn.BatchNorm2d.forward(bn.double(), x.double()) + shortcut.double())
    close(y, want, TOLERANCE[dtype])
    bn.float()
    assert all(torch.equal(value, before[name]) for name, value in bn.state_dict().items())


@needs_build
def test_a_large_mean_does_not_cancel_the_variance() -> None:
    x = (torch.randn(8, 16, 16, 16) + 1000).contiguous(memory_format=torch.channels_last)
    y = kernels.batch_norm_relu(x, nn.BatchNorm2d(16), relu=False)
    close(y, nn.BatchNorm2d(16).double()(x.double()), 1e-3)


@needs_build
def test_nan_stays_nan() -> None:
    for dtype in (torch.float32, torch.bfloat16):
        x = images(2, 16, 4, 4, dtype=dtype)
        x[0, 3, 0, 1] = float("nan")
        y = kernels.batch_norm_relu(x, nn.BatchNorm2d(16))
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
        y = kernels.batch_norm_relu(x, bn, shortcut)
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
    y = kernels.batch_norm_relu(x, bn, x)
    assert len(calls) == (case == "hook")
    want = nn.BatchNorm2d(channels).to(x.dtype)(x)
    assert torch.equal(y, F.relu(want + x))


def test_evaluation_mode_with_gradients_goes_the_plain_way() -> None:
    bn = norm(16).eval()
    x = images(2, 16, 4, 4, dtype=torch.float32).requires_grad_()
    kernels.batch_norm_relu(x, bn).sum().backward()
    assert x.grad is not None


def test_without_a_compiler_a_line_is_logged_and_plain_operations_work(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: object
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    available.cache_clear()
    try:
        with caplog.at_level(logging.WARNING):
            x = images(2, 16, 4, 4, dtype=torch.float32)
            y = kernels.batch_norm_relu(x, nn.BatchNorm2d(16))
        assert torch.equal(y, F.relu(nn.BatchNorm2d(16)(x)))
        assert [r.message for r in caplog.records if "using plain PyTorch" in r.message]
    finally:
        available.cache_clear()


def test_turned_off_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESNET_FUSED", "0")
    available.cache_clear()
    try:
        assert not kernels.available()
    finally:
        available.cache_clear()
