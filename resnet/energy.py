"""Energy of a GPU, read from its driver (NVML); a CPU's is not measured."""

from __future__ import annotations

import torch


class EnergyMeter:
    """Counts from its making on.

    Args:
        device: a GPU's whole board is counted, whatever runs on it beside.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._start = self._counter()

    def joules(self) -> float | None:
        """Energy in J since the meter was made; None where the device or its driver tells none."""
        now = self._counter()
        return None if now is None or self._start is None else (now - self._start) / 1000

    def _counter(self) -> int | None:
        """The driver's counter in mJ."""
        if self.device.type != "cuda":
            return None
        import pynvml

        try:
            pynvml.nvmlInit()
            # By its identifier: NVML counts GPUs that CUDA_VISIBLE_DEVICES hides.
            identifier = f"GPU-{torch.cuda.get_device_properties(self.device).uuid}"
            handle = pynvml.nvmlDeviceGetHandleByUUID(identifier)
            return int(pynvml.nvmlDeviceGetTotalEnergyConsumption(handle))
        except pynvml.NVMLError:
            return None
