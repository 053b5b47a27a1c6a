"""torch.hub's entry points, loaded as torch.hub loads them."""

from __future__ import annotations

import re
import runpy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch

from resnet.data import Data
from resnet.errors import UserError
from resnet.nets.model import DepthNet, count_parameters, resnet
from resnet.nets.weights import load_weights
from resnet.params import Settings, load
from resnet.results import TrainingRecord
from resnet.runs.results import Folders, seed_folders
from resnet.runs.run import Run
from resnet.training.batches import Batches
from tests.conftest import CPU

ROOT = Path(__file__).parent.parent


def hub(root: Path, entry: str, **options: Any) -> DepthNet:
    net: DepthNet = torch.hub.load(str(root), entry, source="local", **options)
    return net


def same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What a clone has that pretrained nets are made of."""
    for name in ("hubconf.py", "params.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "runs/train", tmp_path / "runs/train")
    return tmp_path


def test_every_net_is_an_entry_point_and_nothing_else_is() -> None:
    module = runpy.run_path(str(ROOT / "hubconf.py"))
    points = {name: point for name, point in module.items() if callable(point) and not name.startswith("_")}
    nets = {"resnet": (20, 32, 44, 56, 110, 1202), "plain": (20, 32, 44, 56, 110)}
    assert sorted(points) == sorted(f"{net}{depth}" for net, depths in nets.items() for depth in depths)
    assert "The plain net of 56 layers" in points["plain56"].__doc__
    with torch.device("meta"):
        residual, plain = (hub(ROOT, f"{net}56") for net in nets)
    assert count_parameters(residual) == count_parameters(plain) == 853_018


def test_weights_of_others_are_taken_without_facts(tmp_path: Path) -> None:
    built = resnet(20, "B")
    torch.save(built.state_dict(), tmp_path / "w.pt")
    loaded = hub(ROOT, "resnet20", shortcut="B", weights=str(tmp_path / "w.pt"))
    assert count_parameters(loaded) == 272_474
    assert same(loaded, built)
    assert (loaded.facts, loaded.classes, loaded.preprocess) == (None, None, None)


def test_the_readmes_lines_classify_an_image(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.S)
    (lines,) = (block for block in blocks if "torch.hub.load" in block)
    assert len([line for line in lines.splitlines() if line and not line.startswith("import ")]) == 3
    PIL.Image.new("RGB", (40, 64), (90, 160, 250)).save(checkout / "photo.jpg")
    monkeypatch.chdir(checkout)
    exec(lines)
    assert capsys.readouterr().out.splitlines()[-1] == "airplane"  # a blue sky


def test_pretrained_weights_are_those_that_the_record_names(checkout: Path) -> None:
    net = hub(checkout, "resnet20", pretrained=True)
    assert not net.training
    assert net.facts is not None
    assert (net.facts.seed, net.facts.test_error, net.facts.iterations) == (1, 8.42, 64_000)
    expected = resnet(20)
    load_weights(expected, checkout / "runs/train/resnet-20/seed-1/model.safetensors")
    assert same(net, expected)
    for entry, error in (("plain20", 9.79), ("resnet56", 7.78)):
        assert hub(checkout, entry, pretrained=True).facts.test_error == error  # type: ignore[union-attr]
    for entry, options, says in (
        ("resnet20", {"seed": 0}, "seed 0: its record names no weights"),
        ("resnet20", {"seed": 2}, "seed 2: not run"),
        ("plain110", {}, r"no weights of a finished run of plain-110 .* `dvc pull` or `dvc repro train@plain-110`"),
        ("resnet20", {"shortcut": "B"}, "does not plan the residual net of 20 layers with shortcut B"),
    ):
        with pytest.raises(UserError, match=says):
            hub(checkout, entry, pretrained=True, **options)


def test_an_experiments_weights_are_not_pretrained(checkout: Path, digits: Data, tmp_path: Path) -> None:
    """As `dvc exp run -S train.iterations=20` and what a user may do after it leave a folder, step by step."""
    params, plan = checkout / "params.yaml", (checkout / "params.yaml").read_text()
    params.write_text(plan.replace("iterations: 64000", "iterations: 20").replace("batch_size: 128", "batch_size: 4"))
    folders = seed_folders(checkout / "runs/train/resnet-20", 1, checkout / "weights/resnet-20")
    shutil.rmtree(folders.results)
    assert Run(load(params).settings("resnet-20"), 1, digits, folders, CPU).execute().status == "done"
    with pytest.raises(UserError, match=r"plans 20 of the paper's 64,000 iterations"):
        hub(checkout, "resnet20", pretrained=True)
    params.write_text(plan)
    with pytest.raises(UserError, match=r"seed 1: made by other settings.*train.iterations is 20 there and 64000"):
        hub(checkout, "resnet20", pretrained=True)
    record = TrainingRecord.read(ROOT / "runs/train/resnet-20/seed-1/metrics.json")
    record.write(folders.metrics_file)  # `git checkout .`, in a clone whose weights are in DVC's cache alone
    with pytest.raises(UserError, match=r"seed 1: .*weights/resnet-20/seed-1/.* record names"):
        hub(checkout, "resnet20", pretrained=True)
    shutil.copy(ROOT / "runs/train/resnet-20/seed-1/model.safetensors", folders.results)
    assert hub(checkout, "resnet20", pretrained=True).facts.test_error == 8.42  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"status": "interrupted", "iteration": 9000, "files": {}}, "seed 1: interrupted after 9,000 of 64,000"),
        ({"status": "diverged", "files": {}}, "seed 1: diverged"),
        ({"seed": 3}, "seed 1: .*holds seed 3, not 1"),
    ],
)
def test_unfinished_runs_are_not_pretrained(changes: dict[str, Any], says: str, checkout: Path) -> None:
    path = checkout / "runs/train/resnet-20/seed-1/metrics.json"
    TrainingRecord.read(path).model_copy(update=changes).write(path)
    with pytest.raises(UserError, match=says):
        hub(checkout, "resnet20", pretrained=True, seed=1)


def test_new_weights_say_what_they_are(tiny: Callable[..., Settings], digits: Data, tmp_path: Path) -> None:
    settings = tiny(depth=20, iterations=3, evaluate_every=3, batch_size=4)
    record = Run(settings, 5, digits, Folders(*[tmp_path / "run"] * 3), CPU).execute()
    (tmp_path / "run/model.safetensors").rename(tmp_path / "sent.safetensors")  # far from its record
    net = hub(ROOT, "resnet20", weights=str(tmp_path / "sent.safetensors"))
    facts = net.facts
    assert facts is not None
    assert (facts.net, facts.depth, facts.shortcut, facts.zero_padding) == ("resnet", 20, "A", "both")
    assert (facts.seed, facts.iterations, facts.test_error) == (5, 3, record.test_error)
    assert facts.commit == record.segments[-1].system.commit or str(facts.commit).endswith("-dirty")
    assert net.classes == digits.record.classes
    assert net.preprocess is not None
    images = np.moveaxis(digits.test.images[:7], 1, -1)
    expected = Batches(digits, 0, 4, CPU.device).single_view(torch.from_numpy(images.copy()))
    assert torch.equal(net.preprocess(images), expected)
    assert torch.equal(net.preprocess(PIL.Image.fromarray(images[3])), expected[3:4])
    for wrong in (images[0, :, :, 0], images.astype(np.float32), digits.test.images[:2]):
        with pytest.raises(ValueError, match="where uint8"):
            net.preprocess(wrong)
    with pytest.raises(UserError, match="weights of the residual net of 20 layers"):
        hub(ROOT, "plain20", weights=str(tmp_path / "sent.safetensors"))
