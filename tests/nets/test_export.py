"""Nets for other programs: files that compute what the net does, and FX tracing."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from resnet.errors import UserError
from resnet.nets.export import FORMATS, TOLERANCE, export
from resnet.nets.model import DepthNet, he_initialisation
from tests.conftest import Command


def trained(net: str, shortcut: str = "A") -> DepthNet:
    """A net whose running statistics are not those that it starts with."""
    built = DepthNet(net, 8, shortcut)
    he_initialisation(built, torch.Generator().manual_seed(0))
    built(torch.randn(16, 3, 32, 32, generator=torch.Generator().manual_seed(1)))
    return built


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(("net", "shortcut"), [("resnet", "A"), ("resnet", "B"), ("plain", "A"), ("preact", "A")])
def test_the_file_computes_what_the_net_does(suffix: str, net: str, shortcut: str, tmp_path: Path) -> None:
    path = tmp_path / f"net{suffix}"
    assert export(trained(net, shortcut).to(memory_format=torch.channels_last), path) <= TOLERANCE
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


class Drawn(nn.Module):
    """A net whose logits are another draw each time: no file can agree with it."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1)[:, :10] + torch.rand_like(images.flatten(1)[:, :10])


def test_a_file_that_disagrees_is_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "net.torchscript"
    path.write_text("earlier")
    with pytest.raises(UserError, match="from the net's; nothing was written"):
        export(Drawn(), path)
    assert path.read_text() == "earlier"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("net", ["resnet", "plain", "preact"])
@pytest.mark.parametrize("training", [True, False])
def test_fx_traces_the_net(net: str, training: bool) -> None:
    built = trained(net).train(training)
    traced = torch.fx.symbolic_trace(built)
    images = torch.randn(4, 3, 32, 32)
    assert torch.allclose(traced(images), built(images), atol=1e-5)
    assert {"conv1", "layer1.0.conv1", "fc"} <= {node.target for node in traced.graph.nodes}


def test_a_file_as_typed(command: Command, tmp_path: Path) -> None:
    save_file(trained("resnet").state_dict(), tmp_path / "model.safetensors")
    done = command("export", "--depth", "8", "--weights", "model.safetensors", "--out", "net.pt2")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("net.pt2: resnet-8; its logits are within ")
    refused = command("export", "--depth", "8", "--weights", "model.safetensors", "--out", "net.h5")
    assert (refused.returncode, refused.stderr.strip()) == (
        1,
        "resnet: net.h5: the suffix says the format, one of .pt2, .onnx, .torchscript",
    )
