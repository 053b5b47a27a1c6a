"""Energy: NVML's counter where there is a GPU, None where there is none."""

from __future__ import annotations

import time

import pytest
import torch

from resnet.measuring import energy
from resnet.measuring.energy import EnergyMeter, measure_energy
from resnet.records import Energy
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
