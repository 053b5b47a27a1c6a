"""torch.hub's entry points, loaded as torch.hub loads them."""

from __future__ import annotations

from pathlib import Path

import torch

from resnet.nets.model import count_parameters, resnet

ROOT = Path(__file__).parent.parent


def test_every_net_of_the_paper_is_an_entry_point() -> None:
    for depth in (20, 32, 44, 56, 110):
        with torch.device("meta"):
            residual, plain = (
                torch.hub.load(str(ROOT), f"{net}{depth}", source="local") for net in ("resnet", "plain")
            )
        assert count_parameters(residual) == count_parameters(plain) == count_parameters(resnet(depth))


def test_a_net_with_weights(tmp_path: Path) -> None:
    built = resnet(20, "B")
    torch.save(built.state_dict(), tmp_path / "w.pt")
    loaded = torch.hub.load(str(ROOT), "resnet20", source="local", shortcut="B", weights=str(tmp_path / "w.pt"))
    assert count_parameters(loaded) == 272_474
    assert torch.equal(loaded.conv1.weight, built.conv1.weight)
