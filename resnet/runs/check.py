"""A whole tree of results held against itself: every record, its files, their digests, and what must not be twice.

PyTorch is loaded for checkpoints alone. What lies aside, in hidden folders, is not looked at.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from resnet.errors import UserError
from resnet.params import Params, Settings, load
from resnet.params.bearing import check_recorded, configuration
from resnet.results import (
    WEIGHTS,
    DamagedFile,
    DescriptionRecord,
    ForecastRecord,
    LatencyRecord,
    PublishedRecords,
    Record,
    ResponsesRecord,
    SweepRecord,
    ThroughputRecord,
    TrainingRecord,
    UsualLoopRecord,
    file_digest,
)
from resnet.results.consistency import METRICS, RunFiles, duplicates, foreign_labels, read_run, record_of
from resnet.results.weights import check_weights

BY_FOLDER: dict[str, type[Record]] = {
    "describe": DescriptionRecord,
    "throughput": ThroughputRecord,
    "responses": ResponsesRecord,
    "sweep": SweepRecord,
    "latency": LatencyRecord,
    "usual-loop": UsualLoopRecord,
}
BY_NAME: dict[str, type[Record]] = {"forecast.json": ForecastRecord, "published.json": PublishedRecords}
OF_A_NET = (DescriptionRecord, ThroughputRecord, ResponsesRecord, SweepRecord)
"""Records that lie under their net's name."""
SEED = re.compile(r"seed-\d+")


class Check:
    """Looks at everything below some paths; `problems` are what is wrong, in the order in which it was met."""

    def __init__(self) -> None:
        self.problems: list[tuple[Path, str]] = []
        self.counts: Counter[str] = Counter()
        self.runs: list[RunFiles] = []
        self.weights: list[str | None] = []
        """Digests of the runs' weights, where these are there."""
        self.plans: dict[Path, Params | None] = {}

    def problem(self, path: Path, what: str) -> None:
        if (path, what) not in self.problems:
            self.problems.append((path, what))

    def look(self, path: Path) -> None:
        """Look at a folder and all below, or at one file.

        Raises:
            UserError: there is no such path.
        """
        if not os.path.lexists(path):
            raise UserError(f"{path}: there is no such file or folder")
        if not path.is_dir():
            self._file(path.parent, path.name)
            return
        for name, folders, files in os.walk(path, onerror=self._unreadable):
            folders[:] = sorted(folder for folder in folders if folder[0] != ".")
            for file in sorted(files):
                self._file(Path(name), file)

    def _unreadable(self, error: OSError) -> None:
        self.problem(Path(error.filename), f"cannot be read ({error.strerror})")

    def _try(self, path: Path, what: str, function: Callable[[], object]) -> Any:
        """Do one check; what a record, weights or data are not is a problem. Counts what was looked at."""
        self.counts[what] += 1
        try:
            return function()
        except DamagedFile as error:
            self.problem(error.path, error.problem)
        except (UserError, ValueError) as error:
            self.problem(path, str(error).removeprefix(f"{path}: "))
        return None

    def _file(self, folder: Path, name: str) -> None:
        path, in_seed = folder / name, SEED.fullmatch(folder.name)
        if name == METRICS and in_seed:
            self._run(folder)
        elif name == WEIGHTS and in_seed and record_of(path) is None:
            self.counts["files of weights"] += 1
            self.problem(path, "weights without a record")
        elif name.startswith("checkpoint") and path.suffix == ".safetensors":
            self._try(path, "checkpoints", lambda: _check_checkpoint(path))
        elif path.suffix == ".json" and (kind := BY_NAME.get(name) or BY_FOLDER.get(folder.name)):
            record = self._try(path, "other records", lambda: kind.read(path))
            if isinstance(record, OF_A_NET) and record.name != path.stem:
                self.problem(path, f"holds {record.name}, not {path.stem}")
            if isinstance(record, ResponsesRecord):
                self._responses(path, record)
        elif name == "data.json":
            from resnet.data import load as load_data

            self._try(folder, "data sets", lambda: load_data(folder))

    def _run(self, folder: Path) -> None:
        run: RunFiles | None = self._try(folder / METRICS, "runs", lambda: read_run(folder))
        if run is None:
            return
        record = run.record
        for damage in run.damaged:
            self.problem(damage.path, damage.problem)
        for name in run.missing:
            self.problem(folder / name, "missing")
        for what in _foreign(folder, record, self._plan_of(folder)):
            self.problem(folder / METRICS, what)
        path = weights_of(folder)
        self.runs.append(run)
        self.weights.append(self._weights(path, folder, record) if path else None)

    def _plan_of(self, folder: Path) -> Params | None:
        """The parameters beside the `runs` in which a seed's folder lies; None without any."""
        if len(folder.parents) <= 3 or folder.parents[1].name != "train":
            return None
        path = folder.parents[3] / "params.yaml"
        if path not in self.plans:
            self.plans[path] = None
            if path.exists():
                self.plans[path] = self._try(path, "plans", lambda: load(path))
        return self.plans[path]

    def _weights(self, path: Path, folder: Path, record: TrainingRecord) -> str | None:
        def check() -> str:
            if WEIGHTS in record.files:
                record.files[WEIGHTS].check(path)
            elif record.status != "interrupted":
                check_weights(path, _layers(folder, record), finite=record.status == "done")
            return file_digest(path)

        digest = self._try(path, "files of weights", check)
        return digest if isinstance(digest, str) else None

    def _responses(self, path: Path, record: ResponsesRecord) -> None:
        root = path.parent.parent
        for seed in record.seeds:
            folder = root / "train" / record.name / f"seed-{seed.seed}"
            weights = weights_of(folder)
            if weights is None:
                continue
            try:
                other = file_digest(weights) != seed.weights_sha256
            except DamagedFile:
                continue  # its run says so
            if other:
                self.problem(path, f"measured on other weights than those of seed {seed.seed} that are there")

    def compare(self) -> None:
        """Look for results that are there twice, and for labels that differ."""
        for place, what in duplicates(self.runs, self.weights):
            self.problem(self.runs[place].folder / METRICS, what)
        for place in foreign_labels(self.runs):
            path = self.runs[place].folder / "test_predictions.npy"
            self.problem(path, "its labels are not those of the other runs on the same data")


def check(paths: Iterable[Path]) -> Check:
    """Check every result below the paths.

    Raises:
        UserError: a path is not there.
    """
    made = Check()
    for path in paths:
        made.look(path)
    made.compare()
    return made


def weights_of(folder: Path) -> Path | None:
    """The weights of the run whose results lie in `folder`, beside them or in a plan's `weights`; None where absent."""
    places = [folder / WEIGHTS]
    if len(folder.parents) > 3 and folder.parents[1].name == "train":
        places.append(folder.parents[3] / "weights" / folder.parent.name / folder.name / WEIGHTS)
    return next((place for place in places if os.path.lexists(place)), None)


def _layers(folder: Path, record: TrainingRecord) -> Any:
    """The layers of a run's net as its plan describes them; None where it does not."""
    path = folder.parents[2] / "describe" / f"{record.name}.json" if len(folder.parents) > 2 else folder
    try:
        return DescriptionRecord.read(path).layers
    except DamagedFile:
        return None  # absent, or said of the file itself


def _foreign(folder: Path, record: TrainingRecord, plan: Params | None) -> Iterable[str]:
    """In what a run is not what its record's identity, its folder or its plan say."""
    try:
        check_recorded(record.net, record.depth, record.settings, record.precision, record.identity.configuration)
    except ValueError as error:
        yield str(error)
        return
    if len(folder.parents) <= 1 or folder.parents[1].name != "train":
        return
    name = folder.parent.name
    if record.name != name:
        yield f"holds {record.name}, not {name}"
    elif plan is not None and name in plan.models:
        yield from _off_plan(plan.settings(name), record)


def _off_plan(settings: Settings, record: TrainingRecord) -> Iterable[str]:
    if (record.net, record.depth) != (settings.net, settings.depth):
        yield f"holds {record.net}-{record.depth}, and params.yaml's {settings.name} is {settings.net}-{settings.depth}"
        return
    precision = settings.train.precision_beside(record.precision)
    planned = configuration(settings.net, settings.depth, settings.model, settings.train, precision)
    if planned != record.identity.configuration:
        plan = settings.model_dump(mode="json", include={"model", "train"})
        differing = [
            f"{section}.{key} {value!r}, not {plan[section][key]!r}"
            for section in ("model", "train")
            for key, value in record.settings[section].items()
            if key in plan[section] and plan[section][key] != value and key not in ("seeds", "device", "precision")
        ]
        differences = "; ".join(differing[:3]) or f"precision {record.precision}, not {precision}"
        yield f"made by other settings than params.yaml's: {differences}"
    split, wanted = (record.data.validation_images, record.data.split_seed), settings.data
    if split != (wanted.validation, wanted.split_seed) and (split[0] or wanted.validation):
        ours = f"{wanted.validation} by {wanted.split_seed}"
        yield f"{split[0]} validation images by split seed {split[1]}, in params.yaml {ours}"


def _check_checkpoint(path: Path) -> None:
    from resnet.training.checkpoint import is_checkpoint_of, read_header

    if not is_checkpoint_of(path, read_header(path).identity):
        raise UserError(f"{path}: the tensors are not what was written")
