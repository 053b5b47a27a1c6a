"""One net over several processes that torchrun starts, each with its part of every mini-batch on a device of its own.

Every process draws the whole batch and takes its part of it, in the order of their ranks. Batch norm sees a process's
own images, as on the paper's two GPUs; gradients are averaged before the update, so that all processes hold the same
weights. The first process alone writes files, prints and measures.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, distributed, nn

from resnet.errors import UserError, one_line
from resnet.params import Settings, TrainParams
from resnet.system import Machine, choose_machine

BACKENDS = {"cpu": "gloo", "cuda": "cpu:gloo,cuda:nccl"}
"""What exchanges tensors, by the device that they lie on; on a GPU, ROCm's RCCL has NCCL's name."""
PATIENCE = timedelta(days=1)
"""The others wait while the first process forecasts and evaluates. A process that dies is noticed by torchrun."""


class LostProcess(UserError):
    """Another process of the group has ended before its time."""


@contextmanager
def _exchange() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise LostProcess(
            "another process of torchrun has ended; with --max-restarts, or by the same command, the run goes on from "
            "the last checkpoint"
        ) from error


@dataclass(frozen=True)
class Processes:
    """The processes that train a net together, as one of them sees them.

    Every method but `share` and `own_settings` is an exchange: all processes call the same ones in the same order.
    Each raises LostProcess where another has ended.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this is the first process, which writes files."""
        return self.rank == 0

    def share(self, batch: Tensor) -> Tensor:
        """This process's part of a tensor (B, ...): (B / size, ...)."""
        return batch.chunk(self.size)[self.rank]

    def own_settings(self, settings: Settings) -> Settings:
        """What this process alone computes of the settings' iteration."""
        if self.size == 1:
            return settings
        return settings.with_train(batch_size=settings.train.batch_size // self.size, batch_norm_images=None)

    def average(self, net: nn.Module, loss: Tensor, wrong: Tensor) -> tuple[Tensor, Tensor]:
        """Average the net's gradients, in place, by one exchange.

        Args:
            net: after its backward pass.
            loss: float32 (), the mean over this process's images.
            wrong: int64 (), how many of them are misclassified.

        Returns:
            The mean loss over all images, and how many of them are misclassified.
        """
        if self.size == 1:
            return loss, wrong
        gradients = [parameter.grad for parameter in net.parameters() if parameter.grad is not None]
        parts = [*gradients, loss, wrong.float()]
        flat = torch.cat([part.reshape(-1) for part in parts])
        with _exchange():
            distributed.all_reduce(flat)
        *sums, loss_sum, wrong_sum = torch.split(flat, [part.numel() for part in parts])
        torch._foreach_copy_(gradients, [part.view(own.shape) for part, own in zip(sums, gradients, strict=True)])
        torch._foreach_div_(gradients, self.size)
        return loss_sum[0] / self.size, wrong_sum[0].long()

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any process; no device is waited for."""
        if self.size == 1:
            return flag
        held = torch.tensor(int(flag))
        with _exchange():
            distributed.all_reduce(held, distributed.ReduceOp.MAX)
        return bool(held)

    def wait(self) -> None:
        """Wait until all processes have come here."""
        self.any(False)

    @contextmanager
    def main_first(self) -> Iterator[None]:
        """Let the others enter the block when the first process has left it."""
        if not self.is_main:
            self.wait()
        yield
        if self.is_main:
            self.wait()

    def from_main(self, value: Any) -> Any:
        """What the first process gives, in all of them."""
        values = [value]
        if self.size > 1:
            with _exchange():
                distributed.broadcast_object_list(values, device=torch.device("cpu"))
        return values[0]


ALONE = Processes()
"""A net trains in one process."""


def present_processes() -> Processes:
    """Those that torchrun has started, which know nothing of one another yet; this one alone without torchrun."""
    if not (distributed.is_available() and distributed.is_torchelastic_launched()):
        return ALONE
    return Processes(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))


def check_shares(train: TrainParams, size: int) -> None:
    """Refuse settings whose identity says something else than what so many processes compute.

    Raises:
        UserError: the batch has no equal parts, or batch norm is to see other images than a process's own.
    """
    share, rest = divmod(train.batch_size, size)
    if rest:
        raise UserError(f"train.batch_size is {train.batch_size}, of which {size} processes cannot have equal parts")
    if train.batch_norm_images != share:
        raise UserError(f"set train.batch_norm_images to {share}: {size} processes normalise {share} images each")


def _connect(processes: Processes, backend: str) -> None:
    """Let the processes find one another, by the store of torchrun.

    On one machine that store outlives a restart, with the addresses of the dead in it: each start has a part of its
    own. Agents of several machines do not count restarts alike; `docs/clusters.md` says how they have new stores.
    """
    try:
        store = next(distributed.rendezvous("env://", timeout=PATIENCE))[0]  # type: ignore[attr-defined]
        if os.environ["LOCAL_WORLD_SIZE"] == os.environ["WORLD_SIZE"]:
            start = f"start-{os.environ['TORCHELASTIC_RESTART_COUNT']}"
            store = distributed.PrefixStore(start, store)  # type: ignore[attr-defined]
        distributed.init_process_group(
            backend, store=store, rank=processes.rank, world_size=processes.size, timeout=PATIENCE
        )
    except RuntimeError as error:
        reason = one_line(error, 200)
        raise UserError(f"process {processes.rank} of torchrun does not reach the others ({reason})") from error


@contextmanager
def joined(train: TrainParams) -> Iterator[tuple[Processes, Machine]]:
    """Join the processes that torchrun has started, each with a device of its own.

    Where the first process fails, it says why; the others end without a word.

    Raises:
        UserError: the settings are not for so many processes, or there are fewer devices than processes.
    """
    processes = present_processes()
    if processes.size == 1:
        yield processes, choose_machine(train)
        return
    if processes.is_main:  # torchrun ends the others
        check_shares(train, processes.size)
    machine = choose_machine(train)
    if machine.cuda:  # a machine may have several of these, told apart by their number
        machine = choose_machine(train.model_copy(update={"device": f"cuda:{os.environ['LOCAL_RANK']}"}))
    if machine.device.type not in BACKENDS:
        raise UserError(f"several processes train on CPUs or CUDA's GPUs, not on {machine.device}: set train.device")
    _connect(processes, BACKENDS[machine.device.type])
    try:
        yield processes, machine
    except LostProcess:
        if processes.is_main:
            raise
        sys.exit(1)
    finally:
        distributed.destroy_process_group()
