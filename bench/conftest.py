"""What pytest-benchmark stores beside the figures: the machine, and what the machine reaches."""

from __future__ import annotations

from typing import Any

import pytest

from resnet.measuring.peaks import measure_peaks
from resnet.nets import kernels
from resnet.params import TrainParams
from resnet.training.devices import choose_machine


def pytest_benchmark_update_machine_info(machine_info: dict[str, Any]) -> None:
    """Add the device and the versions. Nothing measured: comparisons warn where this part differs."""
    system = choose_machine(TrainParams()).describe(kernels.available)
    machine_info["device"] = system.device
    machine_info["device_name"] = system.device_name
    machine_info["versions"] = system.versions


def pytest_benchmark_update_json(config: pytest.Config, output_json: dict[str, Any]) -> None:
    """Add what `resnet latency --from` takes over, the peaks measured now among it."""
    machine = choose_machine(TrainParams())
    precisions = ("fp32", "bf16") if config.getoption("--full-grid") else (machine.precision,)
    output_json["resnet"] = {
        "shortcut": "A",
        "peaks": [measure_peaks(machine.at(precision)).model_dump(mode="json") for precision in precisions],
        "system": machine.describe(kernels.available).model_dump(mode="json"),
    }
