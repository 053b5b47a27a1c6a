"""Weights of these nets as others publish them, read without running pickled code."""

from __future__ import annotations

import json
import pickle
import sys
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from resnet.errors import UserError, explained, one_line
from resnet.files import expanded
from resnet.nets.model import DepthNet, describe_net
from resnet.params.problems import first_problem
from resnet.results import FACTS, WEIGHTS, DamagedFile, Facts, TrainingRecord
from resnet.results.consistency import record_of, recorded

FILE_BYTES = 2**32
"""Of a file of weights, unpacked: those of ResNet-1202 have 2 % of it."""
LEVELS = 5
"""Of containers in containers."""

WRAPPERS = ("_orig_mod", "module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
"""Names that compiling, DataParallel, averaging and others put before or between a net's own."""
COUNTER = "n_averaged"
"""What PyTorch's averages keep beside the weights."""
RENAMED = {"linear.": "fc.", ".shortcut.": ".downsample."}
"""Names of others for ours."""
AVERAGES = ("ema", "averag", "teacher", "shadow", "swa")
"""In the names of second copies of the same net, which are taken where there is no other."""


def _refusal(path: Path) -> str | None:
    """Say what a file is that is plainly no file of weights; None where it may be one."""
    if path.is_dir():
        return "a folder, where a file of weights must be"
    if not path.is_file():
        return "not a file"
    if (size := path.stat().st_size) > FILE_BYTES:
        return f"{size:,} bytes, far more than weights of these nets"
    with path.open("rb") as file:
        start = file.read(512)
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not text:
        return "an empty file, not weights"
    if text.startswith(b"version https://git-lfs"):
        return "a pointer of Git LFS, not the weights: fetch them with `git lfs pull`"
    if text[:1] == b"<":
        return "a web page, not weights: the download has failed"
    if start.startswith(b"\x89HDF"):
        return "an HDF5 file, such as Keras writes, which cannot be read"
    if start[:2] in (b"\x1f\x8b", b"BZ") or start.startswith(b"\xfd7zXZ"):
        return "a compressed file: unpack it first"
    if all(byte >= 32 or byte in b"\t\r\n" for byte in start) and start[8:9] != b"{":
        return f"text, not weights: {one_line(text.decode('utf-8', 'replace'), 60)!r}"
    if start.startswith(b"PK") and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > FILE_BYTES:
            return f"{unpacked:,} bytes when unpacked, far more than weights of these nets"
    return None


def _is_safetensors(path: Path) -> bool:
    """Whether a file is one by its content: the length of a JSON header, and the header."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(2**27, path.stat().st_size - 8):
            return False
        header = file.read(length)
    try:
        return isinstance(json.loads(header), dict)
    except (ValueError, RecursionError):
        return False


def _contents(path: Path) -> Any:
    if _is_safetensors(path):
        return load_file(path)
    # Others store their best accuracy, a NumPy number, beside the weights: data, not code.
    multiarray = np._core.multiarray  # type: ignore[attr-defined]
    harmless = [(multiarray.scalar, "numpy.core.multiarray.scalar"), multiarray.scalar, np.dtype]
    harmless += [type(np.dtype(kind)) for kind in ("f4", "f8", "i4", "i8")]
    with torch.serialization.safe_globals(harmless), path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's, of what is refused or of no concern
        return torch.load(file, map_location="cpu", weights_only=True)


def _flat(contents: Mapping[Any, Any], prefix: str = "", level: int = 0) -> Iterator[tuple[str, Any]]:
    """The values of nested containers by their dotted names, without the names of wrappers."""
    for key, value in contents.items():
        name = prefix + str(key)
        if isinstance(value, Mapping) and level < LEVELS:
            yield from _flat(value, f"{name}.", level + 1)
        else:
            yield ".".join(part for part in name.split(".") if part not in WRAPPERS), value


def _nets(tensors: Mapping[str, Tensor]) -> list[str]:
    """The prefixes of the nets among tensors, the likeliest first: each has a first convolution and a last layer."""
    starts = (name.removesuffix("conv1.weight") for name in tensors if name.endswith("conv1.weight"))
    prefixes = [
        prefix
        for prefix in starts
        if (not prefix or prefix.endswith("."))
        and any(f"{prefix}{last}.weight" in tensors for last in ("fc", "linear"))
    ]

    def rank(prefix: str) -> tuple[bool, int]:
        return any(word in prefix.lower() for word in AVERAGES), prefix.count(".")

    return sorted(prefixes, key=rank)


def _renamed(name: str) -> str:
    for theirs, ours in RENAMED.items():
        name = f".{name}".replace(f".{theirs.lstrip('.')}", f".{ours.lstrip('.')}").removeprefix(".")
    return name


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Read a state dict, from safetensors or from PyTorch's format, in this project's names.

    Containers that it lies in and names that wrappers put before it fall off, whatever they are called;
    `linear.` becomes `fc.`. Of several nets in a file the one outside averages is read, and the others are named on
    standard error.

    Raises:
        UserError: the file cannot be read, would run code, or holds no weights.
    """
    path = expanded(path)
    try:
        if not path.exists():
            raise UserError(f"{path}: no such file")
        if (refusal := _refusal(path)) is not None:
            raise UserError(f"{path}: {refusal}")
        contents = _contents(path)
    except UserError:
        raise
    except pickle.UnpicklingError as error:
        raise UserError(f"{path}: refused: it is not weights alone, and reading it would run its code") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or explained(error)})") from error
    except MemoryError:
        raise
    except Exception as error:  # a damaged file fails in any way
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{path}: not a file of weights ({one_line(reason, 120)})") from error
    everything = dict(_flat(contents)) if isinstance(contents, Mapping) else {}
    tensors = {name: value for name, value in everything.items() if isinstance(value, Tensor)}
    nets = _nets(tensors)
    if not nets:
        keys = ", ".join(list(everything)[:4]) or type(contents).__name__
        raise UserError(f"{path}: holds no state dict of such a net; what it holds: {one_line(keys, 200)}")
    if len(nets) > 1:
        shown, others = nets[0].rstrip(".") or "the outermost", ", ".join(prefix.rstrip(".") for prefix in nets[1:])
        print(one_line(f"{path}: holds several nets: {shown} is read, {others} not"), file=sys.stderr)
    start = nets[0]
    own = (name for name in tensors if name.startswith(start) and name != f"{start}{COUNTER}")
    return {_renamed(name.removeprefix(start)): tensors[name] for name in own}


def read_facts(path: Path) -> Facts | None:
    """What a file of weights says of itself; None if it says nothing, as weights of others and of earlier versions.

    Raises:
        DamagedFile: what it says is not what training writes.
    """
    if not path.is_file():
        return None  # a pipe would never end; `read_state_dict` says what is wrong with it
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(FACTS)
        return None if text is None else Facts.model_validate_json(text)
    except ValidationError as error:
        raise DamagedFile(path, f"its metadata are damaged: {first_problem(error)}") from error
    except (OSError, SafetensorError):
        return None  # another format: `read_state_dict` says what is wrong with it


def check_record(weights: Path, net: DepthNet) -> None:
    """Hold a file of weights against the record of its run, if it has one: the digest, the net and its shortcuts.

    Weights of a residual net fit a plain one, and those of one zero padding another: only the record, or what the
    file says of itself, tells them apart.

    Raises:
        UserError: the weights are not those that the run ended with, or are another net's, or the record is damaged.
    """
    if (written := recorded(weights)) is not None:
        written.check(weights)
    theirs = _described(weights)
    if theirs not in (None, net.description):
        raise UserError(f"{weights}: weights of {theirs}, by their record, and not of {net.description}")


def _described(weights: Path) -> str | None:
    """The net whose weights these are, in words; None if nothing says it."""
    if (facts := read_facts(weights)) is not None:
        return describe_net(facts.net, facts.depth, facts.shortcut, facts.zero_padding or "both")
    place = record_of(weights) if weights.name == WEIGHTS else None
    if place is None:
        return None
    record = TrainingRecord.read(place)
    model = record.settings["model"]
    return describe_net(record.net, record.depth, model.get("shortcut", "A"), model.get("zero_padding", "both"))


def load_weights(net: nn.Module, path: Path, *, finite: bool = False) -> None:
    """Load a file of weights into a net.

    Batch norm's counters of batches, which older files lack, are not needed.

    Args:
        net: the net that they are for.
        path: the file.
        finite: refuse weights that are not all numbers, as those of a diverged run.

    Raises:
        UserError: as `read_state_dict`, or the weights are another net's.
    """
    state, expected = read_state_dict(path), net.state_dict()
    missing = [name for name in expected if name not in state and not name.endswith("num_batches_tracked")]
    surplus = [name for name in state if name not in expected]
    if missing or surplus:
        first = f"{missing[0]} is missing" if missing else f"{one_line(surplus[0], 80)} is not in this net"
        raise UserError(f"{path}: weights of another net: {first} (depth? --set model.shortcut=B?)")
    for name, tensor in state.items():
        if tensor.shape != expected[name].shape:
            ours, theirs = tuple(expected[name].shape), tuple(tensor.shape)
            raise UserError(f"{path}: weights of another net: {name} is {theirs} instead of {ours}")
        if tensor.is_meta or tensor.layout is not torch.strided:
            kind = "a meta tensor, of a shape alone" if tensor.is_meta else "sparse"
            raise UserError(f"{path}: {name} is {kind}: no usable numbers")
        if expected[name].is_floating_point():
            if not tensor.is_floating_point():
                raise UserError(f"{path}: {name} is not of floating point ({tensor.dtype})")
            if name.endswith("running_var") and bool((tensor < 0).any()):
                raise UserError(f"{path}: {name} holds negative variances: no usable numbers")
            if finite and not bool(torch.isfinite(tensor).all()):
                raise UserError(f"{path}: {name} holds NaN or infinity: the weights of a run that diverged?")
    net.load_state_dict(state, strict=False)
