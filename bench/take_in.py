"""Results that another machine made: checked against the plan, then put in place. Part of `borrowed_gpu.py`."""

from __future__ import annotations

import shutil
import sys
import tarfile
import tempfile
import zlib
from pathlib import Path

import numpy as np

from resnet.errors import UserError
from resnet.files import complete_or_absent
from resnet.params import Params, load
from resnet.results import TrainingRecord
from resnet.runs.identity import identity
from resnet.training.checkpoint import is_checkpoint_of, remove_checkpoints

MEASURED = ("throughput", "latency", "responses", "usual-loop")
"""Folders of `runs` beside `train`."""


def checked(folder: Path, place: Path, plan: Params, name: str) -> TrainingRecord:
    """Read a seed's record and hold it against the plan and its own files.

    Args:
        folder: the seed's results.
        place: the unpacked archive.
        plan: the plan.
        name: the plan's entry that the results are to belong to.

    Raises:
        UserError: it is not a whole result of this plan.
    """
    record = TrainingRecord.read(folder / "metrics.json")
    where = folder.relative_to(place)
    settings = plan.settings(name)
    wanted = record.precision if settings.train.precision == "auto" else settings.train.precision
    if record.identity != identity(settings, record.data, wanted):
        raise UserError(f"{where}: made by other settings, precision or version than the plan's {name}")
    if record.seed not in settings.train.seed_list:
        raise UserError(f"{where}: the plan has no seed {record.seed} of {name}")
    if not (folder / "history.csv").exists():
        raise UserError(f"{where}: the learning curve is missing")
    if record.status == "done":
        pairs = np.load(folder / "test_predictions.npy", allow_pickle=False)
        error = 100 * float(np.mean(pairs[:, 0] != pairs[:, 1]))
        if len(pairs) != record.data.test_images or record.test_error is None or abs(error - record.test_error) > 1e-9:
            raise UserError(f"{where}: the predictions are not those of test error {record.test_error}")
    elif record.status == "interrupted":
        checkpoint = place / "checkpoints" / folder.parent.name / folder.name / "checkpoint.safetensors"
        if checkpoint.exists() and not is_checkpoint_of(checkpoint, record.identity):
            raise UserError(f"{where}: the checkpoint is another run's, or damaged")
    return record


def newer(record: TrainingRecord, metrics: Path) -> bool:
    """Whether a record is to replace what is there.

    Raises:
        UserError: what is there was made by other settings, or is another result of the same run.
    """
    if not metrics.exists():
        return True
    there = TrainingRecord.read(metrics)
    if there.identity != record.identity:
        raise UserError(f"{metrics}: made by other settings, data or version: use --suffix, or move it away")
    if there.status == record.status == "done" and there.test_error != record.test_error:
        raise UserError(f"{metrics}: another result of the same run is there: move it away")
    return there.status != "done" and record.iteration > there.iteration


def copy(file: Path, target: Path) -> None:
    with complete_or_absent(target) as partial:
        shutil.copyfile(file, partial)


def put(record: TrainingRecord, folder: Path, place: Path, root: Path, name: str) -> str:
    """Put a seed's files in place; say what is there now."""
    seed, net = folder.name, folder.parent.name
    results, weights = root / "runs/train" / name / seed, root / "weights" / name / seed
    kept = [
        (place / "weights" / net / seed / "model.safetensors", weights / "model.safetensors"),
        (place / "checkpoints" / net / seed / "checkpoint.safetensors", results / "checkpoint.safetensors"),
    ]
    # The record comes last: with it the seed counts as there.
    files = [(file, results / file.name) for file in sorted(folder.iterdir()) if file.name != "metrics.json"]
    for file, target in [*files, *((file, target) for file, target in kept if file.exists())]:
        copy(file, target)
    record.model_copy(update={"name": name}).write(results / "metrics.json")
    if record.status != "interrupted":
        remove_checkpoints(results / "checkpoint.safetensors")
    lacking = "" if any(file.exists() for file, _ in kept) else ", without weights"
    error = "" if record.test_error is None else f", test error {record.test_error:.2f} %"
    return f"{name} {seed}: {record.status} at {record.iteration:,}{error}, {record.precision}{lacking}"


def take_in(archive: Path, root: Path, params: Path, suffix: str = "") -> int:
    """Check everything, then put it in place, then say what records it; give the exit code.

    Nothing is placed where anything is wrong. Measurements that are there already stay.
    """
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        try:
            with tarfile.open(archive) as packed:
                packed.extractall(place, filter="data")
            plan, seeds = load(params), []
            for metrics in sorted(place.glob("runs/train/*/seed-*/metrics.json")):
                folder = metrics.parent
                name = folder.parent.name + suffix
                record = checked(folder, place, plan, name)
                if newer(record, root / "runs/train" / name / folder.name / "metrics.json"):
                    seeds.append((record, folder, name))
        except (UserError, OSError, EOFError, zlib.error, tarfile.TarError, ValueError) as error:
            print(f"{archive}: nothing is put in place: {error}", file=sys.stderr)
            return 1
        for record, folder, name in seeds:
            print(put(record, folder, place, root, name))
        for file in sorted(path for kind in MEASURED for path in (place / "runs" / kind).rglob("*") if path.is_file()):
            target = root / file.relative_to(place)
            if file.suffix == ".partial":
                print(f"{file.relative_to(place)}: unfinished: left in the archive; `resnet latency --from` takes it")
            elif target.exists():
                print(f"{file.relative_to(place)}: one is there already: left in the archive")
            else:
                copy(file, target)
                print(file.relative_to(place))
    print("to record them: resnet adopt && dvc repro --allow-missing")
    return 0
