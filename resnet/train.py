"""One training run by iterations, as section 4.2 describes it; the only training loop of the project.

What a run computes is a function of its settings, its data and its seed. It may be killed at any
moment: started again, it goes on from its last checkpoint and ends with the same weights, bit for
bit, as a run left alone (on the same machine, with the same number of threads).

A run leaves in its folder `metrics.json`, `history.csv`, `test_predictions.npy` and the weights of
the last iterate. Validation picks nothing: the test error is the last iterate's, and the curve of
test errors is for plotting.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet.batches import Batches
from resnet.checkpoint import Progress, is_checkpoint_of, load_checkpoint, save_checkpoint, save_weights
from resnet.data import Data
from resnet.describe import describe
from resnet.draws import generator
from resnet.evaluate import evaluate
from resnet.files import complete_or_absent
from resnet.fingerprint import fingerprint
from resnet.model import DepthNet, count_parameters, he_initialisation
from resnet.params import Settings
from resnet.recipe import learning_rate, optimiser, warmup_ends
from resnet.records import HistoryRow, Segment, Status, TrainingRecord, write_history
from resnet.system import arithmetic, describe_system, peak_memory_bytes, synchronise


class Interrupted(Exception):
    """The run was asked to stop (SIGINT or SIGTERM) and has saved a checkpoint."""


Report = Callable[[Progress, float], None]
"""Called after every iteration with the progress and its learning rate, for display."""


class Folders(NamedTuple):
    """Where a seed's files lie."""

    results: Path
    """`metrics.json`, `history.csv` and `test_predictions.npy`."""
    weights: Path
    """`model.safetensors`, of the last iterate."""
    checkpoint: Path
    """`checkpoint.safetensors`, while the run goes on."""

    @property
    def metrics_file(self) -> Path:
        return self.results / "metrics.json"

    @property
    def history_file(self) -> Path:
        return self.results / "history.csv"

    @property
    def predictions_file(self) -> Path:
        return self.results / "test_predictions.npy"

    @property
    def weights_file(self) -> Path:
        return self.weights / "model.safetensors"

    @property
    def checkpoint_file(self) -> Path:
        return self.checkpoint / "checkpoint.safetensors"


def build_net(settings: Settings, classes: int, seed: int, device: torch.device) -> DepthNet:
    """Build the settings' net on the device, its weights drawn for this seed (He initialisation)."""
    model = settings.model
    net = DepthNet(settings.net, settings.depth, model.shortcut, model.zero_padding, classes)
    he_initialisation(net, generator(seed, "initialisation"))
    return net.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def training_step(
    net: nn.Module, sgd: torch.optim.SGD, x: Tensor, labels: Tensor, precision: str
) -> tuple[Tensor, Tensor]:
    """Forward pass, backward pass and update for one mini-batch.

    Args:
        net: the net, in training mode.
        sgd: its optimiser, set to the iteration's learning rate.
        x: images, float32 (B, 3, 32, 32).
        labels: int64 (B,).
        precision: of the forward and backward pass.

    Returns:
        The mean loss and the number of misclassified images, before the update; both stay on the
        device, so that nothing waits for it.
    """
    with arithmetic(precision, x.device):
        logits = net(x).float()
        loss = F.cross_entropy(logits, labels)
    sgd.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    sgd.step()
    with torch.no_grad():
        return loss.detach(), (logits.argmax(1) != labels).sum()


def history(progress: Progress, settings: Settings, train_images: int) -> list[HistoryRow]:
    """The learning curve so far, derived from what every iteration left behind."""
    recipe = settings.train
    losses, wrong = progress.losses.cpu().double(), progress.wrong.cpu().double()
    ends = set(range(recipe.log_every, progress.iteration + 1, recipe.log_every))
    rows, start = [], 0
    for end in sorted(ends | set(progress.evaluations)):
        validation, test = progress.evaluations.get(end, (None, None))
        warming_up = recipe.warmup and (progress.warmup_iterations is None or end <= progress.warmup_iterations)
        rows.append(
            HistoryRow(
                iteration=end,
                epoch=end * recipe.batch_size / train_images,
                learning_rate=learning_rate(end - 1, recipe, warming_up=warming_up),
                training_loss=float(losses[start:end].mean()),
                training_error=100 * float(wrong[start:end].mean()) / recipe.batch_size,
                validation_error=validation,
                test_error=test,
            )
        )
        start = end
    return rows


@contextmanager
def _stop_on_signal() -> Iterator[Callable[[], bool]]:
    """Turn SIGINT and SIGTERM into a request to stop after the running iteration."""
    requested = False

    def request(number: int, frame: FrameType | None) -> None:
        nonlocal requested
        requested = True

    earlier = {number: signal.signal(number, request) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: requested
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


class Run:
    """A training run of one net with one seed.

    Args:
        settings: what holds for this net.
        seed: fixes the initial weights, the data order and the augmentation.
        data: the prepared data.
        folders: where the run's files lie; a checkpoint there is continued.
        device: where it trains.
        precision: arithmetic of the training iterations.
    """

    def __init__(
        self,
        settings: Settings,
        seed: int,
        data: Data,
        folders: Folders,
        device: torch.device,
        precision: str,
    ) -> None:
        self.settings = settings
        self.recipe = settings.train
        self.seed = seed
        self.data = data
        self.folders = folders
        self.device = device
        self.precision = precision
        self.fingerprint = fingerprint(settings, data.record, precision)

    def finished_record(self) -> TrainingRecord | None:
        """The record of this very run if it is already complete, its weights included."""
        folders = self.folders
        if not (folders.metrics_file.exists() and folders.weights_file.exists()):
            return None
        record = TrainingRecord.read(folders.metrics_file)
        complete = record.status in ("done", "diverged") and record.fingerprint == self.fingerprint
        return record if complete else None

    def drop_foreign_checkpoint(self) -> None:
        """Delete a checkpoint that this run cannot continue."""
        path = self.folders.checkpoint_file
        if path.exists() and not is_checkpoint_of(path, self.fingerprint):
            path.unlink()

    def execute(self, report: Report = lambda progress, rate: None) -> TrainingRecord:
        """Train to the end, from the last checkpoint if there is one.

        Args:
            report: called after every iteration.

        Raises:
            Interrupted: a signal asked to stop; a checkpoint is saved.
            UserError: there is a checkpoint of another configuration, data or code.
        """
        finished = self.finished_record()
        if finished is not None:
            self.folders.checkpoint_file.unlink(missing_ok=True)
            return finished
        self.batches = Batches(self.data, self.seed, self.recipe.batch_size, self.device)
        self.net = build_net(self.settings, len(self.data.record.classes), self.seed, self.device)
        self.sgd = optimiser(self.net, self.recipe)
        self.progress = Progress.start(self.recipe.iterations, self.device)
        if self.folders.checkpoint_file.exists():
            load_checkpoint(self.folders.checkpoint_file, self.net, self.sgd, self.progress, self.fingerprint)
        self.began_at_iteration = self.progress.iteration
        self.began, self.outside_training = time.perf_counter(), 0.0
        with _stop_on_signal() as stop_requested:
            status = self._iterate(stop_requested, report)
        return self._finish(status)

    def _iterate(self, stop_requested: Callable[[], bool], report: Report) -> Status:
        progress, recipe = self.progress, self.recipe
        self.net.train()
        while progress.iteration < recipe.iterations:
            warming_up = recipe.warmup and progress.warmup_iterations is None
            rate = learning_rate(progress.iteration, recipe, warming_up=warming_up)
            for group in self.sgd.param_groups:
                group["lr"] = rate
            x, labels = self.batches.batch(progress.iteration)
            loss, wrong = training_step(self.net, self.sgd, x, labels, self.precision)
            progress.losses[progress.iteration] = loss
            progress.wrong[progress.iteration] = wrong
            progress.iteration += 1

            done = progress.iteration
            if warming_up and done % recipe.warmup_window == 0:
                recent = progress.wrong[done - recipe.warmup_window : done]
                if warmup_ends(done, 100 * float(recent.float().mean()) / recipe.batch_size, recipe):
                    progress.warmup_iterations = done
            if done % recipe.log_every == 0 and not torch.isfinite(progress.losses[:done]).all():
                return "diverged"
            if done % recipe.evaluate_every == 0 and done < recipe.iterations:
                self._evaluate(self.precision)
            if stop_requested():
                self._save()
                raise Interrupted
            if done % recipe.checkpoint_every == 0 and done < recipe.iterations:
                self._save()
            report(progress, rate)
        return "done" if torch.isfinite(progress.losses).all() else "diverged"

    def _evaluate(self, precision: str) -> None:
        synchronise(self.device)
        began = time.perf_counter()
        batches = self.batches
        validation = evaluate(self.net, batches.validation, batches.single_view, precision)
        test = evaluate(self.net, batches.test, batches.single_view, precision)
        assert test is not None, "prepared data always have a test set"
        self.progress.evaluations[self.progress.iteration] = (
            validation.error if validation else None,
            test.error,
        )
        self.last_test, self.last_validation = test, validation
        self.outside_training += time.perf_counter() - began

    def _segments(self) -> list[Segment]:
        """The earlier segments and, if it got anywhere, the present one."""
        synchronise(self.device)
        if self.progress.iteration == self.began_at_iteration:
            return self.progress.segments
        seconds = time.perf_counter() - self.began
        present = Segment(
            first_iteration=self.began_at_iteration,
            last_iteration=self.progress.iteration,
            seconds=seconds,
            training_seconds=seconds - self.outside_training,
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            system=describe_system(self.device),
        )
        return [*self.progress.segments, present]

    def _record(self, status: Status) -> TrainingRecord:
        progress, finished = self.progress, status == "done"
        epoch = min(progress.iteration, -(-self.batches.train_images // self.recipe.batch_size))
        last = slice(progress.iteration - epoch, progress.iteration)
        return TrainingRecord(
            status=status,
            name=self.settings.name,
            net=self.settings.net,
            depth=self.settings.depth,
            seed=self.seed,
            iteration=progress.iteration,
            iterations=self.recipe.iterations,
            parameters=count_parameters(self.net),
            multiply_adds=describe(self.settings, len(self.data.record.classes)).multiply_adds,
            precision=self.precision,
            test_error=self.last_test.error if finished else None,
            test_loss=self.last_test.loss if finished else None,
            validation_error=self.last_validation.error if finished and self.last_validation else None,
            training_error=100 * float(progress.wrong[last].float().mean()) / self.recipe.batch_size,
            training_loss=float(progress.losses[last].mean()),
            warmup_iterations=progress.warmup_iterations,
            peak_memory_bytes=peak_memory_bytes(self.device),
            data=self.data.record,
            fingerprint=self.fingerprint,
            settings=self.settings.model_dump(mode="json", include={"model", "train"}),
            segments=tuple(self._segments()),
        )

    def _write_results(self, status: Status) -> TrainingRecord:
        rows = history(self.progress, self.settings, self.batches.train_images)
        write_history(self.folders.history_file, rows)
        record = self._record(status)
        record.write(self.folders.metrics_file)
        return record

    def _save(self) -> None:
        synchronise(self.device)
        began = time.perf_counter()
        saved = Progress(**{**vars(self.progress), "segments": self._segments()})
        save_checkpoint(self.folders.checkpoint_file, self.net, self.sgd, saved, self.fingerprint)
        self._write_results("interrupted")
        self.outside_training += time.perf_counter() - began

    def _finish(self, status: Status) -> TrainingRecord:
        """Measure the last iterate in fp32, as `resnet evaluate` does, and write the results."""
        if status == "done":
            self._evaluate("fp32")
            predictions = self.last_test.predictions.numpy()
            with complete_or_absent(self.folders.predictions_file) as partial, partial.open("wb") as file:
                np.save(file, predictions)
        save_weights(self.net, self.folders.weights_file)
        record = self._write_results(status)
        self.folders.checkpoint_file.unlink(missing_ok=True)
        return record
