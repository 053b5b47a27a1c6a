"""What pytest-benchmark stores beside the figures: the machine, and what the machine reaches."""

from __future__ import annotations

from typing import Any

import pytest

from resnet.measuring.peaks import measure_peaks
from resnet.system import choose_device, choose_precision, describe_system


def pytest_benchmark_update_machine_info(machine_info: dict[str, Any]) -> None:
    """Add the device and the versions. Nothing measured: comparisons warn where this part differs."""
    system = describe_system(choose_device("auto"))
    machine_info["device"] = system.device
    machine_info["device_name"] = system.device_name
    machine_info["versions"] = system.versions


def pytest_benchmark_update_json(config: pytest.Config, output_json: dict[str, Any]) -> None:
    """Add what `resnet latency --from` takes over, the peaks measured now among it."""
    device = choose_device("auto")
    precisions = ("fp32", "bf16") if config.getoption("--full-grid") else (choose_precision("auto", device),)
    output_json["resnet"] = {
        "shortcut": "A",
        "peaks": [measure_peaks(device, precision).model_dump(mode="json") for precision in precisions],
        "system": describe_system(device).model_dump(mode="json"),
    }
