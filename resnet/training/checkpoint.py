"""Saving and resuming a run, atomically and without pickled code.

A checkpoint is one safetensors file: the weights and statistics, the momentum, the loss and the
errors of every iteration so far, and a few numbers in its header. Nothing random is saved: all
randomness is a function of (seed, iteration).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from resnet.errors import UserError
from resnet.files import complete_or_absent
from resnet.records import Identity, Segment, with_identity


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


def save_weights(net: nn.Module, path: Path) -> None:
    """Save a net's weights and batch-norm statistics as safetensors, complete or absent."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in net.state_dict().items()}
    with complete_or_absent(path) as partial:
        save_file(tensors, partial)


def save_checkpoint(
    path: Path, net: nn.Module, optimiser: torch.optim.SGD, progress: Progress, identity: Identity
) -> None:
    """Save all that the next iteration depends on, complete or absent."""
    tensors = {f"net.{name}": tensor for name, tensor in net.state_dict().items()}
    for name, parameter in net.named_parameters():
        momentum = optimiser.state[parameter].get("momentum_buffer")
        if momentum is not None:
            tensors[f"momentum.{name}"] = momentum
    tensors["losses"] = progress.losses[: progress.iteration]
    tensors["wrong"] = progress.wrong[: progress.iteration]
    header = {
        "iteration": progress.iteration,
        "warmup_iterations": progress.warmup_iterations,
        "evaluations": [[at, *errors] for at, errors in progress.evaluations.items()],
        "segments": [segment.model_dump(mode="json") for segment in progress.segments],
        "identity": identity.model_dump(mode="json"),
    }
    with complete_or_absent(path) as partial:
        save_file(
            {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()},
            partial,
            metadata={"progress": json.dumps(header)},
        )


def read_header(path: Path) -> dict[str, Any]:
    """Read a checkpoint's numbers without its tensors.

    Raises:
        UserError: the file is not a checkpoint.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header: dict[str, Any] = json.loads((file.metadata() or {})["progress"])
        header = with_identity(header)
        return header
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise UserError(f"{path}: not a checkpoint of a training run ({error}); delete it to start over") from error


def is_checkpoint_of(path: Path, identity: Identity) -> bool:
    """Whether a file is a whole checkpoint of a run of this identity."""
    try:
        return Identity.model_validate(read_header(path)["identity"]) == identity
    except UserError:
        return False


def iterations_saved(path: Path, identity: Identity) -> int:
    """The iterations that a checkpoint of a run of this identity holds; 0 if there is none."""
    return int(read_header(path)["iteration"]) if is_checkpoint_of(path, identity) else 0


def load_checkpoint(
    path: Path, net: nn.Module, optimiser: torch.optim.SGD, progress: Progress, identity: Identity
) -> None:
    """Put a saved run back into the net, the optimiser and `progress`.

    Raises:
        UserError: the file is not a checkpoint, or it is one of another configuration, data or version.
    """
    header = read_header(path)
    differs = Identity.model_validate(header["identity"]).differences(identity)
    if differs:
        raise UserError(
            f"{path}: the checkpoint was made with another {' and '.join(differs)}: "
            "pass --overwrite to drop it and start over, or another --out"
        )
    tensors: dict[str, Tensor] = {}
    with safe_open(path, framework="pt") as file:
        for name in file.keys():  # noqa: SIM118 - the handle is not a mapping
            tensors[name] = file.get_tensor(name)
    net.load_state_dict(
        {name.removeprefix("net."): tensor for name, tensor in tensors.items() if name.startswith("net.")}
    )
    for name, parameter in net.named_parameters():
        if f"momentum.{name}" in tensors:
            # The memory layout is part of the arithmetic's order: take the parameter's own.
            momentum = torch.empty_like(parameter).copy_(tensors[f"momentum.{name}"])
            optimiser.state[parameter]["momentum_buffer"] = momentum
    progress.iteration = header["iteration"]
    progress.losses[: progress.iteration] = tensors["losses"].to(progress.losses.device)
    progress.wrong[: progress.iteration] = tensors["wrong"].to(progress.wrong.device)
    progress.warmup_iterations = header["warmup_iterations"]
    progress.evaluations = {at: (validation, test) for at, validation, test in header["evaluations"]}
    progress.segments = [Segment.model_validate(segment) for segment in header["segments"]]
