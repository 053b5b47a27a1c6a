"""torch.hub's entry points, loaded as torch.hub loads them."""

from __future__ import annotations

import runpy
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from resnet.errors import UserError
from resnet.nets.model import count_parameters, resnet

ROOT = Path(__file__).parent.parent


def test_every_net_is_an_entry_point_with_words_of_its_own_and_nothing_else_is() -> None:
    module = runpy.run_path(str(ROOT / "hubconf.py"))
    # What torch.hub.list calls an entry point.
    points = {name: point for name, point in module.items() if callable(point) and not name.startswith("_")}
    nets = {"resnet": (20, 32, 44, 56, 110, 1202), "plain": (20, 32, 44, 56, 110)}
    assert sorted(points) == sorted(f"{net}{depth}" for net, depths in nets.items() for depth in depths)
    assert "The plain net of 56 layers" in points["plain56"].__doc__


def test_the_nets_have_the_papers_parameters() -> None:
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


def test_pretrained_takes_the_checkouts_weights_or_says_where_they_come_from(tmp_path: Path) -> None:
    shutil.copy(ROOT / "hubconf.py", tmp_path)
    with pytest.raises(UserError, match=r"no weights of resnet-20, seed 1, .*dvc pull"):
        torch.hub.load(str(tmp_path), "resnet20", source="local", pretrained=True, seed=1)
    built = resnet(20)
    (tmp_path / "weights/resnet-20/seed-1").mkdir(parents=True)
    save_file(built.state_dict(), tmp_path / "weights/resnet-20/seed-1/model.safetensors")
    loaded = torch.hub.load(str(tmp_path), "resnet20", source="local", pretrained=True, seed=1)
    assert torch.equal(loaded.conv1.weight, built.conv1.weight)


def test_pretrained_prefers_the_plans_weights_and_takes_the_first_seed_that_there_is(tmp_path: Path) -> None:
    shutil.copy(ROOT / "hubconf.py", tmp_path)
    nets = {"runs/train/plain-20/seed-0": resnet(20), "weights/plain-20/seed-2": resnet(20)}
    for folder, net in nets.items():
        (tmp_path / folder).mkdir(parents=True)
        save_file(net.state_dict(), tmp_path / folder / "model.safetensors")
    loaded = torch.hub.load(str(tmp_path), "plain20", source="local", pretrained=True)
    assert torch.equal(loaded.conv1.weight, nets["weights/plain-20/seed-2"].conv1.weight)
