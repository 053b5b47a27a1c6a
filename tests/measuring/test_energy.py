"""Energy: NVML's counter where there is a GPU, None where there is none."""

from __future__ import annotations

import time
from typing import Any

import pytest
import torch

from resnet.measuring import energy
from resnet.measuring.energy import EnergyMeter, SharedEnergy, measure_energy
from resnet.results import Energy
from tests.conftest import CPU


def test_a_cpu_has_no_counter() -> None:
    meter = EnergyMeter(CPU.device)
    assert not meter.available
    assert meter.joules() is None
    assert measure_energy(lambda: None, 1, CPU) is None


def test_the_counter_is_in_millijoules_and_counts_from_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = iter([5_000, 7_500, 12_000])
    monkeypatch.setattr(energy, "_counter", lambda device: lambda: next(readings))
    meter = EnergyMeter(CPU.device)
    assert (meter.joules(), meter.joules()) == (2.5, 7.0)


def test_a_boards_energy_is_divided_among_those_that_use_it(monkeypatch: pytest.MonkeyPatch) -> None:
    board = 0
    monkeypatch.setattr(energy, "_counter", lambda device: lambda: board)
    shared, before = SharedEnergy(CPU.device), dict[str, Any]()

    def own(user: str) -> float | None:
        share = shared.share()
        return None if share is None else share - before[user]

    before["a"] = shared.join()
    board += 10_000
    before["b"] = shared.join()
    board += 6_000
    assert (own("a"), own("b")) == (13.0, 3.0)
    shared.leave()  # b
    board += 4_000
    assert own("a") == 17.0
    assert own("a") == 17.0, "a look at it takes nothing"


def test_without_a_counter_there_is_nothing_to_divide() -> None:
    shared = SharedEnergy(CPU.device)
    assert shared.join() is None
    shared.leave()
    assert shared.share() is None


def test_a_stretch_has_its_own_images_joules_and_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step of 16 images takes 2 J of a board that has counted before."""
    board, done = 7_000, 0

    def step() -> None:
        nonlocal board, done
        board += 2_000
        done += 1

    monkeypatch.setattr(energy, "_counter", lambda device: lambda: board)
    monkeypatch.setattr(energy, "STRETCH_SECONDS", 0.001)
    taken = measure_energy(step, 16, CPU)
    assert taken is not None
    assert len(taken.images) == 3
    assert sum(taken.images) == 16 * done
    assert taken.joules_per_image == [0.125] * 3
    assert min(taken.seconds) >= 0.001


def test_joules_an_image_and_watts() -> None:
    energy_taken = Energy(images=(100, 200), joules=(50.0, 120.0), seconds=(2.0, 3.0))
    assert energy_taken.joules_per_image == [0.5, 0.6]
    assert energy_taken.watts == [25.0, 40.0]


@pytest.mark.gpu
def test_a_gpu_that_works_takes_energy() -> None:
    meter = EnergyMeter(torch.device("cuda"))
    if not meter.available:
        pytest.skip("NVML has no counter for this GPU")
    a = torch.randn(4096, 4096, device="cuda")
    began = time.perf_counter()
    while time.perf_counter() - began < 1:
        a @ a
        torch.cuda.synchronize()
    joules = meter.joules()
    assert joules is not None
    assert 10 < joules < 5000
