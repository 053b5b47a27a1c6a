"""What a run keeps in memory, and what follows from it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from resnet.params import Settings
from resnet.system import Machine
from resnet.training.memory import MOST_AT_ONCE, activation_bytes, recomputes, seeds_at_once
from tests.conftest import CPU


def test_what_fits_is_kept_and_what_does_not_is_computed_again(
    tiny: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tiny(net="resnet", depth=1202, batch_size=128)
    # 400 layers each of 16, 8 and 4 thousand numbers, kept before and after batch norm; and the stem.
    volumes = 16384 + 400 * (16384 + 8192 + 4096)
    assert activation_bytes(deep, "fp32") == 2 * 4 * 128 * volumes
    for gigabytes, expected in ((16, True), (80, False)):
        monkeypatch.setattr(Machine, "memory_bytes", lambda machine, total=gigabytes: total * 2**30)
        assert recomputes(deep, CPU) is expected
        assert not recomputes(deep, CPU.at("bf16"))
        assert not recomputes(tiny(), CPU)
    assert seeds_at_once(tiny(), CPU) == 1
    assert seeds_at_once(tiny(seeds_at_once=4), CPU) == 4


def test_seeds_side_by_side_need_streams_and_are_eight_at_most(
    tiny: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    nvidia, apple = (Machine(torch.device(name), "fp32") for name in ("cuda", "mps"))
    small, deep = (tiny(depth=depth, batch_size=128) for depth in (20, 1202))
    monkeypatch.setattr(Machine, "memory_bytes", lambda machine: 141 * 2**30)
    assert [seeds_at_once(small, machine) for machine in (nvidia, apple, CPU)] == [MOST_AT_ONCE, 1, 1]
    assert MOST_AT_ONCE == 8
    assert 1 < seeds_at_once(deep, nvidia) < MOST_AT_ONCE
    monkeypatch.setattr(Machine, "memory_bytes", lambda machine: 6 * 2**30)
    assert 1 < seeds_at_once(small, nvidia) < MOST_AT_ONCE
