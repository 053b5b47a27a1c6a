"""A step in a CUDA graph computes, at each replay, what it computes without one."""

from __future__ import annotations

import pytest
import torch

from resnet.measuring.graphs import graphed


@pytest.mark.gpu
def test_a_replay_reads_what_lies_in_the_steps_memory_now() -> None:
    x, seen = torch.ones(1000, device="cuda"), torch.zeros((), device="cuda")

    def step() -> torch.Tensor:
        seen.add_(1)
        return 2 * x

    replay = graphed(step)
    captured = int(seen)
    for value in (3.0, -1.0):
        x.fill_(value)
        result = replay()
        assert isinstance(result, torch.Tensor)
        assert torch.equal(result, torch.full_like(x, 2 * value))
    assert int(seen) == captured + 2, "a step is done once a call"
