"""The kernels for GPUs where no numbers are: every batch norm goes through them, and compilers take them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.func import functional_call
from torch.utils._python_dispatch import TorchDispatchMode

from resnet.nets import fused
from resnet.nets.model import DepthNet
from resnet.training.trainer import cast_weights
from tests.conftest import KERNELS

pytest.importorskip("triton")
from resnet.nets import fused_gpu


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
    """The same on KERNELS: without a GPU autograd has no backward pass for tensors on `cuda`."""
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
    with torch.autocast(KERNELS.type, torch.bfloat16, enabled=low):  # for `cuda`, only where there is a GPU
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
    model = build(KERNELS.type, net, 20, shortcut)
    model.recompute = recompute
    with Kernels() as kernels:
        forward(model, low).sum().backward()
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
            net = build(KERNELS.type, "resnet", depth)
            with Kernels() as kernels:
                forward(net, low=True).sum().backward()
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
    environment = {key: value for key, value in os.environ.items() if key != "TRITON_INTERPRET"}
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
