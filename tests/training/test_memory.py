"""What a run keeps in memory, and what follows from it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from resnet.params import Settings
from resnet.system import Machine
from resnet.training.memory import activation_bytes, recomputes, seeds_at_once
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
