"""Test errors of weights, ours and as others publish them, read without running their code."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from resnet.data import Data, read
from resnet.errors import UserError
from resnet.measuring import evaluate as evaluating
from resnet.measuring.evaluate import Evaluation, evaluate, evaluate_weights, evaluation_batch_size
from resnet.nets.model import he_initialisation, resnet
from resnet.nets.weights import load_weights
from resnet.params import DataParams, Settings, load
from resnet.runs import run as running
from resnet.runs.results import Folders
from resnet.runs.run import Run
from resnet.system import Machine
from resnet.training.batches import Labelled, normalise, on_device
from resnet.training.draws import generator
from tests.conftest import CPU, Command

Tiny = Callable[..., Settings]


@pytest.fixture
def net() -> torch.nn.Module:
    built = resnet(8)
    he_initialisation(built, generator(0, "initialisation"))
    return built


def test_the_error_is_the_share_of_wrong_predictions(net: torch.nn.Module, digits: Data) -> None:
    mean = torch.zeros(32, 32, 3)
    labelled = on_device(digits.test, CPU.device)
    evaluation = evaluate(net, labelled, lambda images: normalise(images, mean), CPU)
    assert evaluation is not None
    net.eval()
    with torch.inference_mode():
        logits = net(torch.from_numpy(digits.test.images).float() / 255)
    expected = (logits.argmax(1) != labelled.labels).sum().item()
    assert evaluation.wrong == expected
    assert evaluation.error == pytest.approx(100 * expected / 90)
    assert evaluation.loss == pytest.approx(torch.nn.functional.cross_entropy(logits, labelled.labels).item(), rel=1e-5)


def test_the_net_stays_in_its_mode_and_nothing_is_found_without_images(net: torch.nn.Module) -> None:
    none = Labelled(torch.zeros(0, 32, 32, 3, dtype=torch.uint8), torch.zeros(0, dtype=torch.int64))
    net.train()
    assert evaluate(net, none, lambda images: images, CPU) is None
    some = Labelled(torch.zeros(3, 32, 32, 3, dtype=torch.uint8), torch.zeros(3, dtype=torch.int64))
    before = net.bn1.running_mean.clone()  # type: ignore[union-attr, operator]
    evaluate(net, some, lambda images: normalise(images, torch.zeros(32, 32, 3)), CPU)
    assert net.training
    assert torch.equal(before, net.bn1.running_mean)  # type: ignore[union-attr, arg-type]


def test_evaluating_a_runs_weights_gives_its_own_test_error(
    device: torch.device, tiny: Tiny, digits: Data, tmp_path: Path
) -> None:
    settings, machine = tiny(iterations=40, batch_size=32), Machine(device, "bf16")
    record = Run(settings, 0, digits, Folders(tmp_path, tmp_path, tmp_path), machine).execute()
    again = evaluate_weights(settings, tmp_path / "model.safetensors", digits, machine.at("fp32"))
    assert again.test_error == record.test_error
    assert again.test_loss == record.test_loss
    for net, padding in (("plain", "both"), ("resnet", "end")):
        other = load(None, [f"model.zero_padding={padding}"]).settings_for(net, 8)
        with pytest.raises(UserError, match="weights of the residual net of 8 layers with shortcut A, zero padding bo"):
            evaluate_weights(other, tmp_path / "model.safetensors", digits, machine.at("fp32"))


class Operations(TorchDispatchMode):
    """Writes down what is computed: operations, shapes and numbers, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        said = [tuple(a.shape) if isinstance(a, torch.Tensor) else a for a in tree_leaves((args, kwargs or {}))]
        self.lines.append(f"{func} {said}")
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("compiled", ["false", "true"])
def test_the_curve_the_last_iterate_and_the_command_compute_the_same(
    compiled: str, tiny: Tiny, digits: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Operation by operation, in batches of one size: no image can fall to another side in one of them."""
    evaluations: list[tuple[list[str], Evaluation]] = []

    def watched(*arguments: Any) -> Evaluation | None:
        with Operations() as operations:
            evaluation = evaluate(*arguments)
        assert evaluation is not None
        evaluations.append((operations.lines, evaluation))
        return evaluation

    monkeypatch.setattr(evaluating, "CPU_BATCH_SIZE", 25)
    monkeypatch.setattr(evaluating, "evaluate", watched)
    monkeypatch.setattr(running, "evaluate", watched)
    settings = tiny(compile=compiled, batch_size=4, iterations=4, evaluate_every=2)
    with torch.compiler.set_stance("default", force_backend="eager"):
        Run(settings, 0, digits, Folders(tmp_path, tmp_path, tmp_path), CPU).execute()
    evaluate_weights(settings, tmp_path / "model.safetensors", digits, CPU)
    (curve, _), (last, of_run), (command, of_command) = (e for e in evaluations if len(e[1].predictions) == 90)
    assert curve == last == command
    assert len([line for line in command if "cross_entropy" in line or "nll_loss" in line]) == 4
    assert torch.equal(of_run.predictions, of_command.predictions)
    assert of_run.loss == of_command.loss
    stored = np.load(tmp_path / "test_predictions.npy")[:, 1]
    assert (stored == of_command.predictions.numpy()).all()


def test_a_gpu_evaluates_in_large_batches_everywhere() -> None:
    nvidia, apple = (Machine(torch.device(name), "bf16") for name in ("cuda", "mps"))
    assert [evaluation_batch_size(machine) for machine in (nvidia, apple, CPU)] == [2500, 2500, 500]


def test_projections_named_shortcut_are_found(tmp_path: Path) -> None:
    built = resnet(8, "B")
    torch.save({k.replace("downsample", "shortcut"): v for k, v in built.state_dict().items()}, tmp_path / "b.pt")
    load_weights(resnet(8, "B"), tmp_path / "b.pt")
    with pytest.raises(UserError, match=r"weights of another net.*shortcut=B"):
        load_weights(resnet(8), tmp_path / "b.pt")


class Harm:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("harmed",)


def test_a_file_that_would_run_code_is_refused(
    net: torch.nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": Harm()}, "w.pt")
    with pytest.raises(UserError, match="run its code"):
        load_weights(net, Path("w.pt"))
    assert not (tmp_path / "harmed").exists()
    torch.save(resnet(8).state_dict() | {"fc.weight": torch.zeros(100, 64)}, "w.pt")
    with pytest.raises(UserError, match=r"fc\.weight is \(100, 64\) instead of \(10, 64\)"):
        load_weights(net, Path("w.pt"))


def test_the_command_prints_the_error_for_others_normalisation(
    net: torch.nn.Module, tmp_path: Path, command: Command
) -> None:
    """Of a file in PyTorch's first format, with NumPy's numbers, and names of DataParallel and a `linear` layer."""
    digits = read("digits", DataParams(validation=100))
    state = {name: tensor for name, tensor in net.state_dict().items() if not name.endswith("num_batches_tracked")}
    state = {f"module.{name.replace('fc.', 'linear.')}": tensor for name, tensor in state.items()}
    theirs = {"state_dict": state, "best": np.float64(91.7), "epoch": np.int64(3)}
    torch.save(theirs, tmp_path / "w.th", _use_new_zipfile_serialization=False)
    mean, std = [0.3, 0.4, 0.5], [0.2, 0.25, 0.3]
    done = command(
        "evaluate", "--net", "resnet", "--depth", "8", "--weights", "w.th", "--data", "digits",
        "--mean", ",".join(map(str, mean)), "--std", ",".join(map(str, std)), "--set", "data.validation=100",
        "--format", "json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    x = torch.from_numpy(digits.test.images).float() / 255
    x = (x - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
    net.eval()
    with torch.inference_mode():
        wrong = (net(x).argmax(1).numpy() != digits.test.labels).mean()
    printed = json.loads(done.stdout)
    assert printed["test_error"] == pytest.approx(100 * wrong)
    assert printed["official"] is False
