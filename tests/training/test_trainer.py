"""Ways to train that change no bit, and a compiled block that serves every depth."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch._dynamo.utils import counters

from resnet.data import Data
from resnet.files import say_once
from resnet.nets import kernels
from resnet.params import Settings
from resnet.runs.results import Folders
from resnet.runs.run import Run
from resnet.system import Machine
from resnet.training.trainer import EAGER_ITERATIONS, Trainer, build_net
from tests.conftest import CPU, same


def weights(trainer: Trainer, iterations: int) -> dict[str, torch.Tensor]:
    for _ in range(iterations):
        trainer.advance()
    trainer.synchronise()
    return {name: tensor.clone() for name, tensor in trainer.net.state_dict().items()}


@pytest.mark.parametrize(("net", "precision"), [("plain", "fp32"), ("resnet", "bf16")])
def test_recomputed_activations_train_the_same_weights(
    net: str, precision: str, device: torch.device, tiny: Callable[..., Settings], digits: Data
) -> None:
    machine = Machine(device, precision)
    kept, again = (
        weights(Trainer(tiny(net, recompute=recompute), 0, digits, machine), EAGER_ITERATIONS + 2)
        for recompute in ("false", "true")
    )
    assert same(kept, again)


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_cuda_graph_trains_the_same_weights(precision: str, tiny: Callable[..., Settings], digits: Data) -> None:
    machine = Machine(torch.device("cuda"), precision)
    graphed, eager = (Trainer(tiny(depth=20, iterations=20), 0, digits, machine) for _ in range(2))
    eager._graphed = False
    assert same(*(weights(trainer, EAGER_ITERATIONS + 17) for trainer in (graphed, eager)))


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU captures graphs")
def test_training_goes_on_without_a_graph_that_cannot_be_captured(
    tiny: Callable[..., Settings], digits: Data, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without CUDA every capture fails; a line says it once, and the bits are those without a graph."""
    say_once.cache_clear()
    trainers = [Trainer(tiny(), 0, digits, CPU) for _ in range(3)]
    for trainer in trainers[:2]:
        trainer._graphed = True
    expected, *without = (weights(trainer, EAGER_ITERATIONS + 2) for trainer in reversed(trainers))
    assert all(same(each, expected) for each in without)
    assert all(trainer._graph is None for trainer in trainers)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("no CUDA graph can be captured (")


def gradients(net: torch.nn.Module, machine: Machine, dtype: torch.dtype = torch.float32) -> dict[str, torch.Tensor]:
    """Logits and all gradients of one mini-batch, as float64 on the CPU."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(32, 3, 32, 32, generator=generator).contiguous(memory_format=torch.channels_last)
    labels = torch.randint(0, 10, (32,), generator=generator)
    with machine.arithmetic():
        logits = net(x.to(machine.device, dtype))
        loss = torch.nn.functional.cross_entropy(logits.to(dtype), labels.to(machine.device))
    loss.backward()
    every = torch.cat([parameter.grad.flatten() for parameter in net.parameters()])  # type: ignore[union-attr]
    return {"logits": logits.detach().double().cpu(), "gradients": every.double().cpu()}


def errors(settings: Settings, machine: Machine, exact: dict[str, torch.Tensor]) -> dict[str, float]:
    """The norm of the difference from the exact logits and gradients, relative to theirs."""
    computed = gradients(build_net(settings, 10, 0, machine.device), machine)
    return {name: float((computed[name] - exact[name]).norm() / exact[name].norm()) for name in exact}


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_gradients_are_as_good_as_those_of_plain_operations(
    precision: str, device: torch.device, tiny: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within four times what PyTorch's own operations on a CPU are from float64, in the same run."""
    settings = tiny(depth=20)
    with monkeypatch.context() as plain:
        plain.setattr(kernels, "available", lambda: False)
        exact = gradients(build_net(settings, 10, 0, CPU.device).double(), CPU, torch.float64)
        allowed = errors(settings, CPU.at(precision), exact)
    for name, error in errors(settings, Machine(device, precision), exact).items():
        assert 0 < error <= 4 * allowed[name], name


@pytest.mark.slow
def test_a_compiled_net_trains_as_one_that_is_not(tiny: Callable[..., Settings], digits: Data) -> None:
    torch._dynamo.reset()
    compiled, plainly = (Trainer(tiny(depth=14, compile=c, batch_size=4), 0, digits, CPU) for c in ("true", "false"))
    compiled.advance(), plainly.advance()
    assert float(compiled.progress.losses[0]) == pytest.approx(float(plainly.progress.losses[0]), rel=1e-3)
    assert compiled.net.state_dict().keys() == plainly.net.state_dict().keys()


@pytest.mark.slow
def test_training_and_evaluation_need_no_graph_beyond_the_five(
    tiny: Callable[..., Settings], digits: Data, tmp_path: Path
) -> None:
    """Curve, validation and last iterate, in bf16 and fp32, last batches that are smaller: all run as written."""
    torch._dynamo.reset()
    counters.clear()
    settings = tiny(depth=14, compile="true", batch_size=4, iterations=5, evaluate_every=2)
    with torch.compiler.set_stance("default", force_backend="eager"):  # graphs are made, and not compiled
        record = Run(settings, 0, digits, Folders(*[tmp_path] * 3), CPU.at("bf16")).execute()
    assert record.status == "done"
    assert counters["stats"]["unique_graphs"] == 5
    assert not counters["recompile_limit"]
    assert not counters["graph_break"]


@pytest.mark.slow
def test_a_process_compiles_whatever_nets_it_trains(tiny: Callable[..., Settings], digits: Data) -> None:
    torch._dynamo.reset()
    counters.clear()
    options = [(14, "A", "both"), (26, "A", "both"), (14, "A", "end"), (14, "B", "both"), (14, "C", "both")]
    with torch.compiler.set_stance("default", force_backend="eager"):
        for depth, shortcut, padding in options:
            settings = tiny(depth=depth, compile="true", batch_size=4)
            model = settings.model.model_copy(update={"shortcut": shortcut, "zero_padding": padding})
            for precision in ("fp32", "bf16"):
                Trainer(settings.model_copy(update={"model": model}), 0, digits, CPU.at(precision)).advance()
    assert not counters["recompile_limit"]
    # Whatever the depth: one block of stage 1, a down-sampling and an identity one of stages 2 and 3. Identity blocks
    # are alike in A and B; where a shape changes padding, its other way and a projection differ.
    assert counters["stats"]["unique_graphs"] == 2 * (5 + 2 + 2 + 3)


def test_one_source_of_randomness_can_be_fixed(tiny: Callable[..., Settings], digits: Data) -> None:
    def trainer(seed: int, **keys: int) -> Trainer:
        return Trainer(tiny(**keys), seed, digits, CPU)

    def alike(one: Trainer, other: Trainer) -> tuple[bool, bool]:
        weights = torch.equal(one.net.conv1.weight, other.net.conv1.weight)
        return weights, torch.equal(one.batches.draws(3), other.batches.draws(3))

    assert alike(trainer(1), trainer(2)) == (False, False)
    assert alike(trainer(1, initialisation_seed=7), trainer(2, initialisation_seed=7)) == (True, False)
    assert alike(trainer(1, order_seed=7), trainer(2, order_seed=7)) == (False, True)
    assert alike(trainer(7), trainer(1, initialisation_seed=7, order_seed=7)) == (True, True)
