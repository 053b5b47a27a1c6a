"""Parts of a net: taken together they are the net, and what they compute adds up to its."""

from __future__ import annotations

import pytest
import torch

from resnet.measuring.parts import PARTS, SHAPES, SHARED, build, part_work, take
from resnet.nets.model import DepthNet, ResidualBlock


@pytest.mark.parametrize("net", ["resnet", "plain"])
def test_parts_in_a_row_are_the_net(net: str) -> None:
    whole = DepthNet(net, 14).eval()
    x = y = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        for part in PARTS:
            if part == "stage1-identity":
                y = whole.layer1[0](y)
            assert tuple(y.shape[1:]) == SHAPES[part]
            y = take(whole, part)(y)
        assert torch.equal(y, whole(x))


def test_a_part_has_the_shortcut_that_is_asked_for() -> None:
    block = build("resnet", "stage2-down", None, "B")
    assert isinstance(block, ResidualBlock)
    assert len(list(block.downsample.parameters())) == 3


@pytest.mark.parametrize(("net", "depth"), [("resnet", 20), ("plain", 110)])
def test_parts_add_up_to_the_net(net: str, depth: int) -> None:
    n = (depth - 2) // 6
    times = dict.fromkeys(PARTS, 1) | {"stage1-identity": n, "stage2-identity": n - 1, "stage3-identity": n - 1}
    whole = part_work(net, "net", depth, "A")
    parts = {part: part_work("both" if part in SHARED else net, part, None, "A") for part in PARTS}
    assert sum(times[part] * parts[part].multiply_adds for part in PARTS) == whole.multiply_adds
    assert sum(times[part] * parts[part].parameters for part in PARTS) == whole.parameters
