"""Layer responses against the standard deviations of the layers' outputs, taken one by one."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from safetensors.torch import save_file

from resnet.data import Data
from resnet.errors import UserError
from resnet.measuring.responses import measure_responses, response_std
from resnet.nets.model import DepthNet, he_initialisation
from resnet.params import Settings
from resnet.runs.seeds import train_seeds
from resnet.training.batches import normalise, on_device
from resnet.training.draws import generator
from tests.conftest import CPU


@pytest.mark.parametrize(("net", "shortcut"), [("plain", "A"), ("resnet", "A"), ("resnet", "C")])
def test_the_response_is_the_batch_norms_output(net: str, shortcut: str, digits: Data) -> None:
    built = DepthNet(net, 8, shortcut).to(memory_format=torch.channels_last)
    he_initialisation(built, generator(0, "initialisation"))
    images = on_device(digits.train, CPU.device).images[:60]
    single_view = partial(normalise, mean=torch.zeros(32, 32, 3))
    built.train()
    stds = response_std(built, images, single_view, CPU)
    assert built.training
    blocks = [f"layer{k}.0.bn{j}" for k in (1, 2, 3) for j in (1, 2)]
    assert list(stds) == ["bn1", *blocks]  # seven 3x3 layers; projections are not among them

    built.eval()
    with torch.inference_mode():
        x = built.bn1(built.conv1(single_view(images)))
        first = x.std(correction=0).item()
        block: Any = built.layer1[0]
        second = block.bn2(block.conv2(torch.relu(block.bn1(block.conv1(torch.relu(x)))))).std(correction=0).item()
    assert stds["bn1"] == pytest.approx(first, rel=1e-5)
    assert stds["layer1.0.bn2"] == pytest.approx(second, rel=1e-5)


def test_every_seed_with_weights_is_measured(tiny: Callable[..., Settings], digits: Data, tmp_path: Path) -> None:
    settings = tiny(seeds=3)
    for seed in (0, 2):
        built = DepthNet("resnet", 8)
        he_initialisation(built, generator(seed, "initialisation"))
        (tmp_path / f"seed-{seed}").mkdir()
        save_file(built.state_dict(), tmp_path / f"seed-{seed}/model.safetensors")
    record = measure_responses(settings, tmp_path, digits, 50, CPU)
    assert [seed.seed for seed in record.seeds] == [0, 2]
    assert record.images == 50
    assert record.seeds[0].std != record.seeds[1].std
    assert all(len(seed.std) == len(record.layers) == 7 for seed in record.seeds)
    assert measure_responses(settings, tmp_path, digits, 0, CPU).images == len(digits.train)
    with pytest.raises(UserError, match="holds no weights of resnet-8: train it first"):
        measure_responses(settings, tmp_path / "elsewhere", digits, 50, CPU)


def test_a_seed_without_weights_keeps_what_was_measured_of_it(
    tiny: Callable[..., Settings], digits: Data, tmp_path: Path
) -> None:
    settings = tiny(seeds=2)
    out, weights = (tmp_path / folder / settings.name for folder in ("runs/train", "weights"))
    train_seeds(settings, [0, 1], digits, out, CPU, weights=weights, console=Console(file=io.StringIO()))
    first = measure_responses(settings, weights, digits, 50, CPU)
    one = first.model_copy(update={"seeds": first.seeds[:1]})
    both = measure_responses(settings, weights, digits, 50, CPU, one)  # one seed more
    assert both.seeds == (first.seeds[0].model_copy(update={"system": first.system}), first.seeds[1])
    (weights / "seed-0/model.safetensors").unlink()
    assert measure_responses(settings, weights, digits, 50, CPU, first) == first

    def measured_again(images: int = 50, seeds: int = 2) -> list[int]:
        plan = tiny(seeds=seeds)
        return [seed.seed for seed in measure_responses(plan, weights, digits, images, CPU, first).seeds]

    assert measured_again(images=40) == [1]  # of other images
    shutil.copy(out / "seed-1/metrics.json", out / "seed-0/metrics.json")
    assert measured_again() == [1]  # of a run that has other weights now
    (out / "seed-0/metrics.json").unlink()
    assert measured_again() == [1]  # of a run that is gone
    shutil.copytree(weights / "seed-1", weights / "seed-0", dirs_exist_ok=True)
    assert measured_again(seeds=1) == [0]  # of a seed that is no longer planned
