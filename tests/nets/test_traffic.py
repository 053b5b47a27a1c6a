"""Multiply-adds and bytes counted by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from resnet.measuring.latency import PARTS, work
from resnet.measuring.throughput import count_work
from resnet.nets.layers import describe
from resnet.nets.traffic import count
from resnet.params import load


def test_one_convolution_by_hand() -> None:
    with torch.device("meta"):
        conv = nn.Conv2d(2, 4, kernel_size=3, stride=2, padding=1, bias=False)
    found = count(conv, (2, 8, 8), reads_images=False)
    # Input 2 x 8 x 8 = 128 numbers, output 4 x 4 x 4 = 64, weight 4 x 2 x 3 x 3 = 72.
    assert (found.parameters, found.multiply_adds) == (72, 72 * 16)
    assert found.flops("forward", 10) == 2 * 10 * 72 * 16
    assert found.flops("forward+backward", 10) == 3 * 2 * 10 * 72 * 16
    assert found.bytes("inference", 10, "fp32") == 10 * (128 + 64) * 4 + 72 * 4
    # Input read twice and its gradient written; output written and its gradient read; the weight
    # read twice and its gradient written.
    assert found.bytes("forward+backward", 10, "bf16") == 10 * (3 * 128 + 2 * 64) * 2 + 3 * 72 * 4
    assert found.update_bytes() == 5 * 72 * 4


def test_images_need_no_gradient() -> None:
    with torch.device("meta"):
        net = nn.Sequential(nn.Conv2d(3, 4, 1, bias=False), nn.Conv2d(4, 4, 1, bias=False))
    found = count(net, (3, 2, 2), reads_images=True)
    assert found.multiply_adds == 12 * 4 + 16 * 4
    assert found.flops("forward+backward", 1) == 2 * (2 * 12 * 4 + 3 * 16 * 4)
    assert found.bytes("forward+backward", 1, "fp32") == 4 * (2 * 12 + 2 * 16 + 3 * 16 + 2 * 16) + 4 * 3 * 28


@pytest.mark.parametrize(("net", "depth"), [("resnet", 20), ("plain", 110)])
def test_parts_add_up_to_the_net(net: str, depth: int) -> None:
    n = (depth - 2) // 6
    times = dict.fromkeys(PARTS, 1) | {"stage1-identity": n, "stage2-identity": n - 1, "stage3-identity": n - 1}
    whole = work(net, "net", depth, "A")
    of_parts = {part: work("both" if part in ("stem", "head") else net, part, None, "A") for part in PARTS}
    assert sum(times[part] * of_parts[part].multiply_adds for part in PARTS) == whole.multiply_adds
    assert sum(times[part] * of_parts[part].parameters for part in PARTS) == whole.parameters
    for passes in ("inference", "forward", "forward+backward"):
        assert sum(times[part] * of_parts[part].flops(passes, 2) for part in PARTS) == whole.flops(passes, 2)
        assert sum(times[p] * of_parts[p].bytes(passes, 2, "bf16") for p in PARTS) == whole.bytes(passes, 2, "bf16")


def test_a_training_step_counts_three_forward_passes() -> None:
    settings = load(None).settings_for("resnet", 20)
    training, inference = count_work(settings, "bf16", 128)
    assert inference.flops == 2 * 128 * describe(settings).multiply_adds == 2 * 128 * 40_551_040
    assert training.flops == 3 * inference.flops
    assert training.intensity == training.flops / training.bytes
