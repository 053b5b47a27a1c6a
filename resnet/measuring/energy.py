"""The energy that a GPU takes, from its own counter by NVML; None where there is none.

    meter = EnergyMeter(device)
    ...                          # work, and a wait for its end
    meter.joules()               # since the meter was made: the whole board, idle power included

The counter moves some ten times a second: measure stretches of a second or more.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from resnet.measuring.stopwatch import Step
from resnet.records import Energy
from resnet.system import Machine

STRETCHES = 3
STRETCH_SECONDS = 2.0
STRETCH_STEPS = 5
"""Steps between two looks at the clock."""


def _counter(device: torch.device) -> Callable[[], int] | None:
    """A function that reads the board's energy counter in mJ; None without a GPU or a counter."""
    if device.type != "cuda":
        return None
    import pynvml

    try:
        pynvml.nvmlInit()
        # By its UUID: CUDA_VISIBLE_DEVICES renumbers devices for CUDA, not for NVML.
        uuid = f"GPU-{torch.cuda.get_device_properties(device).uuid}"
        handle = pynvml.nvmlDeviceGetHandleByUUID(uuid)
        pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except pynvml.NVMLError:
        return None  # an old GPU, a part of one (MIG), or a driver that does not say
    return lambda: int(pynvml.nvmlDeviceGetTotalEnergyConsumption(handle))


class EnergyMeter:
    """Counts from the moment that it is made. The caller waits for the device before reading it."""

    def __init__(self, device: torch.device) -> None:
        self._read = _counter(device)
        self._began = self._read() if self._read else 0

    @property
    def available(self) -> bool:
        return self._read is not None

    def joules(self) -> float | None:
        """Energy since the meter was made, in J; None where it cannot be measured."""
        return (self._read() - self._began) / 1000 if self._read else None


def measure_energy(step: Step, batch_size: int, machine: Machine) -> Energy | None:
    """Measure the energy of stretches of a step; None where NVML has no counter."""
    if not EnergyMeter(machine.device).available:
        return None
    stretches: list[tuple[int, float, float]] = []
    for _ in range(STRETCHES):
        machine.synchronise()
        meter, began, steps = EnergyMeter(machine.device), time.perf_counter(), 0
        while time.perf_counter() - began < STRETCH_SECONDS:
            for _ in range(STRETCH_STEPS):
                step()
            steps += STRETCH_STEPS
            machine.synchronise()
        taken = meter.joules()
        assert taken is not None, "the meter said that it can measure"
        stretches.append((steps * batch_size, taken, time.perf_counter() - began))
    images, joules, seconds = zip(*stretches, strict=True)
    return Energy(images=images, joules=joules, seconds=seconds)
