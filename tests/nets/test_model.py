"""The nets of section 4.2: exact counts, shapes, names, and what the shortcuts compute."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from resnet.depth import blocks_per_stage
from resnet.nets.model import DepthNet, ZeroPaddedIdentity, he_initialisation, plain, resnet
from resnet.training.draws import generator
from tests.nets.makers import images


def test_depth_is_six_n_plus_two() -> None:
    assert [blocks_per_stage(depth) for depth in (8, 20, 56, 110, 1202)] == [1, 3, 9, 18, 200]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("resnet", 21), "20 and 26"),
        (("resnet", 0), "8 and 14"),
        (("other", 20), "neither"),
        (("resnet", 20, "D"), "not A, B or C"),
        (("resnet", 20, "A", "middle"), "neither"),
    ],
)
def test_what_is_no_net_is_refused(arguments: tuple[Any, ...], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        DepthNet(*arguments)


def test_volumes_of_the_stages() -> None:
    net, x = resnet(8).eval(), torch.randn(2, 3, 32, 32)
    volumes = {net.conv1: (16, 32, 32), net.layer1: (16, 32, 32), net.layer2: (32, 16, 16), net.layer3: (64, 8, 8)}
    for part, volume in volumes.items():
        x = part(x)
        assert x.shape == (2, *volume)
    assert net(torch.randn(2, 3, 32, 32)).shape == (2, 10)


@pytest.mark.parametrize(("padding", "before"), [("both", 8), ("end", 0)])
def test_zero_padding_takes_every_second_pixel_and_leaves_new_channels_zero(padding: str, before: int) -> None:
    x = torch.randn(2, 16, 32, 32)
    y = ZeroPaddedIdentity(16, 32, 2, padding)(x)
    assert torch.equal(y[:, before : before + 16], x[:, :, ::2, ::2])
    assert y[:, :before].abs().sum() == 0
    assert y[:, before + 16 :].abs().sum() == 0


def test_the_gradient_of_the_zero_padded_identity_goes_to_every_second_pixel_in_channels_last_memory() -> None:
    x = images(2, 16, 32, 32, dtype=torch.float32).requires_grad_()
    y = ZeroPaddedIdentity(16, 32, 2, "both")(x)
    dy = images(2, 32, 16, 16, dtype=torch.float32, seed=1)
    (dx,) = torch.autograd.grad(y, x, dy)
    assert y.is_contiguous(memory_format=torch.channels_last)
    assert dx.is_contiguous(memory_format=torch.channels_last)
    expected = torch.zeros(2, 16, 32, 32)
    expected[:, :, ::2, ::2] = dy[:, 8:24]
    assert torch.equal(dx, expected)


def test_a_residual_block_adds_its_input_before_the_last_relu() -> None:
    block: Any = resnet(8).layer1[0].eval()
    x = torch.randn(2, 16, 32, 32)
    inner = block.bn2(block.conv2(torch.relu(block.bn1(block.conv1(x)))))
    torch.testing.assert_close(block(x), torch.relu(inner + x))


def test_a_plain_net_is_the_residual_one_without_shortcuts() -> None:
    residual, without = resnet(8).eval(), plain(8).eval()
    without.load_state_dict(residual.state_dict())
    block: Any = without.layer2[0]
    x = torch.randn(2, 16, 32, 32)
    torch.testing.assert_close(block(x), torch.relu(block.bn2(block.conv2(torch.relu(block.bn1(block.conv1(x)))))))
    assert not torch.allclose(residual(torch.randn(2, 3, 32, 32)), without(torch.randn(2, 3, 32, 32)))


def test_names_follow_torchvision() -> None:
    from torchvision.models.resnet import BasicBlock, ResNet

    theirs = set(ResNet(BasicBlock, [3, 3, 3, 3]).state_dict())
    ours = set(resnet(20, "B").state_dict())
    assert ours <= theirs


def test_he_initialisation_has_variance_two_over_fan_in() -> None:
    net = resnet(20)
    he_initialisation(net, generator(0, "initialisation"))
    weight = net.get_parameter("layer3.1.conv1.weight")
    assert weight.std().item() == pytest.approx((2 / (9 * 64)) ** 0.5, rel=0.02)
    assert abs(weight.mean().item()) < 1e-3
    assert net.fc.bias.abs().sum() == 0


def test_initial_weights_are_a_function_of_the_seed() -> None:
    first, again, other = resnet(8), resnet(8), resnet(8)
    for net, seed in ((first, 0), (again, 0), (other, 1)):
        torch.randn(7)  # the global generator's history must not matter
        he_initialisation(net, generator(seed, "initialisation"))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert not torch.equal(first.conv1.weight, other.conv1.weight)
