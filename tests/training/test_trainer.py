"""Ways to train that change no bit, and a compiled block that serves every depth."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch._dynamo.utils import counters
from torch.func import functional_call

from resnet.data import Data
from resnet.nets import fused
from resnet.params import Settings
from resnet.system import arithmetic
from resnet.training.trainer import Trainer, build_net, cast_weights

CPU = torch.device("cpu")


def weights(trainer: Trainer, iterations: int) -> dict[str, torch.Tensor]:
    for _ in range(iterations):
        trainer.advance()
    return {name: tensor.clone() for name, tensor in trainer.net.state_dict().items()}


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_recomputed_activations_train_the_same_weights(
    precision: str, tiny: Callable[..., Settings], digits: Data
) -> None:
    kept, again = (
        weights(Trainer(tiny(recompute=recompute), 0, digits, CPU, precision), 4) for recompute in ("false", "true")
    )
    assert kept.keys() == again.keys()
    assert all(torch.equal(kept[name], again[name]) for name in kept)


@pytest.mark.parametrize("recompute", [False, True])
def test_weights_cast_together_train_as_those_that_autocast_casts(
    recompute: bool, tiny: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fused, "available", lambda: False)  # a CPU's kernels keep weight gradients in float32
    x = torch.randn(16, 3, 32, 32, generator=torch.Generator().manual_seed(0))

    def gradients(together: bool) -> list[torch.Tensor]:
        net = build_net(tiny(), 10, 0, CPU).train()
        net.recompute = recompute
        with arithmetic("bf16", CPU):
            logits = functional_call(net, cast_weights(net, torch.bfloat16) if together else {}, (x,))
        logits.float().logsumexp(1).sum().backward()
        return [logits.detach(), *(p.grad for p in net.parameters() if p.grad is not None), *net.buffers()]

    together, expected = gradients(together=True), gradients(together=False)
    assert len(together) == len(expected) == 1 + 7 + 2 + 5 * 7
    assert all(torch.equal(a, b) for a, b in zip(together, expected, strict=True))
    assert all(a.dtype == b.dtype for a, b in zip(together, expected, strict=True))


def test_losses_and_errors_lie_where_their_iteration_says(tiny: Callable[..., Settings], digits: Data) -> None:
    trainer = Trainer(tiny(), 0, digits, CPU, "fp32")
    rates = [trainer.advance() for _ in range(3)]
    assert rates == [0.1, 0.1, 0.1]
    assert trainer.progress.iteration == 3
    assert (trainer.progress.losses[:3] > 0).all()
    assert (trainer.progress.losses[3:] == 0).all()
    assert ((trainer.progress.wrong[:3] >= 0) & (trainer.progress.wrong[:3] <= 16)).all()


@pytest.mark.slow
def test_blocks_are_compiled_once_whatever_the_depth(tiny: Callable[..., Settings], digits: Data) -> None:
    """Five shapes of blocks: one of stage 1, a down-sampling and an identity one of stages 2 and 3."""
    compiled = {}
    for depth in (14, 26):
        torch._dynamo.reset()
        counters.clear()
        trainer = Trainer(tiny(depth=depth, compile="true", batch_size=4), 0, digits, CPU, "fp32")
        plainly = Trainer(tiny(depth=depth, batch_size=4), 0, digits, CPU, "fp32")
        trainer.advance()
        plainly.advance()
        assert float(trainer.progress.losses[0]) == pytest.approx(float(plainly.progress.losses[0]), rel=1e-3)
        assert trainer.net.state_dict().keys() == plainly.net.state_dict().keys()
        compiled[depth] = counters["stats"]["unique_graphs"]
    assert compiled == {14: 5, 26: 5}
