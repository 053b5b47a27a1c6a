"""A plan's results verified: all files that the plan's commands read, by the rule that says which runs count.

PyTorch is loaded for checkpoints alone. Hidden folders, such as `.aside`, are not looked at.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from resnet.data import load as load_data
from resnet.errors import UserError, one_line
from resnet.params import Params, load
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
    UsualLoopRecord,
    file_digest,
)
from resnet.results.consistency import METRICS, RunFiles, weights_of
from resnet.results.plan_runs import UNPLANNED, read_plan_runs
from resnet.results.weights import check_weights
from resnet.training.recipe import VERSION

PARAMS = "params.yaml"
BY_FOLDER: dict[str, type[Record]] = {
    "describe": DescriptionRecord,
    "forecast": ForecastRecord,
    "throughput": ThroughputRecord,
    "responses": ResponsesRecord,
    "sweep": SweepRecord,
    "latency": LatencyRecord,
    "usual-loop": UsualLoopRecord,
}
"""What the JSON files in the folders of `runs` are."""
BY_NAME: dict[str, type[Record]] = {"forecast.json": ForecastRecord, "published.json": PublishedRecords}
OF_A_NET = (DescriptionRecord, ThroughputRecord, ResponsesRecord, SweepRecord)
"""Records whose file has the name of their net."""
NOTHING = "no results of a plan: give a folder with params.yaml and runs, or a part of one"


class Check:
    """What was looked at, and what is wrong with it."""

    def __init__(self) -> None:
        self.problems: list[tuple[Path, str]] = []
        self.unplanned: list[tuple[Path, str]] = []
        """Runs that the plan does not name: they are not looked at, and are no problem."""
        self.looked_at: list[tuple[Path, str]] = []
        """Each path, and of what kind it is."""

    @property
    def counts(self) -> Counter[str]:
        return Counter(kind for _, kind in self.looked_at)

    @property
    def lines(self) -> list[str]:
        """All that is wrong or unplanned, a printable line each."""
        return [one_line(f"{path}: {what}") for path, what in (*self.problems, *self.unplanned)]

    def problem(self, path: Path, what: str) -> None:
        if (path, what) not in self.problems:
            self.problems.append((path, what))

    @contextmanager
    def looking(self, path: Path, kind: str) -> Iterator[None]:
        """Count a path; what its reader raises is a problem."""
        self.looked_at.append((path, kind))
        try:
            yield
        except DamagedFile as error:
            self.problem(error.path, error.problem)
        except UserError as error:
            self.problem(path, str(error).removeprefix(f"{path}: "))

    def names(self, folder: Path) -> list[str]:
        """The names in a folder, sorted; hidden ones are left out, and an absent folder has none."""
        try:
            return sorted(name for name in os.listdir(folder) if name[0] != ".") if os.path.lexists(folder) else []
        except OSError as error:
            self.problem(folder, f"not a folder that can be read ({error.strerror})")
            return []

    def add_part(self, whole: Check, path: Path) -> None:
        """Take over what another check has found at a path and below."""
        for ours, theirs in (
            (self.problems, whole.problems),
            (self.unplanned, whole.unplanned),
            (self.looked_at, whole.looked_at),
        ):
            ours += [item for item in theirs if item not in ours and item[0].absolute().is_relative_to(path.absolute())]


def check(paths: Iterable[Path]) -> Check:
    """Check the plans in which the paths are, as far as the paths go, and all plans below them.

    Raises:
        UserError: a path is not there.
    """
    made = Check()
    for path in paths:
        if not os.path.lexists(path):
            raise UserError(f"{path}: there is no such file or folder")
        before = len(made.looked_at), len(made.problems)
        for folder in _plans(path):
            made.add_part(check_plan(folder), path)
        if (len(made.looked_at), len(made.problems)) == before:
            made.problem(path, NOTHING)
    return made


def _plans(path: Path) -> Iterator[Path]:
    """The folder of the plan in which a path is, and those of the plans below it."""
    above = (parent for parent in (path, *path.parents, *path.absolute().parents) if (parent / PARAMS).is_file())
    own = next(above, None)
    if own is not None:
        yield own
    for name, folders, files in os.walk(path):
        folders[:] = sorted(folder for folder in folders if folder[0] != ".")
        if PARAMS in files and Path(name) != own:
            yield Path(name)


def check_plan(folder: Path) -> Check:
    """Check all that the commands of a plan read: its `params.yaml`, prepared data, `runs` and `weights`."""
    made = Check()
    params = None
    with made.looking(folder / PARAMS, "plans"):
        params = load(folder / PARAMS)
    if params is None:
        return made
    data, runs = folder / params.data.dir, folder / "runs"
    if os.path.lexists(data):
        with made.looking(data, "data sets"):
            load_data(data, params.data)
    _check_runs(params, runs, made)
    _check_left_overs(params, folder, made)
    for name in made.names(runs):
        if kind := BY_NAME.get(name):
            _check_measurement(runs / name, kind, made)
        for file in made.names(runs / name) if name in BY_FOLDER else ():
            if file.endswith(".json"):
                _check_measurement(runs / name / file, BY_FOLDER[name], made)
    if made.counts.keys() <= {"plans"}:
        made.looked_at.clear()
    return made


def _check_runs(params: Params, runs: Path, made: Check) -> None:
    counted, not_counted = read_plan_runs(params, runs, VERSION)
    for path, reason in not_counted:
        (made.unplanned if reason in UNPLANNED else made.problems).append((path, reason))
        if path.name == METRICS:
            made.looked_at.append((path, "runs"))
    for run in counted.values():
        if (run.folder / METRICS, "runs") not in made.looked_at:
            made.looked_at.append((run.folder / METRICS, "runs"))
        for name in run.missing:
            made.problem(run.folder / name, "missing")
        _check_net(run, runs / "describe" / f"{run.record.name}.json", made)


def _check_net(run: RunFiles, described: Path, made: Check) -> None:
    """Compare a run's record and weights with its net's layers."""
    record, layers = run.record, None
    try:
        description = DescriptionRecord.read(described)
    except DamagedFile:
        pass  # absent, or a problem of its own
    else:
        layers = description.layers
        theirs = (description.parameters, description.multiply_adds)
        if description.classes == len(record.data.classes) and theirs != (record.parameters, record.multiply_adds):
            what = f"{record.parameters:,} parameters and {record.multiply_adds:,} multiply-adds"
            made.problem(run.folder / METRICS, f"{what}, its net has {theirs[0]:,} and {theirs[1]:,}")
    path = weights_of(run.folder)
    if path is None or record.status == "interrupted":
        return
    with made.looking(path, "files of weights"):
        if WEIGHTS in record.files:
            record.files[WEIGHTS].check(path)
        else:
            check_weights(path, layers, finite=record.status == "done")


def _check_left_overs(params: Params, folder: Path, made: Check) -> None:
    """Check the planned runs' checkpoints, and look for weights whose record is gone."""
    for name in params.models:
        for seed in params.settings(name).train.seed_list:
            results = folder / "runs/train" / name / f"seed-{seed}"
            weights = folder / "weights" / name / f"seed-{seed}" / WEIGHTS
            if os.path.lexists(weights) and not os.path.lexists(results / METRICS):
                with made.looking(weights, "files of weights"):
                    raise DamagedFile(weights, f"weights without {results / METRICS}")
            for file in made.names(results) if results.is_dir() else ():
                if file.startswith("checkpoint") and file.endswith(".safetensors"):
                    with made.looking(results / file, "checkpoints"):
                        _check_checkpoint(results / file)


def _check_checkpoint(path: Path) -> None:
    from resnet.training.checkpoint import is_checkpoint_of, read_header

    if not is_checkpoint_of(path, read_header(path).identity):
        raise DamagedFile(path, "the tensors are not what was written")


def _check_measurement(path: Path, kind: type[Record], made: Check) -> None:
    record = None
    with made.looking(path, "other records"):
        record = kind.read(path)
    if isinstance(record, OF_A_NET) and record.name != path.stem:
        made.problem(path, f"holds {record.name}, not {path.stem}")
    if not isinstance(record, ResponsesRecord):
        return
    for seed in record.seeds:
        weights = weights_of(path.parents[1] / "train" / record.name / f"seed-{seed.seed}")
        try:
            other = weights is not None and file_digest(weights) != seed.weights_sha256
        except DamagedFile:
            continue  # a problem of its run
        if other:
            made.problem(path, f"measured on other weights than those of seed {seed.seed} that are there")
