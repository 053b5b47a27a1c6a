"""The fused CPU operations against the plain ones, in float64."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet.nets import kernels
from tests.nets.makers import TOLERANCE, close, has_the_same_bits, images, needs_build


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
    x, shortcut, dy = (images(5, channels, 7, 9, dtype=dtype, seed=seed) for seed in range(3))
    inputs = [x.requires_grad_(), shortcut.requires_grad_()][: 1 + with_shortcut]
    bn, reference = norm(channels), norm(channels).double()
    y = kernels.batch_norm_relu(x, bn, shortcut if with_shortcut else None, relu)
    assert y.dtype == dtype
    assert "_BatchNormReLU" in type(y.grad_fn).__name__
    got = torch.autograd.grad(y, [*inputs, bn.weight, bn.bias], dy)

    exact = [tensor.detach().double().requires_grad_() for tensor in inputs]
    want = reference(exact[0]) + sum(exact[1:])
    # Rounding may take a sum near zero to either side, so the reference has the same mask.
    gradient = dy.double() * (y.detach() > 0) if relu else dy.double()
    wanted = torch.autograd.grad(want, [*exact, reference.weight, reference.bias], gradient)
    close(y, F.relu(want) if relu else want, TOLERANCE[dtype])
    # Per-channel results are float32 whatever the activations are.
    for ours, theirs in zip(got, wanted, strict=True):
        close(ours, theirs, TOLERANCE[dtype] if ours.dim() > 1 else 1e-5)
    for name, value in reference.named_buffers():
        close(bn.get_buffer(name), value, 1e-5)
    assert bn.num_batches_tracked == 1


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
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_nan_stays_nan(dtype: torch.dtype) -> None:
    x = images(2, 16, 4, 4, dtype=dtype)
    x[0, 3, 0, 1] = float("nan")
    y = kernels.batch_norm_relu(x, nn.BatchNorm2d(16))
    assert y[:, 3].isnan().all()
    assert not y[:, 4].isnan().any()


@needs_build
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_same_bits_whatever_the_number_of_threads(dtype: torch.dtype) -> None:
    def once() -> list[Tensor]:
        bn = norm(32)
        x, shortcut, dy = (images(64, 32, 16, 16, dtype=dtype, seed=seed) for seed in range(3))
        y = kernels.batch_norm_relu(x.requires_grad_(), bn, shortcut.requires_grad_())
        return [y, *torch.autograd.grad(y, [x, shortcut, bn.weight, bn.bias], dy), *bn.state_dict().values()]

    has_the_same_bits(once, 2, 2, 1)


@pytest.mark.parametrize(
    "case", ["channels", "contiguous", "double", "hook", "evaluation", "no affine", "no statistics"]
)
def test_what_the_kernel_does_not_take_goes_the_plain_way(case: str) -> None:
    channels = 10 if case == "channels" else 16
    x = torch.randn(2, channels, 4, 4)
    if case != "contiguous":
        x = x.contiguous(memory_format=torch.channels_last)
    kinds = {"no affine": {"affine": False}, "no statistics": {"track_running_stats": False}}
    bn = nn.BatchNorm2d(channels, **kinds.get(case, {})).train(case != "evaluation")  # evaluated, with gradients
    calls = []
    if case == "double":
        x, bn = x.double(), bn.double()
    if case == "hook":
        bn.register_forward_hook(lambda module, inputs, output: calls.append(output))
    y = kernels.batch_norm_relu(x, bn, x)
    assert len(calls) == (case == "hook")
    want = nn.BatchNorm2d(channels).to(x.dtype).train(bn.training)(x)
    assert torch.equal(y, F.relu(want + x))
    assert y.requires_grad == (case != "no affine")
