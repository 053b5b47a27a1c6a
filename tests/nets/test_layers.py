"""The layer table: exact multiply-adds for every depth of the paper."""

from __future__ import annotations

import pytest

from resnet.nets.layers import describe
from resnet.params import load


@pytest.mark.parametrize("net", ["resnet", "plain"])
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
def test_counts_of_the_papers_nets(net: str, depth: int, parameters: int, millions: float) -> None:
    record = describe(load(None).settings_for(net, depth))
    assert record.parameters == parameters
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
