"""Saving and resuming a run, atomically, without pickled code, and believing nothing that is damaged.

A checkpoint is one safetensors file: the weights and statistics, the momentum, the loss and the
errors of every iteration so far, and a few numbers in its header, with digests of both. Nothing random
is saved: all randomness is a function of (seed, iteration). The checkpoint before the newest is kept
beside it, for a run to go on from where the newest is damaged.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Self

import torch
from pydantic import Field, ValidationError, model_validator
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from resnet.errors import UserError, one_line
from resnet.files import complete_or_absent, sync_folder
from resnet.params import TrainParams
from resnet.results import FACTS, Facts, Identity, Record, Segment
from resnet.system import Machine

HEADER, HEADER_DIGEST = "progress", "sha256"
"""A checkpoint's two entries among the metadata of safetensors."""


CPU_EVERY, GPU_EVERY = 1000, 5000
"""Iterations between checkpoints where the settings leave it open."""


def checkpoint_every(recipe: TrainParams, machine: Machine) -> int:
    """Iterations between checkpoints of a run on this machine."""
    if recipe.checkpoint_every != "auto":
        return recipe.checkpoint_every
    return GPU_EVERY if machine.gpu else CPU_EVERY


class DamagedCheckpoint(UserError):
    """A file that no run can go on from; the one before it may do."""

    def __init__(self, path: Path, reason: str, beside: str = "") -> None:
        self.reason = one_line(reason, 200)
        which = f"it and {beside}" if beside else "it"
        super().__init__(
            f"{path}: not a checkpoint that a run can go on from ({self.reason}); delete {which} to start over"
        )


@dataclass
class Progress:
    """Where a run is; with the net and the optimiser, all that its next iteration depends on."""

    losses: Tensor
    """float32 (iterations,): mean training loss of each mini-batch, on the device."""
    wrong: Tensor
    """int32 (iterations,): training images misclassified in each mini-batch, on the device."""
    iteration: int = 0
    """Iterations done."""
    warmup_iterations: int | None = None
    """Iterations at the warm-up's rate; None without a warm-up or while it lasts."""
    evaluations: dict[int, tuple[float | None, float]] = field(default_factory=dict)
    """Iteration -> validation error (None without a validation set) and test error, in %."""
    segments: list[Segment] = field(default_factory=list)

    @classmethod
    def start(cls, iterations: int, device: torch.device) -> Progress:
        return cls(
            losses=torch.zeros(iterations, device=device),
            wrong=torch.zeros(iterations, dtype=torch.int32, device=device),
        )


Count = Annotated[int, Field(strict=True, ge=0)]
Error = Annotated[float, Field(strict=True, ge=0, le=100)]


class Header(Record):
    """What a checkpoint holds beside its tensors."""

    iteration: Count
    """Iterations done."""
    warmup_iterations: Count | None
    evaluations: tuple[tuple[Count, Error | None, Error], ...]
    """Iteration, validation error and test error, in %."""
    segments: tuple[Segment, ...]
    identity: Identity
    digest: str | None = None
    """SHA-256 (hex) of all tensors; None in checkpoints from before there was one."""

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        done, evaluated = self.iteration, [at for at, *_ in self.evaluations]
        if len(set(evaluated)) < len(evaluated) or not all(0 < at <= done for at in evaluated):
            raise ValueError(f"evaluations at {evaluated[:5]}, after {done} iterations")
        if self.warmup_iterations is not None and self.warmup_iterations > done:
            raise ValueError(f"a warm-up of {self.warmup_iterations} iterations, after {done}")
        ends = [end for segment in self.segments for end in (segment.first_iteration, segment.last_iteration)]
        if ends != sorted(ends) or not all(0 <= end <= done for end in ends):
            raise ValueError(f"segments that end at {ends[:6]}, after {done} iterations")
        return self


def save_weights(net: nn.Module, path: Path, facts: Facts) -> None:
    """Save a net's weights and batch-norm statistics as safetensors, with what their user must know of them.

    The file is complete or absent.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in net.state_dict().items()}
    with complete_or_absent(path) as partial:
        save_file(tensors, partial, metadata={FACTS: facts.model_dump_json()})


def previous(path: Path) -> Path:
    """Where the checkpoint before the one at `path` is kept."""
    return path.with_stem(f"{path.stem}.previous")


def remove_checkpoints(path: Path) -> None:
    """Remove a checkpoint and the one before it, if they are there."""
    path.unlink(missing_ok=True)
    previous(path).unlink(missing_ok=True)


def save_checkpoint(
    path: Path, net: nn.Module, optimiser: torch.optim.SGD, progress: Progress, identity: Identity
) -> None:
    """Save all that the next iteration depends on, complete or absent; the checkpoint that was there is kept."""
    tensors = {f"net.{name}": tensor for name, tensor in net.state_dict().items()}
    for name, parameter in net.named_parameters():
        momentum = optimiser.state[parameter].get("momentum_buffer")
        if momentum is not None:
            tensors[f"momentum.{name}"] = momentum
    tensors["losses"] = progress.losses[: progress.iteration]
    tensors["wrong"] = progress.wrong[: progress.iteration]
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    header = Header(
        iteration=progress.iteration,
        warmup_iterations=progress.warmup_iterations,
        evaluations=tuple((at, *errors) for at, errors in progress.evaluations.items()),
        segments=tuple(progress.segments),
        identity=identity,
        digest=_digest(tensors),
    ).model_dump_json()
    with complete_or_absent(path) as partial:
        save_file(tensors, partial, metadata={HEADER: header, HEADER_DIGEST: _text_digest(header)})
        _keep(path)


def _keep(path: Path) -> None:
    """Give the checkpoint at `path` its second name, which it keeps when a newer one takes the first."""
    if not path.exists():
        return
    link = path.with_name(f".{previous(path).name}.{os.getpid()}.partial")
    link.unlink(missing_ok=True)
    try:
        os.link(path, link)
    except OSError:  # a file system without links: the first name is free until the newer one takes it
        os.replace(path, previous(path))
        return
    os.replace(link, previous(path))
    link.unlink(missing_ok=True)  # a rename between two names of one file does nothing


def _digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 (hex) of the names, types, shapes and bytes of contiguous tensors on the CPU, by name."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _text_digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _read(path: Path, with_tensors: bool) -> tuple[Header, dict[str, Tensor]]:
    """Read a checkpoint and hold it against its digests."""
    tensors: dict[str, Tensor] = {}
    try:
        path.open("rb").close()  # safetensors tells neither what is forbidden nor what is a folder
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if HEADER not in metadata:
                raise DamagedCheckpoint(path, "another kind of safetensors file")
            if with_tensors:
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        header = Header.model_validate_json(metadata[HEADER])
    except PermissionError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); mend its permissions") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the header"
        raise DamagedCheckpoint(path, f"{where}: {first['msg']}") from error
    except OSError as error:
        raise DamagedCheckpoint(path, error.strerror or str(error)) from error
    except (SafetensorError, ValueError, TypeError, RuntimeError, AttributeError, KeyError) as error:
        raise DamagedCheckpoint(path, str(error)) from error
    digest = _text_digest(metadata[HEADER]) if header.digest else None
    if digest != metadata.get(HEADER_DIGEST):
        raise DamagedCheckpoint(path, "the header is not what was written")
    if with_tensors and header.digest and header.digest != _digest(tensors):
        raise DamagedCheckpoint(path, "the tensors are not what was written")
    return header, tensors


def read_header(path: Path) -> Header:
    """Read a checkpoint's numbers without its tensors.

    Raises:
        UserError: the file is not a checkpoint, or its header is damaged.
    """
    return _read(path, with_tensors=False)[0]


def is_checkpoint_of(path: Path, identity: Identity) -> bool:
    """Whether a file is a whole checkpoint of a run of this identity."""
    try:
        return _read(path, with_tensors=True)[0].identity == identity
    except DamagedCheckpoint:
        return False


def iterations_saved(path: Path, identity: Identity) -> int:
    """The iterations that a run of this identity need not do again, thanks to the checkpoint or the one before it."""
    whole = (file for file in (path, previous(path)) if is_checkpoint_of(file, identity))
    return next((read_header(file).iteration for file in whole), 0)


def _check_tensors(
    path: Path, header: Header, tensors: Mapping[str, Tensor], net: nn.Module, optimiser: torch.optim.SGD
) -> None:
    """Refuse tensors that are not exactly those of this net after the header's iterations."""
    done = header.iteration
    planned = {f"net.{name}": (tensor.dtype, tensor.shape) for name, tensor in net.state_dict().items()}
    with_momentum = {id(p) for group in optimiser.param_groups if group["momentum"] for p in group["params"]}
    for name, parameter in net.named_parameters():
        if done and id(parameter) in with_momentum:
            planned[f"momentum.{name}"] = (parameter.dtype, parameter.shape)
    planned["losses"] = (torch.float32, torch.Size([done]))
    planned["wrong"] = (torch.int32, torch.Size([done]))
    for name in sorted(planned.keys() | tensors.keys()):
        if name not in tensors:
            raise DamagedCheckpoint(path, f"{name} is missing")
        if name not in planned:
            raise DamagedCheckpoint(path, f"{name!r} is nothing of this net's after {done} iterations")
        dtype, shape = planned[name]
        held = tensors[name]
        if (held.dtype, held.shape) != (dtype, shape):
            raise DamagedCheckpoint(
                path, f"{name} is {held.dtype} {tuple(held.shape)} instead of {dtype} {tuple(shape)}"
            )


def load_checkpoint(
    path: Path, net: nn.Module, optimiser: torch.optim.SGD, progress: Progress, identity: Identity
) -> None:
    """Put a saved run back into the net, the optimiser and `progress`; they are as they were where it fails.

    Raises:
        DamagedCheckpoint: the file is not a whole checkpoint of this net.
        UserError: it is one of another configuration, data or version, or may not be read.
    """
    header, tensors = _read(path, with_tensors=True)
    differs = header.identity.differences(identity)
    if differs:
        raise UserError(
            f"{path}: the checkpoint was made with another {' and '.join(differs)}: "
            "pass --overwrite to drop it and start over, or another --out"
        )
    if header.iteration > len(progress.losses):
        raise DamagedCheckpoint(path, f"iteration {header.iteration} of {len(progress.losses)}")
    _check_tensors(path, header, tensors, net, optimiser)
    net.load_state_dict(
        {name.removeprefix("net."): tensor for name, tensor in tensors.items() if name.startswith("net.")}
    )
    for name, parameter in net.named_parameters():
        if f"momentum.{name}" in tensors:
            # The memory layout is part of the arithmetic's order: take the parameter's own.
            momentum = torch.empty_like(parameter).copy_(tensors[f"momentum.{name}"])
            optimiser.state[parameter]["momentum_buffer"] = momentum
    progress.iteration = header.iteration
    progress.losses[: progress.iteration] = tensors["losses"].to(progress.losses.device)
    progress.wrong[: progress.iteration] = tensors["wrong"].to(progress.wrong.device)
    progress.warmup_iterations = header.warmup_iterations
    progress.evaluations = {at: (validation, test) for at, validation, test in header.evaluations}
    progress.segments = list(header.segments)


def resume(
    path: Path,
    net: nn.Module,
    optimiser: torch.optim.SGD,
    progress: Progress,
    identity: Identity,
    reached: int | None = None,
) -> str | None:
    """Load the checkpoint at `path` if there is one, or the one before it where that is damaged or gone.

    The one before then takes the damaged one's place, so that the next save keeps a whole one.

    Args:
        path: of the newest checkpoint.
        net: takes the weights and statistics.
        optimiser: takes the momentum.
        progress: takes everything else.
        identity: of the run that is to go on.
        reached: iterations that the run had saved as other files tell, for where the damaged one cannot.

    Returns:
        A line for the user where it was the one before.

    Raises:
        UserError: there are checkpoints and none can be continued.
    """
    before = previous(path)
    if not path.exists() and not before.exists():
        return None
    try:
        load_checkpoint(path, net, optimiser, progress, identity)
        return None
    except DamagedCheckpoint as error:
        if not before.exists():
            raise
        damaged = error
    try:
        load_checkpoint(before, net, optimiser, progress, identity)
    except DamagedCheckpoint as error:
        raise DamagedCheckpoint(path, f"{damaged.reason}; the one before: {error.reason}", before.name) from error
    with suppress(UserError):
        reached = read_header(path).iteration
    cost = "it cannot be told how many" if reached is None else f"{max(0, reached - progress.iteration):,}"
    os.replace(before, path)
    sync_folder(path.parent)
    return (
        f"{path}: damaged ({damaged.reason}): the run goes on from the checkpoint before it, "
        f"at iteration {progress.iteration:,} (iterations lost: {cost})"
    )
