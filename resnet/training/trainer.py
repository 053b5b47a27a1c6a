"""What trains: one net with one seed on one device, an iteration of section 4.2 at a time.

`Trainer.advance` is the project's only training step. On a GPU it is captured once as a CUDA graph,
from the choice of the batch's images to the update, and replayed, if the GPU can; nothing in it waits for the
host, so that several trainers on streams of their own share a GPU. What an iteration computes is a function
of the settings, the data, the seed and the weights before it, whatever runs beside it.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet.data import Data
from resnet.nets.groups import group_batch_norm
from resnet.nets.model import DepthNet, build, he_initialisation
from resnet.params import Settings
from resnet.system import Machine, captured
from resnet.training.batches import Batches
from resnet.training.checkpoint import Progress
from resnet.training.draws import generator
from resnet.training.placement import place
from resnet.training.recipe import learning_rate, optimiser, warmup_ends

EAGER_ITERATIONS = 3
"""Iterations before the capture: libraries set themselves up and the momentum comes to be in them."""
GRAPHS = 64
"""Graphs that torch.compile may make of one function: beyond its limit it would silently compile no more."""


def build_net(settings: Settings, classes: int, seed: int, device: torch.device) -> DepthNet:
    """Build the settings' net on the device, its weights drawn for this seed (He initialisation)."""
    net = build(settings, classes)
    together = settings.train.normalised_together
    if together < settings.train.batch_size:
        group_batch_norm(net, together)
    he_initialisation(net, generator(seed, "initialisation"))
    return net.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def training_step(
    net: nn.Module, sgd: torch.optim.SGD, x: Tensor, labels: Tensor, machine: Machine
) -> tuple[Tensor, Tensor]:
    """Forward pass, backward pass and update for one mini-batch: images (B, 3, 32, 32) and labels, int64 (B,).

    Returns:
        The mean loss and the number of misclassified images of the mini-batch, before the update, on the device.
    """
    with machine.arithmetic():
        logits = net(x).float()
        loss = F.cross_entropy(logits, labels)
    sgd.zero_grad(set_to_none=True)
    with machine.switches():
        loss.backward()  # type: ignore[no-untyped-call]
    with torch.no_grad():
        wrong = (logits.argmax(1) != labels).sum()
    sgd.step()
    return loss.detach(), wrong


class Trainer:
    """A net, its optimiser, its batches and its progress.

    `seed` is that of the initial weights, the data order and the augmentation, unless the settings name seeds for them.
    """

    def __init__(self, settings: Settings, seed: int, data: Data, machine: Machine) -> None:
        recipe, device = settings.train, machine.device
        self.recipe, self.machine = recipe, machine
        self.stream = torch.cuda.Stream(device) if machine.cuda else None  # type: ignore[no-untyped-call]
        if self.stream is not None:
            self.stream.wait_stream(torch.cuda.current_stream(device))
        with self.on_stream():
            order_seed = seed if recipe.order_seed is None else recipe.order_seed
            first_weights = seed if recipe.initialisation_seed is None else recipe.initialisation_seed
            self.batches = Batches(data, order_seed, recipe.batch_size, device)
            self.net = build_net(settings, len(data.record.classes), first_weights, device).train()
            self.net.recompute = place(settings, machine).recompute
            if recipe.compile:
                # A process may train several nets, each with shapes and options of its own.
                torch._dynamo.config.recompile_limit = GRAPHS
                for block in self.net.blocks():
                    block.compile(dynamic=False)
            self.sgd = optimiser(self.net, recipe)
            self.progress = Progress.start(recipe.iterations, device)
            # What changes from one iteration to the next lies in place, where a graph finds it.
            self._draws = torch.zeros(recipe.batch_size, 4, dtype=torch.int64, device=device)
            self._position = torch.zeros(1, dtype=torch.int64, device=device)
            self._learning_rate = torch.zeros((), device=device)
        self._graphed = machine.cuda
        self._graph: torch.cuda.CUDAGraph | None = None
        self._run_here = 0

    def on_stream(self) -> AbstractContextManager[object]:
        """The context in which the device does this trainer's work."""
        return torch.cuda.stream(self.stream) if self.stream is not None else nullcontext()

    def synchronise(self) -> None:
        """Wait until this trainer's work is done; another's goes on, where the device has streams."""
        if self.stream is not None:
            self.stream.synchronize()
        else:
            self.machine.synchronise()

    def advance(self) -> float:
        """Do the next iteration, or hand it to the GPU; gives its learning rate."""
        progress, recipe = self.progress, self.recipe
        warming_up = recipe.warmup and progress.warmup_iterations is None
        lr = learning_rate(progress.iteration, recipe, warming_up=warming_up)
        with self.on_stream():
            for group in self.sgd.param_groups:
                # A graph would fix a number: there it is read from the device's memory.
                group["lr"] = lr if self.stream is None else self._learning_rate.fill_(lr)
            self._draws.copy_(self.batches.draws(progress.iteration), non_blocking=True)
            if not self._run_here:
                self._position.fill_(progress.iteration)
            if self._graphed and self._graph is None and self._run_here >= EAGER_ITERATIONS:
                # Without a graph iterations go on as they are, with the same bits.
                self._graph = captured(self._iterate, self.stream)
                self._graphed = self._graph is not None
            if self._graph is not None:
                self._graph.replay()
            else:
                self._iterate()
            self._run_here += 1
            progress.iteration += 1
            done = progress.iteration
            if warming_up and done % recipe.warmup_window == 0:
                recent = progress.wrong[done - recipe.warmup_window : done]
                if warmup_ends(done, 100 * float(recent.float().mean()) / recipe.batch_size, recipe):
                    progress.warmup_iterations = done
        return lr

    def _iterate(self) -> None:
        x, labels = self.batches.augmented(self._draws)
        loss, wrong = training_step(self.net, self.sgd, x, labels, self.machine)
        self.progress.losses.index_copy_(0, self._position, loss.reshape(1))
        self.progress.wrong.index_copy_(0, self._position, wrong.reshape(1).int())
        self._position += 1
