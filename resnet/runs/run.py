"""Training runs from the first iteration to their result files, one alone or several side by side.

A run may be killed at any moment. Started again, it goes on from its last checkpoint and ends with the same weights,
bit for bit, as a run left alone (on the same machine, with the same number of threads). Validation picks nothing: the
test error is the last iterate's, and the curve of test errors is for plotting.
"""

from __future__ import annotations

import hashlib
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from threading import Event

import numpy as np

from resnet.data import Data
from resnet.errors import Interrupted
from resnet.files import complete_or_absent
from resnet.measuring.evaluate import evaluate
from resnet.nets import kernels
from resnet.nets.layers import work
from resnet.nets.model import count_parameters
from resnet.params import Settings, TrainParams
from resnet.results import HISTORY, PREDICTIONS, Facts, HistoryRow, Segment, Status, StoredFile, TrainingRecord
from resnet.results.consistency import write_history
from resnet.runs.live import LiveCurve, Viewer
from resnet.runs.results import Folders, Results, identity
from resnet.system import Machine
from resnet.training import checkpoint
from resnet.training.checkpoint import Progress
from resnet.training.recipe import learning_rate
from resnet.training.trainer import Trainer

OnIteration = Callable[[Progress, float], object]
"""Called after every iteration with the progress and the iteration's learning rate."""


@contextmanager
def _stop_on_signal() -> Iterator[Event]:
    """Turn SIGINT and SIGTERM into a request to stop after the running iteration."""
    requested = Event()
    numbers = (signal.SIGINT, signal.SIGTERM)
    earlier = {number: signal.signal(number, lambda *_: requested.set()) for number in numbers}
    try:
        yield requested
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


class PresentSegment:
    """From the run's start or its last checkpoint on; its clock runs from when it is made.

    Earlier segments have done `first_iteration` iterations; `side_by_side` runs share the device, this one included.
    """

    def __init__(self, first_iteration: int, machine: Machine, side_by_side: int) -> None:
        self.first_iteration, self.side_by_side = first_iteration, side_by_side
        self.system = machine.describe(kernels.available)
        self._began, self._outside_training = time.perf_counter(), 0.0

    @contextmanager
    def outside_training(self) -> Iterator[None]:
        """Leave a block's time out of training's; the device has finished its work before."""
        began = time.perf_counter()
        yield
        self._outside_training += time.perf_counter() - began

    def record(self, last_iteration: int) -> Segment:
        """The segment after so many iterations of the run, which the device has done."""
        seconds = time.perf_counter() - self._began
        return Segment(
            first_iteration=self.first_iteration,
            last_iteration=last_iteration,
            seconds=seconds,
            training_seconds=seconds - self._outside_training,
            side_by_side=self.side_by_side,
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            source=source(),
            system=self.system,
        )


@cache
def source() -> str:
    """SHA-256 (hex) over the files that compute an iteration: says where a result comes from, and decides nothing."""
    package = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for folder in ("nets", "training"):
        for path in sorted((package / folder).rglob("*")):
            if path.suffix in (".py", ".cpp", ".h"):
                digest.update(f"{path.relative_to(package).as_posix()}\0".encode() + path.read_bytes())
    return digest.hexdigest()


@dataclass(eq=False)
class Run:
    """A training run of one net with one seed."""

    settings: Settings
    """What holds for this net."""
    seed: int
    """Fixes the initial weights, the data order and the augmentation."""
    data: Data
    folders: Folders
    """Of the run's files; it goes on from a checkpoint there."""
    machine: Machine
    """Where it trains, and the precision of its iterations."""
    live: Viewer | None = None
    """What shows its curve while it trains."""

    def __post_init__(self) -> None:
        self.recipe = self.settings.train
        self.checkpoint_every = checkpoint.checkpoint_every(self.recipe, self.machine)
        self.identity = identity(self.settings, self.data.record, self.machine.precision)
        self.results = Results(self.settings, self.identity, self.folders)

    def execute(self, on_iteration: OnIteration = lambda progress, learning_rate: None) -> TrainingRecord:
        """Train to the end, as `train_side_by_side` does; a finished run is not trained again."""
        return self.results.take_over() or train_side_by_side([self], [on_iteration])[0]

    def start(self, side_by_side: int = 1) -> None:
        """Build the net, or take it up from the last checkpoint; `side_by_side` runs share the device.

        Raises:
            UserError: there is a checkpoint of another configuration, data or version.
        """
        self.trainer = Trainer(self.settings, self.seed, self.data, self.machine)
        self.progress = self.trainer.progress
        self.curve = LiveCurve(self.folders.results) if self.live else None
        net, sgd = self.trainer.net, self.trainer.sgd
        with self.trainer.on_stream():
            damage = checkpoint.resume(self.folders.checkpoint_file, net, sgd, self.progress, self.identity)
        self.segment = PresentSegment(self.progress.iteration, self.machine, side_by_side)
        if damage is not None:
            print(damage, file=sys.stderr)
        # A processor's threads and compiled operations are in its bits.
        keys = {"device", "threads", "fused"} if self.machine.device.type == "cpu" else {"device"}
        systems = [segment.system.model_dump(include=keys) for segment in self.progress.segments[-1:]]
        if systems and systems[0] != self.segment.system.model_dump(include=keys):
            line = f"{self.settings.name} seed {self.seed} goes on at iteration {self.progress.iteration:,} in other"
            print(f"{line} arithmetic (device, threads, compiled operations): with other bits", file=sys.stderr)

    def advance(self, on_iteration: OnIteration) -> Status | None:
        """Do one iteration and what is due after it; say how the run has ended, or None while it goes on."""
        progress, recipe = self.progress, self.recipe
        if progress.iteration < recipe.iterations:
            lr = self.trainer.advance()
            done, last = progress.iteration, progress.iteration == recipe.iterations
            if done % recipe.evaluate_every == 0 and not last:
                self._evaluate(self.machine)
            # Losses are read when the device is waited for anyway.
            due = done % min(recipe.evaluate_every, self.checkpoint_every) == 0
            if due and not last and self._diverged():
                return "diverged"
            if done % self.checkpoint_every == 0 and not last:
                self.save()
            with self.trainer.on_stream():
                on_iteration(progress, lr)
        if progress.iteration < recipe.iterations:
            return None
        return "diverged" if self._diverged() else "done"

    def _diverged(self) -> bool:
        with self.trainer.on_stream():
            return not bool(self.progress.losses[: self.progress.iteration].isfinite().all())

    def _evaluate(self, machine: Machine) -> None:
        self.trainer.synchronise()
        batches, net = self.trainer.batches, self.trainer.net
        with self.segment.outside_training(), self.trainer.on_stream():
            validation = evaluate(net, batches.validation, batches.single_view, machine)
            # A sweep has no test images: its trials are given the validation set in their place.
            same = self.data.test is self.data.validation
            test = validation if same else evaluate(net, batches.test, batches.single_view, machine)
        assert test is not None, "prepared data always have a test set"
        self.progress.evaluations[self.progress.iteration] = validation.error if validation else None, test.error
        self.last_test, self.last_validation = test, validation

    def _segments(self) -> list[Segment]:
        """The earlier segments and, if it got anywhere, the present one."""
        self.trainer.synchronise()
        done = self.progress.iteration
        present = [self.segment.record(done)] if done > self.segment.first_iteration else []
        return [*self.progress.segments, *present]

    def _record(self, status: Status, segments: Sequence[Segment]) -> TrainingRecord:
        progress, finished = self.progress, status == "done"
        epoch = min(progress.iteration, -(-self.trainer.batches.train_images // self.recipe.batch_size))
        last = slice(progress.iteration - epoch, progress.iteration)
        return TrainingRecord(
            status=status,
            name=self.settings.name,
            net=self.settings.net,
            depth=self.settings.depth,
            seed=self.seed,
            iteration=progress.iteration,
            iterations=self.recipe.iterations,
            parameters=count_parameters(self.trainer.net),
            multiply_adds=work(self.settings, len(self.data.record.classes)).multiply_adds,
            precision=self.machine.precision,
            test_error=self.last_test.error if finished else None,
            test_loss=self.last_test.loss if finished else None,
            validation_error=self.last_validation.error if finished and self.last_validation else None,
            training_error=100 * float(progress.wrong[last].float().mean()) / self.recipe.batch_size,
            training_loss=float(progress.losses[last].mean()),
            warmup_iterations=progress.warmup_iterations,
            peak_memory_bytes=self.machine.peak_memory_bytes() // self.segment.side_by_side,
            recomputed=self.trainer.net.recompute,
            data=self.data.record,
            identity=self.identity,
            settings=self.settings.model_dump(mode="json", include={"model", "train"}),
            segments=tuple(segments),
        )

    def _write_results(self, status: Status, segments: Sequence[Segment]) -> TrainingRecord:
        rows = history(self.progress, self.recipe, self.trainer.batches.train_images)
        write_history(self.folders.results / HISTORY, rows)
        record = self._record(status, segments)
        if status != "interrupted":
            mean = self.trainer.batches.mean.cpu().numpy()
            checkpoint.save_weights(self.trainer.net, self.folders.weights_file, Facts.of(record, mean))
            files = [self.folders.weights_file, self.folders.results / HISTORY]
            files += [self.folders.results / PREDICTIONS] if status == "done" else []
            record = record.model_copy(update={"files": {file.name: StoredFile.describe(file) for file in files}})
        record.write(self.folders.metrics_file)
        if self.curve is not None:
            self.curve.write(rows, record)
        return record

    def save(self) -> None:
        """Save a checkpoint, and results that say how far the run is."""
        self.trainer.synchronise()
        with self.segment.outside_training(), self.trainer.on_stream():
            segments = self._segments()
            saved = Progress(**{**vars(self.progress), "segments": segments})
            net, sgd = self.trainer.net, self.trainer.sgd
            checkpoint.save_checkpoint(self.folders.checkpoint_file, net, sgd, saved, self.identity)
            self._write_results("interrupted", segments)

    def finish(self, status: Status) -> TrainingRecord:
        """Measure the last iterate in fp32, as `resnet evaluate` does, and write the results."""
        if status == "done":
            self._evaluate(self.machine.at("fp32"))
            # With the labels: the report compares nets image by image without the data.
            pairs = np.stack([self.data.test.labels, self.last_test.predictions.numpy()], axis=1).astype(np.uint8)
            with complete_or_absent(self.folders.results / PREDICTIONS) as partial, partial.open("wb") as file:
                np.save(file, pairs)
        with self.trainer.on_stream():
            record = self._write_results(status, self._segments())
        checkpoint.remove_checkpoints(self.folders.checkpoint_file)
        del self.trainer  # its memory is the next run's
        return record


def history(progress: Progress, recipe: TrainParams, train_images: int) -> list[HistoryRow]:
    """The curve up to the present iteration: a row every `log_every` iterations and at every evaluation.

    An epoch has `train_images` images.
    """
    losses, wrong = (values[: progress.iteration].cpu().double() for values in (progress.losses, progress.wrong))
    logged = range(recipe.log_every, progress.iteration + 1, recipe.log_every)
    start, rows = 0, []
    for end in sorted({*logged, *progress.evaluations}):
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


def train_side_by_side(runs: Sequence[Run], on_iterations: Sequence[OnIteration]) -> list[TrainingRecord]:
    """Train runs on one device, an iteration of each in turn, from their last checkpoints; give their records.

    On a GPU the iterations are only begun in turn, and the device does them at the same time. Each run
    ends with the bits that it ends with alone. After its every iteration its `on_iterations` is called.

    Raises:
        Interrupted: a signal has stopped them; all have saved checkpoints.
        UserError: there is a checkpoint of another configuration, data or version.
    """
    runs[0].machine.forget_peak_memory()
    for run in runs:
        run.start(len(runs))
    going = dict(zip(runs, on_iterations, strict=True))
    records: dict[Run, TrainingRecord] = {}
    with _stop_on_signal() as stop:
        while going:
            for run, on_iteration in list(going.items()):
                status = run.advance(on_iteration)
                if status is not None:
                    records[run] = run.finish(status)
                    del going[run]
            if going and stop.is_set():
                for run in going:
                    run.save()
                raise Interrupted
    return [records[run] for run in runs]
