"""Saving and resuming a run, atomically, without pickled code, and believing nothing that is damaged.

A checkpoint is one safetensors file: weights, statistics and momentum, the losses and errors so far, and a header, with
digests of both. Nothing random is saved: all randomness is a function of (seed, iteration). The checkpoint before the
newest has a name of its own: a run goes on from it if the newest is damaged.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from resnet.errors import UserError, one_line
from resnet.files import complete_or_absent, sync_folder
from resnet.params import TrainParams
from resnet.results import FACTS, Facts, Identity, Record, Segment
from resnet.system import Machine

HEADER, HEADER_DIGEST = "progress", "sha256"
"""A checkpoint's two entries among the metadata of safetensors."""


def checkpoint_every(recipe: TrainParams, machine: Machine) -> int:
    """Iterations between checkpoints of a run on this machine."""
    if recipe.checkpoint_every != "auto":
        return recipe.checkpoint_every
    return 5000 if machine.gpu else 1000


class DamagedCheckpoint(UserError):
    """A file that no run can go on from; the one before it may do."""

    def __init__(self, path: Path, reason: str) -> None:
        self.reason = one_line(reason, 200)
        super().__init__(
            f"{path}: not a checkpoint that a run can go on from ({self.reason}): delete the checkpoints beside it to "
            "start over"
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
        losses = torch.zeros(iterations, device=device)
        return cls(losses, torch.zeros_like(losses, dtype=torch.int32))


class Header(Record):
    """What a checkpoint has besides its tensors."""

    iteration: int
    warmup_iterations: int | None
    evaluations: tuple[tuple[int, float | None, float], ...]
    """Iteration, validation error and test error, in %."""
    segments: tuple[Segment, ...]
    identity: Identity
    digest: str
    """SHA-256 (hex) of all tensors."""


def save_weights(net: nn.Module, path: Path, facts: Facts) -> None:
    """Save a net's weights and statistics, complete or absent, with what their user must know of them."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in net.state_dict().items()}
    with complete_or_absent(path) as partial:
        save_file(tensors, partial, metadata={FACTS: facts.model_dump_json()})


def previous(path: Path) -> Path:
    """The name of the checkpoint before the one at `path`."""
    return path.with_stem(f"{path.stem}.previous")


def remove_checkpoints(path: Path) -> None:
    """Remove a checkpoint and the one before it, if they are there."""
    path.unlink(missing_ok=True)
    previous(path).unlink(missing_ok=True)


def save_checkpoint(
    path: Path, net: nn.Module, optimiser: torch.optim.SGD, progress: Progress, identity: Identity
) -> None:
    """Save all that the next iteration depends on, complete or absent; what was there becomes the one before."""
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
        save_file(tensors, partial, metadata={HEADER: header, HEADER_DIGEST: sha256(header.encode()).hexdigest()})
        if path.exists():
            previous(path).unlink(missing_ok=True)
            try:
                os.link(path, previous(path))
            except OSError:  # a file system without links: the first name is free until the newer one takes it
                os.replace(path, previous(path))


def _digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 (hex) of the names, types, shapes and bytes of contiguous tensors on the CPU, by name."""
    digest = sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def read_checkpoint(path: Path) -> tuple[Header, dict[str, Tensor]]:
    """Read a checkpoint and compare it with its digests: what fits them is what was written.

    Raises:
        DamagedCheckpoint: it does not, or is not there.
        PermissionError: the file may not be read.
    """
    try:
        path.open("rb").close()  # safetensors does not say what is forbidden or a folder
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        text = metadata.get(HEADER, "")
        if metadata.get(HEADER_DIGEST) != sha256(text.encode()).hexdigest():
            raise DamagedCheckpoint(path, "the header is not what was written")
        header = Header.model_validate_json(text)
        if header.digest != _digest(tensors):
            raise DamagedCheckpoint(path, "the tensors are not what was written")
    except (PermissionError, DamagedCheckpoint):
        raise
    except Exception as error:  # damage fails in any way
        raise DamagedCheckpoint(path, str(error)) from error
    return header, tensors


def iterations_saved(path: Path, identity: Identity) -> int:
    """The iterations that a run of this identity need not do again, thanks to the checkpoint or the one before it."""
    for file in (path, previous(path)):
        with suppress(DamagedCheckpoint):
            header, _ = read_checkpoint(file)
            if header.identity == identity:
                return header.iteration
    return 0


def resume(
    path: Path, net: nn.Module, optimiser: torch.optim.SGD, progress: Progress, identity: Identity
) -> str | None:
    """Take up the checkpoint at `path` if there is one, or the one before it if that is damaged or gone.

    The one before then takes the damaged one's place, and a line for the user is returned.

    Raises:
        UserError: there are checkpoints and none can be continued; net, optimiser and progress are as before.
    """
    before, damage = previous(path), None
    if not path.exists() and not before.exists():
        return None
    try:
        header, tensors = read_checkpoint(path)
    except DamagedCheckpoint as error:
        if not before.exists():
            raise
        damage, (header, tensors) = error.reason, read_checkpoint(before)
    if differs := header.identity.differences(identity):
        raise UserError(
            f"{path}: the checkpoint was made with another {' and '.join(differs)}: "
            "pass --overwrite to drop it and start over, or another --out"
        )
    weights = {name.removeprefix("net."): tensor for name, tensor in tensors.items() if name.startswith("net.")}
    net.load_state_dict(weights)
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
    if damage is None:
        return None
    os.replace(before, path)
    sync_folder(path.parent)
    return (
        f"{path}: damaged ({damage}): the run goes on from the checkpoint before it, at iteration {header.iteration:,}"
    )
