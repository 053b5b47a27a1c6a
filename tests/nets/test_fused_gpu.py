"""The kernels for GPUs against the plain operations in float64: on a GPU, or in Triton's interpreter on a CPU."""

from __future__ import annotations

import logging

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet.nets import fused
from tests.conftest import KERNELS

pytest.importorskip("triton")
from resnet.nets import fused_gpu

pytestmark = [pytest.mark.gpu] if KERNELS.type == "cuda" else []

TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 1e-2}
"""Relative to the largest value of the reference: float32 rounding, and bfloat16's 8 bits of significand."""

SHAPES = [(16, 32, 32), (32, 16, 16), (64, 8, 8)]
"""What the nets' batch norms see."""


def close(computed: Tensor, exact: Tensor, tolerance: float) -> None:
    error = (computed.double().cpu() - exact.cpu()).abs().max().item()
    assert error <= tolerance * max(1.0, exact.abs().max().item()), error


def images(*shape: int, dtype: torch.dtype, seed: int = 0, mean: float = 1) -> Tensor:
    values = torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * 2 + mean
    return values.to(KERNELS, dtype).contiguous(memory_format=torch.channels_last)


def norm(channels: int) -> nn.BatchNorm2d:
    bn, generator = nn.BatchNorm2d(channels), torch.Generator().manual_seed(7)
    with torch.no_grad():
        bn.weight.copy_(torch.rand(channels, generator=generator) + 0.5)
        bn.bias.copy_(torch.randn(channels, generator=generator))
    return bn.to(KERNELS)


def trains_as_the_plain_operations(shape: tuple[int, ...], dtype: torch.dtype, with_shortcut: bool, relu: bool) -> None:
    x = images(*shape, dtype=dtype).requires_grad_()
    shortcut = images(*shape, dtype=dtype, seed=1).requires_grad_() if with_shortcut else None
    dy = images(*shape, dtype=dtype, seed=2)
    bn = norm(shape[1])
    y = fused_gpu.train(x, bn, shortcut, relu)
    assert y.dtype == dtype
    assert y.is_contiguous(memory_format=torch.channels_last)
    y.backward(dy)

    reference = norm(shape[1]).double()
    x64 = x.detach().double().requires_grad_()
    shortcut64 = None if shortcut is None else shortcut.detach().double().requires_grad_()
    exact = reference(x64)
    if shortcut64 is not None:
        exact = exact + shortcut64
    # Rounding may take a sum near zero to either side, so the reference has the same mask.
    gradient = dy.double() * (y.detach() > 0) if relu else dy.double()
    exact.backward(gradient)
    close(y.detach(), F.relu(exact.detach()) if relu else exact.detach(), TOLERANCE[dtype])
    for leaf, leaf64 in ((x, x64), (shortcut, shortcut64)):
        if leaf is not None and leaf64 is not None:
            assert leaf.grad is not None
            assert leaf64.grad is not None
            assert leaf.grad.dtype == dtype
            close(leaf.grad, leaf64.grad, TOLERANCE[dtype])
    # Per-channel results are float32 whatever the activations are; sums cancel, so their terms are the measure.
    normal = F.batch_norm(x64.detach(), None, None, training=True)
    for parameter, exact_sum, terms in (
        (bn.weight, reference.weight.grad, gradient * normal),
        (bn.bias, reference.bias.grad, gradient),
    ):
        assert parameter.grad is not None
        assert exact_sum is not None
        assert parameter.grad.dtype == torch.float32
        assert ((parameter.grad - exact_sum).abs() <= 1e-6 * terms.abs().sum((0, 2, 3)) + 1e-9).all()
    for name, buffer in reference.named_buffers():
        close(bn.get_buffer(name), buffer.double(), 1e-5)
    assert bn.num_batches_tracked == 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("with_shortcut", "relu"), [(True, True), (True, False), (False, True), (False, False)])
def test_small_odd_batches_train_as_the_plain_operations(
    shape: tuple[int, ...], dtype: torch.dtype, with_shortcut: bool, relu: bool
) -> None:
    trains_as_the_plain_operations((3, *shape), dtype, with_shortcut, relu)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("batch", [100, 128])
@pytest.mark.parametrize(("with_shortcut", "relu"), [(True, True), (False, False)])
def test_whole_batches_train_as_the_plain_operations(
    shape: tuple[int, ...], dtype: torch.dtype, batch: int, with_shortcut: bool, relu: bool
) -> None:
    trains_as_the_plain_operations((batch, *shape), dtype, with_shortcut, relu)


@pytest.mark.parametrize("shape", [(2, 16, 1, 1), (1, 128, 3, 1), (5, 256, 7, 9), (1, 64, 65, 127)])
def test_other_shapes_train_as_the_plain_operations(shape: tuple[int, ...]) -> None:
    """Two pixels; fewer than a tile has; many channels; two tiles in a part, of which the last is not full."""
    trains_as_the_plain_operations(shape, torch.float32, with_shortcut=True, relu=True)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", SHAPES)
def test_evaluation_mode_uses_and_keeps_the_running_statistics(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    bn = norm(shape[0])
    bn(images(8, shape[0], 4, 4, dtype=torch.float32))
    before = {name: value.clone() for name, value in bn.eval().state_dict().items()}
    x, shortcut = images(3, *shape, dtype=dtype), images(3, *shape, dtype=dtype, seed=1)
    for given in (shortcut, None):
        for relu in (True, False):
            with torch.inference_mode():
                y = fused_gpu.normalise(x, bn, given, relu)
            exact = F.batch_norm(x.double(), *(before[key].double() for key in KEYS), eps=bn.eps)
            exact = exact if given is None else exact + given.double()
            close(y, F.relu(exact) if relu else exact, TOLERANCE[dtype])
    assert all(torch.equal(value, before[name]) for name, value in bn.state_dict().items())


KEYS = ("running_mean", "running_var", "weight", "bias")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_same_inputs_give_the_same_bits(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    def once() -> list[Tensor]:
        bn = norm(shape[0])
        x = images(5, *shape, dtype=dtype).requires_grad_()
        shortcut = images(5, *shape, dtype=dtype, seed=1).requires_grad_()
        y = fused_gpu.train(x, bn, shortcut, True)
        gradients = torch.autograd.grad(y, [x, shortcut, bn.weight, bn.bias], images(5, *shape, dtype=dtype, seed=2))
        return [y.detach(), *gradients, *bn.buffers()]

    first, second = once(), once()
    assert len(first) == 8
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_a_large_mean_does_not_cancel_the_variance() -> None:
    x = images(8, 16, 32, 33, dtype=torch.float32, mean=2000)
    y = fused_gpu.train(x, nn.BatchNorm2d(16).to(KERNELS), None, False)
    close(y.detach(), nn.BatchNorm2d(16).double()(x.double().cpu()).detach(), 1e-3)


def test_nan_stays_nan() -> None:
    for dtype in (torch.float32, torch.bfloat16):
        x = images(2, 16, 4, 4, dtype=dtype)
        x[0, 3, 0, 1] = float("nan")
        y = fused_gpu.train(x, nn.BatchNorm2d(16).to(KERNELS), None, True)
        assert y[:, 3].isnan().all()
        assert not y[:, 4].isnan().any()


def test_a_gradient_of_another_type_and_layout_is_taken() -> None:
    x = images(3, 16, 8, 8, dtype=torch.bfloat16).requires_grad_()
    dy = images(3, 16, 8, 8, dtype=torch.bfloat16, seed=2)
    results = []
    for gradient in (dy, dy.float().contiguous(memory_format=torch.contiguous_format)):
        y = fused_gpu._BatchNormReLU.apply(  # autograd itself would cast the gradient to the output's type
            x, *norm(16).parameters(), None, *norm(16).buffers(), 0.1, 1e-5, True
        )
        results.append(torch.autograd.grad(y, x, gradient.to(y.dtype))[0])
    assert torch.equal(*results)


def test_the_check_passes_where_the_kernels_are_right_even_in_an_evaluation() -> None:
    with torch.inference_mode(), torch.autocast(KERNELS.type, torch.bfloat16):
        fused_gpu.check(KERNELS)


def test_the_check_tells_a_wrong_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    right = fused_gpu.train

    def forgets_the_shortcut(x: Tensor, bn: nn.BatchNorm2d, shortcut: Tensor | None, relu: bool) -> Tensor:
        y: Tensor = right(x, bn, None, relu)
        return y if shortcut is None else y + 0 * shortcut

    monkeypatch.setattr(fused_gpu, "train", forgets_the_shortcut)
    with pytest.raises(RuntimeError, match=r"output in torch.float32 is .* from that of the plain operations"):
        fused_gpu.check(KERNELS)


@pytest.mark.skipif(KERNELS.type == "cuda", reason="a machine without a GPU")
def test_where_the_check_fails_a_line_is_logged_and_plain_operations_work(caplog: pytest.LogCaptureFixture) -> None:
    fused.gpu_kernels.cache_clear()
    try:
        with caplog.at_level(logging.WARNING):
            assert fused.gpu_kernels() is None
            assert fused.gpu_kernels() is None
        assert len([r for r in caplog.records if "fused GPU operations not used" in r.message]) == 1
    finally:
        fused.gpu_kernels.cache_clear()


def test_turned_off_by_the_environment(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("RESNET_FUSED", "0")
    fused.gpu_kernels.cache_clear()
    try:
        assert fused.gpu_kernels() is None
        assert not caplog.records
    finally:
        fused.gpu_kernels.cache_clear()


@pytest.mark.skipif(KERNELS.type != "cuda", reason="only a GPU has graphs")
def test_a_graph_replays_the_same_bits() -> None:
    x, shortcut = images(128, 16, 32, 32, dtype=torch.bfloat16), images(128, 16, 32, 32, dtype=torch.bfloat16, seed=1)
    dy = images(128, 16, 32, 32, dtype=torch.bfloat16, seed=2)
    x.requires_grad_()
    shortcut.requires_grad_()
    bn = norm(16)

    def run() -> list[Tensor]:
        y = fused_gpu.train(x, bn, shortcut, True)
        return [y.detach(), *torch.autograd.grad(y, [x, shortcut, bn.weight, bn.bias], dy)]

    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        eager = run()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        replayed = run()
    graph.replay()
    torch.cuda.synchronize()
    assert all(torch.equal(a, b) for a, b in zip(eager, replayed, strict=True))
    assert bn.num_batches_tracked == 2
