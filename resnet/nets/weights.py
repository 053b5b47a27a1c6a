"""Weights of these nets as others publish them, read without running pickled code."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from resnet.errors import UserError

NESTED = ("state_dict", "model_state_dict", "model", "net")
"""Keys under which others keep the weights."""

RENAMED = {"linear.": "fc.", ".shortcut.": ".downsample."}
"""Names of others for ours."""


def _contents(path: Path) -> Any:
    if path.suffix == ".safetensors":
        return load_file(path)
    # Others store their best accuracy, a NumPy number, beside the weights: data, not code.
    multiarray = np._core.multiarray  # type: ignore[attr-defined]
    harmless = [(multiarray.scalar, "numpy.core.multiarray.scalar"), multiarray.scalar, np.dtype]
    harmless += [type(np.dtype(kind)) for kind in ("f4", "f8", "i4", "i8")]
    with torch.serialization.safe_globals(harmless):
        return torch.load(path, map_location="cpu", weights_only=True)


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Read a state dict, from safetensors or from PyTorch's format, in this project's names.

    Prefixes of `DataParallel` and nesting under `state_dict` are taken off; `linear.` becomes `fc.`.

    Raises:
        UserError: the file cannot be read, would run code, or holds no weights.
    """
    try:
        contents = _contents(path)
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file") from error
    except pickle.UnpicklingError as error:
        raise UserError(f"{path}: refused: it is not weights alone, and reading it would run its code") from error
    except (OSError, RuntimeError, SafetensorError, ValueError, EOFError, KeyError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{path}: not a file of weights ({reason})") from error
    for key in NESTED:
        if isinstance(contents, Mapping) and isinstance(contents.get(key), Mapping):
            contents = contents[key]
    if not isinstance(contents, Mapping) or not contents:
        raise UserError(f"{path}: holds no state dict")
    state = {}
    for name, tensor in contents.items():
        if not isinstance(tensor, Tensor):
            raise UserError(f"{path}: holds no state dict ({name} is {type(tensor).__name__})")
        name = str(name).removeprefix("module.")
        for theirs, ours in RENAMED.items():
            name = f".{name}".replace(f".{theirs.lstrip('.')}", f".{ours.lstrip('.')}").removeprefix(".")
        state[name] = tensor
    return state


def load_weights(net: nn.Module, path: Path) -> None:
    """Load a file of weights into a net.

    Batch norm's counters of batches, which older files lack, are not needed.

    Raises:
        UserError: as `read_state_dict`, or the weights are another net's.
    """
    state, expected = read_state_dict(path), net.state_dict()
    missing = [name for name in expected if name not in state and not name.endswith("num_batches_tracked")]
    surplus = [name for name in state if name not in expected]
    if missing or surplus:
        first = f"{missing[0]} is missing" if missing else f"{surplus[0]} is not in this net"
        raise UserError(f"{path}: weights of another net: {first} (depth? --set model.shortcut=B?)")
    for name, tensor in state.items():
        if tensor.shape != expected[name].shape:
            ours, theirs = tuple(expected[name].shape), tuple(tensor.shape)
            raise UserError(f"{path}: weights of another net: {name} is {theirs} instead of {ours}")
    net.load_state_dict(state, strict=False)
