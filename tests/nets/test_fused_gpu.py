"""The kernels for GPUs against the plain operations in float64: on a GPU, or in Triton's interpreter on a CPU."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.func import functional_call
from torch.utils._python_dispatch import TorchDispatchMode

from resnet.nets import fused
from resnet.nets.model import DepthNet
from resnet.training.trainer import cast_weights

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")

INTERPRET = {"TRITON_INTERPRET": "1"} if DEVICE.type == "cpu" else {}

# Triton decides at import whether it compiles or interprets; without a GPU nothing else here imports it.
with pytest.MonkeyPatch.context() as patch:
    for name, value in INTERPRET.items():
        patch.setenv(name, value)
    pytest.importorskip("triton")
    from resnet.nets import fused_gpu


@pytest.fixture(autouse=True)
def _interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in INTERPRET.items():
        monkeypatch.setenv(name, value)


pytestmark = [pytest.mark.gpu] if DEVICE.type == "cuda" else []

TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 1e-2}
"""Relative to the largest value of the reference: float32 rounding, and bfloat16's 8 bits of significand."""

SHAPES = [(16, 32, 32), (32, 16, 16), (64, 8, 8)]
"""What the nets' batch norms see."""


def close(computed: Tensor, exact: Tensor, tolerance: float) -> None:
    error = (computed.double().cpu() - exact.cpu()).abs().max().item()
    assert error <= tolerance * max(1.0, exact.abs().max().item()), error


def images(*shape: int, dtype: torch.dtype, seed: int = 0, mean: float = 1) -> Tensor:
    values = torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * 2 + mean
    return values.to(DEVICE, dtype).contiguous(memory_format=torch.channels_last)


def norm(channels: int) -> nn.BatchNorm2d:
    bn, generator = nn.BatchNorm2d(channels), torch.Generator().manual_seed(7)
    with torch.no_grad():
        bn.weight.copy_(torch.rand(channels, generator=generator) + 0.5)
        bn.bias.copy_(torch.randn(channels, generator=generator))
    return bn.to(DEVICE)


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
    y = fused_gpu.train(x, nn.BatchNorm2d(16).to(DEVICE), None, False)
    close(y.detach(), nn.BatchNorm2d(16).double()(x.double().cpu()).detach(), 1e-3)


def test_nan_stays_nan() -> None:
    for dtype in (torch.float32, torch.bfloat16):
        x = images(2, 16, 4, 4, dtype=dtype)
        x[0, 3, 0, 1] = float("nan")
        y = fused_gpu.train(x, nn.BatchNorm2d(16).to(DEVICE), None, True)
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
    with torch.inference_mode(), torch.autocast(DEVICE.type, torch.bfloat16):
        fused_gpu.check(DEVICE)


def test_the_check_tells_a_wrong_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    right = fused_gpu.train

    def forgets_the_shortcut(x: Tensor, bn: nn.BatchNorm2d, shortcut: Tensor | None, relu: bool) -> Tensor:
        y: Tensor = right(x, bn, None, relu) + 0 * shortcut
        return y

    monkeypatch.setattr(fused_gpu, "train", forgets_the_shortcut)
    with pytest.raises(RuntimeError, match=r"output in torch.float32 is .* from that of the plain operations"):
        fused_gpu.check(DEVICE)


@pytest.mark.skipif(DEVICE.type == "cuda", reason="a machine without a GPU")
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


class Kernels(TorchDispatchMode):
    """Counts the operations that launch a kernel: all but views and allocations."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name, returns = func._schema.name, func._schema.returns
        view = any(value.alias_info and not value.alias_info.is_write for value in returns)
        if not view and name not in NO_KERNEL:
            self.counts[name] += 2 if name in ("resnet_gpu::forward", "resnet_gpu::backward") else 1
        return func(*args, **(kwargs or {}))


NO_KERNEL = {"prim::device", *(f"aten::{name}" for name in ("empty", "empty_like", "empty_strided", "new_empty"))}


@pytest.fixture
def fake_gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tensors on `cuda` that have shapes, types and memory formats, but no numbers; the check has none to hold."""
    monkeypatch.setattr(fused, "gpu_kernels", lambda: fused_gpu)
    with FakeTensorMode():
        yield


@pytest.fixture
def fake_kernels(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The same on DEVICE: without a GPU autograd has no backward pass for tensors on `cuda`."""
    monkeypatch.setattr(fused, "_kernels", lambda x: (fused_gpu.train, fused_gpu.normalise))
    monkeypatch.setattr(fused, "available", lambda: False)
    with FakeTensorMode():
        yield


def build(device: str, net: str, depth: int, shortcut: str = "A") -> DepthNet:
    """The net in training as `build_net` gives it: on the device, weights channels-last."""
    with torch.device(device):
        model = DepthNet(net, depth, shortcut)
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.weight = nn.Parameter(module.weight.detach().contiguous(memory_format=torch.channels_last))
    return model.train()


def forward(net: DepthNet, low: bool) -> Tensor:
    """The forward pass of 128 images."""
    x = torch.empty(128, 3, 32, 32, device=net.fc.weight.device).contiguous(memory_format=torch.channels_last)
    weights = cast_weights(net, torch.bfloat16) if low else {}
    with torch.autocast(DEVICE.type, torch.bfloat16, enabled=low):  # for `cuda`, only where there is a GPU
        logits: Tensor = functional_call(net, weights, (x.bfloat16() if low else x,))
    assert logits.shape == (128, 10)
    assert logits.dtype == (torch.bfloat16 if low else torch.float32)
    return logits


def norms(net: DepthNet) -> int:
    """Batch norms, without those of projections, which are plain modules."""
    named = net.named_modules()
    return sum(isinstance(module, nn.BatchNorm2d) and "downsample" not in name for name, module in named)


def plain_names(kernels: Kernels) -> list[str]:
    return [name for name in kernels.counts if any(part in name for part in ("batch_norm", "relu", "threshold"))]


NETS = [("resnet", "A"), ("resnet", "B"), ("plain", "A"), ("preact", "A")]


@pytest.mark.parametrize(("net", "shortcut"), NETS)
def test_on_cuda_every_batch_norm_goes_through_the_kernels(net: str, shortcut: str, fake_gpu: None) -> None:
    """In fp32: without a GPU, PyTorch believes that bfloat16 convolutions give another memory format."""
    model = build("cuda", net, 20, shortcut)
    with Kernels() as training:
        forward(model, low=False)
    with torch.no_grad(), Kernels() as evaluation:
        forward(model.eval(), low=False)
    assert training.counts["resnet_gpu::forward"] == 2 * norms(model)
    assert evaluation.counts["resnet_gpu::normalise"] == norms(model)
    assert shortcut == "B" or not plain_names(training) + plain_names(evaluation)


def test_on_cuda_bfloat16_goes_through_the_kernels(fake_gpu: None) -> None:
    x = torch.empty(3, 16, 32, 32, device="cuda", dtype=torch.bfloat16).contiguous(memory_format=torch.channels_last)
    with Kernels() as kernels:
        y = fused.batch_norm_relu(x, nn.BatchNorm2d(16, device="cuda"), torch.empty(x.shape, device="cuda"))
    assert kernels.counts["resnet_gpu::forward"] == 2
    assert y.dtype == torch.bfloat16
    assert y.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("low", [False, True], ids=["fp32", "bf16"])
@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize(("net", "shortcut"), NETS)
def test_gradients_flow_back_through_a_whole_net(
    net: str, shortcut: str, recompute: bool, low: bool, fake_kernels: None
) -> None:
    model = build(DEVICE.type, net, 20, shortcut)
    model.recompute = recompute
    with Kernels() as kernels:
        forward(model, low).sum().backward()  # type: ignore[no-untyped-call]
    again = norms(model) - 1 if recompute else 0  # all but one are in blocks
    assert kernels.counts["resnet_gpu::forward"] == 2 * (norms(model) + again)
    assert kernels.counts["resnet_gpu::backward"] == 2 * norms(model)
    assert shortcut == "B" or not plain_names(kernels)
    for parameter in model.parameters():
        assert parameter.grad is not None
        assert parameter.grad.dtype == torch.float32
        if parameter.dim() == 4:
            assert parameter.grad.is_contiguous(memory_format=torch.channels_last)


def test_the_kernels_of_a_layer_are_counted(fake_kernels: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Convolution 1 and 2, batch norm 2 and 2, half an addition of gradients."""

    def of_a_layer() -> float:
        totals = []
        for depth in (20, 32):
            net = build(DEVICE.type, "resnet", depth)
            with Kernels() as kernels:
                forward(net, low=True).sum().backward()  # type: ignore[no-untyped-call]
            # What PyTorch's own batch norm launches is more than the one that is counted.
            totals.append(kernels.counts.total() + kernels.counts["aten::convolution_backward"])
        return (totals[1] - totals[0]) / 12

    assert of_a_layer() == 7.5
    monkeypatch.setattr(fused, "_kernels", lambda x: None)
    assert of_a_layer() > 7.5


@pytest.mark.parametrize(
    "case", ["hook", "channels", "contiguous", "double", "no affine", "no statistics", "gradients"]
)
def test_what_the_kernels_do_not_take_goes_the_plain_way(case: str, fake_gpu: None) -> None:
    channels = 10 if case == "channels" else 16
    x = torch.empty(2, channels, 4, 4, device="cuda")
    if case != "contiguous":
        x = x.contiguous(memory_format=torch.channels_last)
    kinds: dict[str, dict[str, Any]] = {
        "no affine": {"affine": False},
        "no statistics": {"track_running_stats": False},
        "double": {"dtype": torch.float64},
    }
    bn = nn.BatchNorm2d(channels, device="cuda", **kinds.get(case, {}))
    calls: list[Tensor] = []
    if case == "hook":
        bn.register_forward_hook(lambda module, inputs, output: calls.append(output))
    if case == "double":
        x = x.double()
    if case == "gradients":  # in evaluation mode
        bn.eval()
        x.requires_grad_()
    with Kernels() as kernels:
        y = fused.batch_norm_relu(x, bn, x)
    assert y.shape == x.shape
    assert len(calls) == (case == "hook")
    assert not [name for name in kernels.counts if "resnet_gpu" in name]


COMPILE = """
from itertools import product
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from resnet.nets import fused_gpu

ABSENT = {"_normalise": ("shortcut", "parts", "saved", "batches"), "_gradient": ("y", "dshortcut"), "_sums": ("y",)}
TYPES = dict.fromkeys(("pixels", "tiles", "programs", "span"), "i32")
TYPES |= {"momentum": "fp32", "eps": "fp32", "batches": "*i64"}
targets = [GPUTarget("cuda", 80, 32), GPUTarget("cuda", 90, 32), GPUTarget("hip", "gfx942", 64)]
names = ("_statistics", "_normalise", "_sums", "_gradient")
for target, name, activations, whole in product(targets, names, ("*fp32", "*bf16"), (True, False)):
    kernel = getattr(fused_gpu, name)
    constants = {"BLOCK": 512, "CHANNELS": 16, "PARTS": 128, "RELU": whole}
    constants |= {} if whole else dict.fromkeys(ABSENT.get(name, ()))
    types = TYPES | dict.fromkeys(("x", "y", "dy", "dx", "shortcut", "dshortcut"), activations)
    arguments = kernel.arg_names
    constants = {key: value for key, value in constants.items() if key in arguments}
    signature = {key: "constexpr" if key in constants else types.get(key, "*fp32") for key in arguments}
    places = {(arguments.index(key),): value for key, value in constants.items()}
    triton.compile(ASTSource(kernel, signature, places), target=target, options={"num_warps": 8})
    print(target.arch, name, activations, whole)
"""


@pytest.mark.slow
def test_the_kernels_compile_for_gpus_that_are_not_here(tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if key not in INTERPRET}
    done = subprocess.run(
        [sys.executable, "-c", COMPILE],
        env=environment | {"TRITON_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(done.stdout.splitlines()) == 3 * 4 * 2 * 2


@pytest.mark.skipif(DEVICE.type != "cuda", reason="only a GPU has graphs")
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
