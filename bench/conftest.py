"""What pytest-benchmark stores with the figures: the machine."""

from __future__ import annotations

from typing import Any

from resnet.nets import kernels
from resnet.params import TrainParams
from resnet.training.devices import choose_machine


def pytest_benchmark_update_machine_info(machine_info: dict[str, Any]) -> None:
    """Add the device and the versions. Nothing measured: comparisons warn where this part differs."""
    system = choose_machine(TrainParams()).describe(kernels.available)
    machine_info["device"] = system.device
    machine_info["device_name"] = system.device_name
    machine_info["versions"] = system.versions


def pytest_benchmark_update_json(output_json: dict[str, Any]) -> None:
    """Add what `resnet latency --from` takes over."""
    system = choose_machine(TrainParams()).describe(kernels.available)
    output_json["resnet"] = {"shortcut": "A", "system": system.model_dump(mode="json")}
