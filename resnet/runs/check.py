"""A plan's results verified: all files that its commands read, by the rule that says which runs count.

PyTorch is loaded for checkpoints alone. Hidden folders are not looked at.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from resnet import results
from resnet.data import load as load_data
from resnet.errors import UserError, one_line
from resnet.params import Params, load
from resnet.results.consistency import weights_of
from resnet.results.plan_runs import UNPLANNED, read_plan_runs
from resnet.training.recipe import VERSION

BY_FOLDER: dict[str, type[results.Record]] = {
    "describe": results.DescriptionRecord,
    "throughput": results.ThroughputRecord,
    "responses": results.ResponsesRecord,
    "sweep": results.SweepRecord,
    "latency": results.LatencyRecord,
    "usual-loop": results.UsualLoopRecord,
    "forecast": results.ForecastRecord,
    "runs": results.PublishedRecords,
}
OF_A_NET = (results.DescriptionRecord, results.ThroughputRecord, results.ResponsesRecord, results.SweepRecord)
"""Records whose file has the name of their net."""


class Check:
    """What was looked at of some plans, and what is wrong with it."""

    def __init__(self) -> None:
        self.problems: list[tuple[Path, str]] = []
        self.notes: list[tuple[Path, str]] = []
        """No problems: runs that the plan does not name, which are not looked at, and measurements of weights that were
        trained again since, which `dvc repro` makes anew."""
        self.counts: Counter[str] = Counter()

    @property
    def lines(self) -> list[str]:
        """The problems, then the notes, a printable line each."""
        return [one_line(f"{path}: {what}") for path, what in (*self.problems, *self.notes)]

    @contextmanager
    def looking(self, path: Path, kind: str) -> Iterator[None]:
        """Count a path; what its reader raises is a problem."""
        self.counts[kind] += 1
        try:
            yield
        except results.DamagedFile as error:
            self.problems.append((error.path, error.problem))
        except UserError as error:
            self.problems.append((path, str(error).removeprefix(f"{path}: ")))


def check(folders: Iterable[Path]) -> Check:
    """Check some plans, each a folder with a `params.yaml`; one without any results is a problem too."""
    made = Check()
    for folder in folders:
        before = made.counts.total() + len(made.problems) + 1
        check_plan(folder, made)
        if made.counts.total() + len(made.problems) == before:
            made.problems.append((folder, "a plan without any results"))
    return made


def check_plan(folder: Path, made: Check) -> None:
    """Check all that the commands of a plan read: its parameters, prepared data, `runs` and `weights`."""
    with made.looking(folder, "plans"):
        if not (folder / "params.yaml").exists():
            raise UserError("no params.yaml here: give the folder of a plan")
        params = load(folder / "params.yaml")
        data = folder / params.data.dir
        if os.path.lexists(data):
            with made.looking(data, "data sets"):
                load_data(data, params.data)
        _check_runs(params, folder / "runs", made)
        for place in ("runs", "weights"):
            _check_files(folder / place, made)


def _check_runs(params: Params, runs: Path, made: Check) -> None:
    found = read_plan_runs(params, runs, VERSION)
    made.counts["runs"] += len(found.runs)
    for path, reason in found.usable().not_counted:
        (made.notes if reason in UNPLANNED else made.problems).append((path, reason))


def _check_files(folder: Path, made: Check) -> None:
    """Check all files below a folder that are no run's results: measurements and checkpoints."""
    for name, folders, files in os.walk(folder, followlinks=True):
        folders[:] = sorted(inner for inner in folders if inner[0] != ".")
        for path in (Path(name) / file for file in sorted(files)):
            if path.name.startswith("checkpoint") and path.suffix == ".safetensors":
                from resnet.training.checkpoint import read_checkpoint  # PyTorch, for nothing else

                with made.looking(path, "checkpoints"):
                    read_checkpoint(path)
            # An accelerator's throughput has a folder of its own.
            kind = BY_FOLDER.get("throughput" if path.parents[1].name == "throughput" else path.parent.name)
            if kind and path.suffix == ".json":
                _check_measurement(path, kind, made)


def _check_measurement(path: Path, kind: type[results.Record], made: Check) -> None:
    with made.looking(path, "other records"):
        record = kind.read(path)
        if isinstance(record, OF_A_NET) and record.name != path.stem:
            raise results.DamagedFile(path, f"holds {record.name}, not {path.stem}")
        for seed in record.seeds if isinstance(record, results.ResponsesRecord) else ():
            weights = weights_of(path.parents[1] / "train" / path.stem / f"seed-{seed.seed}")
            if weights is not None and results.StoredFile.describe(weights).sha256 != seed.weights_sha256:
                made.notes.append((path, f"measured on other weights than those of seed {seed.seed} that are there"))
