"""Stored weights held against the layers of their net, without building it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from resnet.results.base import DamagedFile
from resnet.results.nets import Layer
from resnet.results.stored import file_digest

STATISTICS = ("running_mean", "running_var")
UNUSED = "num_batches_tracked"


def check_weights(path: Path, layers: Sequence[Layer] | None, finite: bool = True) -> None:
    """Check that a file holds the weights and statistics of a net, and nothing else.

    Args:
        path: a safetensors file.
        layers: the net's, in any order; None where they are not known.
        finite: whether every number must be one, as after training that has not diverged.

    Raises:
        DamagedFile: it does not.
    """
    file_digest(path)  # tells what is missing, forbidden or no file, which safetensors does not
    try:
        with safe_open(path, framework="np") as file:
            held = {name: np.asarray(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (OSError, SafetensorError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise DamagedFile(path, f"not a file of weights ({error})") from error
    planned: set[str] = set()
    for layer in layers or ():
        if not layer.parameters:
            continue
        names = {"conv": ("weight",), "fc": ("weight", "bias")}.get(layer.kind, ("weight", "bias", *STATISTICS))
        sizes = {name: held[f"{layer.name}.{name}"].size for name in names if f"{layer.name}.{name}" in held}
        if len(sizes) < len(names):
            missing = next(name for name in names if name not in sizes)
            raise DamagedFile(path, f"weights of another net: {layer.name}.{missing} is missing")
        trained = sum(size for name, size in sizes.items() if name not in STATISTICS)
        if trained != layer.parameters or any(
            sizes.get(name, sizes["weight"]) != sizes["weight"] for name in STATISTICS
        ):
            raise DamagedFile(
                path, f"weights of another net: {layer.name} has {trained:,} parameters instead of {layer.parameters:,}"
            )
        planned |= {f"{layer.name}.{name}" for name in names}
    for name, array in held.items():
        if layers is not None and name not in planned and not name.endswith(f".{UNUSED}"):
            raise DamagedFile(path, f"weights of another net: {name} is not in it")
        if finite and not np.isfinite(array).all():
            raise DamagedFile(path, f"{name} is not finite")
