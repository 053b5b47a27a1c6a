"""The layer table, exact for every depth of the paper; multiply-adds counted by hand."""

from __future__ import annotations

import pytest
from torch import nn

from resnet.nets.layers import describe, walk
from resnet.nets.model import DepthNet, count_parameters
from resnet.params import load


@pytest.mark.parametrize(
    ("depth", "parameters", "millions"),
    [
        (20, 269_722, 40.55),
        (32, 464_154, 68.86),
        (44, 658_586, 97.17),
        (56, 853_018, 125.49),
        (110, 1_727_962, 252.89),
        (1202, 19_421_274, 2829.24),
    ],
)
def test_counts_of_the_papers_nets(depth: int, parameters: int, millions: float) -> None:
    """The paper has no plain net of 1202 layers."""
    for net in ("resnet", "plain")[: 2 if depth < 1202 else 1]:
        record = describe(load(None).settings_for(net, depth))
        assert record.parameters == count_parameters(DepthNet(net, depth)) == parameters
        assert round(record.multiply_adds / 1e6, 2) == millions


def test_the_layers_of_resnet_8() -> None:
    record = describe(load(None).settings_for("resnet", 8))
    weighted = [layer for layer in record.layers if layer.kind in ("conv", "fc")]
    assert len(weighted) == 8
    rows = {layer.name: layer for layer in record.layers}
    down = rows["layer2.0.conv1"]
    assert (down.kernel, down.stride, down.output) == ("3x3", 2, (32, 16, 16))
    assert (down.parameters, down.multiply_adds) == (9 * 16 * 32, 9 * 16 * 32 * 16 * 16)
    assert rows["avgpool"].output == (64,)
    assert rows["layer2.0.downsample"].parameters == 0
    assert rows["fc"].parameters == 650


def test_projections_are_counted() -> None:
    record = describe(load(None, ["model.shortcut=B"]).settings_for("resnet", 20))
    assert record.parameters == 272_474
    names = [layer.name for layer in record.layers if layer.kernel == "1x1"]
    assert names == ["layer2.0.downsample.0", "layer3.0.downsample.0"]


def test_one_convolution_by_hand() -> None:
    conv = nn.Conv2d(2, 4, kernel_size=3, stride=2, padding=1, bias=False)
    counted = walk(conv, (2, 8, 8))  # output 4 x 4 x 4, weight 4 x 2 x 3 x 3 = 72
    assert (counted.parameters, counted.multiply_adds) == (72, 72 * 16)


def test_a_wider_net_has_wider_layers_by_hand() -> None:
    record = describe(load(None, ["model.width=2"]).settings_for("resnet", 8))
    layers = {layer.name: layer for layer in record.layers}
    assert [layers[f"layer{k}.0.conv2"].output for k in (1, 2, 3)] == [(32, 32, 32), (64, 16, 16), (128, 8, 8)]
    assert layers["conv1"].parameters == 9 * 3 * 32
    assert layers["fc"].parameters == 128 * 10 + 10
    convolutions = 3 * 32 + 2 * 32 * 32 + (32 * 64 + 64 * 64) + (64 * 128 + 128 * 128)
    batch_norms = 2 * (3 * 32 + 2 * 64 + 2 * 128)
    assert record.parameters == 9 * convolutions + batch_norms + 128 * 10 + 10
