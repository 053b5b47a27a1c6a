"""The energy that a GPU takes, from its own counter by NVML; None where there is none.

    meter = EnergyMeter(device)
    ...                          # work, and a wait for its end
    meter.joules()               # since the meter was made: the whole board, idle power included

Runs side by side share a board: `SharedEnergy` divides what it takes among them.

The counter moves some ten times a second: measure stretches of a second or more.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from resnet.abilities import abilities
from resnet.measuring.stopwatch import Step, repeat, wall_clock
from resnet.results import Energy
from resnet.system import Machine

STRETCHES = 3
STRETCH_SECONDS = 2.0
STRETCH_STEPS = 5
"""Steps between two looks at the clock."""


def _counter(device: torch.device) -> Callable[[], int] | None:
    """A function that reads the board's energy counter in mJ; None without a GPU, or where NVML does not know it."""
    if not abilities(device).switches:
        return None
    import pynvml

    try:
        pynvml.nvmlInit()
        # By its UUID: CUDA_VISIBLE_DEVICES renumbers devices for CUDA, not for NVML.
        uuid = f"GPU-{torch.cuda.get_device_properties(device).uuid}"
        handle = pynvml.nvmlDeviceGetHandleByUUID(uuid)
        pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except pynvml.NVMLError:
        return None  # another maker's GPU, an old one, a part of one (MIG), or a driver that does not say
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


class SharedEnergy:
    """Divides a board's energy equally among those that use it, for as long as each of them does.

    What idles costs too, and is divided with the rest. Other processes on the board are not known.
    """

    def __init__(self, device: torch.device) -> None:
        self._meter = EnergyMeter(device)
        self._read = 0.0
        self._share = 0.0
        self._users = 0

    def share(self) -> float | None:
        """What each user's part has come to since the first joined, in J; None where it cannot be measured.

        A user's own is the difference between two readings while it uses the board.
        """
        now = self._meter.joules()
        if now is None:
            return None
        self._share += (now - self._read) / max(1, self._users)
        self._read = now
        return self._share

    def join(self) -> float | None:
        """Take one user more; give the share at its beginning."""
        share = self.share()
        self._users += 1
        return share

    def leave(self) -> None:
        """Take one user away; the others' parts are larger from now on."""
        self.share()
        self._users -= 1


def measure_energy(step: Step, batch_size: int, machine: Machine) -> Energy | None:
    """Measure the energy of stretches of a step; None where NVML has no counter."""
    if not EnergyMeter(machine.device).available:
        return None
    stretches: list[tuple[int, float, float]] = []
    clock = wall_clock(machine)
    for _ in range(STRETCHES):
        machine.synchronise()
        meter = EnergyMeter(machine.device)
        steps, passed = repeat(step, clock, STRETCH_SECONDS, STRETCH_STEPS)
        taken = meter.joules()
        assert taken is not None, "the meter said that it can measure"
        stretches.append((steps * batch_size, taken, passed))
    images, joules, seconds = zip(*stretches, strict=True)
    return Energy(images=images, joules=joules, seconds=seconds)
