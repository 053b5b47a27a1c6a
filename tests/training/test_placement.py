"""How a net trains on a machine, from what it keeps in memory."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from resnet.params import Settings
from resnet.system import Machine
from resnet.training import placement
from resnet.training.placement import MOST_AT_ONCE, place, run_bytes
from tests.conftest import CPU


def test_what_fits_is_kept_and_what_does_not_is_computed_again(
    tiny: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tiny(net="resnet", depth=1202, batch_size=128)
    # 400 layers each of 16, 8 and 4 thousand numbers, kept before and after batch norm; and the stem.
    volumes = 16384 + 400 * (16384 + 8192 + 4096)
    assert run_bytes(deep, "fp32") == 1.3 * 2 * 4 * 128 * volumes + 700 * 2**20
    monkeypatch.setattr(placement, "memory_limit", lambda: None)
    for gigabytes, expected in ((16, True), (80, False)):
        monkeypatch.setattr(Machine, "memory_bytes", lambda machine, total=gigabytes: total * 2**30)
        assert place(deep, CPU).recompute is expected
        assert not place(deep, CPU.at("bf16")).recompute
        assert not place(tiny(), CPU).recompute
    monkeypatch.setattr(placement, "memory_limit", lambda: 16 * 2**30)  # of a container on a larger machine
    assert place(deep, CPU).recompute
    assert place(tiny(), CPU).seeds == 1
    assert place(tiny(seeds_at_once=4), CPU).seeds == 4


def test_seeds_side_by_side_need_streams_and_are_eight_at_most(
    tiny: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    nvidia, apple = (Machine(torch.device(name), "fp32") for name in ("cuda", "mps"))
    small, deep = (tiny(depth=depth, batch_size=128) for depth in (20, 1202))
    monkeypatch.setattr(Machine, "memory_bytes", lambda machine: 141 * 2**30)
    assert [place(small, machine).seeds for machine in (nvidia, apple, CPU)] == [MOST_AT_ONCE, 1, 1]
    assert MOST_AT_ONCE == 8
    assert 1 < place(deep, nvidia).seeds < MOST_AT_ONCE
    monkeypatch.setattr(Machine, "memory_bytes", lambda machine: 6 * 2**30)
    assert 1 < place(small, nvidia).seeds < MOST_AT_ONCE
