"""Result files found and read for the report: one that is damaged ends nothing, it is named and left out."""

import os
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from resnet.errors import UserError
from resnet.params import Params, Settings
from resnet.params.problems import first_problem
from resnet.results import DamagedFile, Record, ThroughputRecord, TrainingRecord
from resnet.results.consistency import METRICS
from resnet.results.plan_runs import NO_FOLDER

PARTS = ("model", "train", "throughput")
"""Of a net's settings."""

OF_NET = attrgetter("name", "net", "depth")

R = TypeVar("R", bound=Record)


def plan_of(runs: Path) -> Params:
    """The plan whose results these are, from the settings that they hold: for a folder without its parameters.

    Args:
        runs: with `train/<net>/seed-<k>/metrics.json` or `throughput/<net>.json`.

    Returns:
        The nets by their names and the seeds that are there; each net's own settings; the split of the data. What no
        result file holds is at its default. Without any net where there are no results that are whole.
    """
    folder, data = Folder(runs), dict[str, Any]()
    models = {record.name: _settings_of(record) for _, record in folder.all(ThroughputRecord, "throughput/*.json")}
    trained = dict[str, list[TrainingRecord]]()
    for file, record in folder.all(TrainingRecord, f"train/*/*/{METRICS}"):
        if file.split("/")[1] == record.name:
            trained.setdefault(record.name, []).append(record)
    for name, (first, *others) in trained.items():
        models[name] = _settings_of(first)
        models[name]["train"] |= {"seeds": sorted({record.seed for record in (first, *others)})}
        data = {"validation": first.data.validation_images, "split_seed": first.data.split_seed}
    by_depth = sorted(models.items(), key=lambda item: (item[1]["net"], item[1]["depth"], item[0]))
    try:
        return Params.model_validate({"data": data, "models": dict(by_depth)})
    except ValidationError as error:
        raise UserError(f"{runs}: the settings of its results are no plan: {first_problem(error)}") from error


def _settings_of(record: TrainingRecord | ThroughputRecord) -> dict[str, Any]:
    settings = {part: dict(record.settings.get(part) or {}) for part in PARTS}
    return {"net": record.net, "depth": record.depth, **settings}


class Folder:
    """The folder of result files; what is read of it is whole."""

    def __init__(self, runs: Path) -> None:
        self.runs = runs
        self.damaged: list[tuple[str, str]] = []
        """Files that were left out, below the folder, and what is wrong with each."""

    def find(self, pattern: str) -> list[str]:
        """Files by a pattern, sorted; what is hidden is no result."""
        top = pattern.split("/")[0]
        if os.path.lexists(self.runs / top) and not os.access(f"{self.runs / top}/.", os.R_OK | os.X_OK):
            self.damaged.append((top, NO_FOLDER))
        return sorted(path.relative_to(self.runs).as_posix() for path in self.runs.glob(pattern.replace("*", "[!.]*")))

    def read(self, record: type[R], file: str, settings: Settings | None = None) -> R | None:
        """Read a result, if there is one and it is whole; of a net, if its settings are given."""
        path = self.runs / file
        try:
            result = record.read(path) if os.path.lexists(path) else None
            if result and settings and OF_NET(result) != OF_NET(settings):
                name, net, depth = OF_NET(result)
                ours = f"{settings.name} is {settings.net}, depth {settings.depth}"
                raise DamagedFile(path, f"holds {name} ({net}, depth {depth}), but the parameters' {ours}")
        except DamagedFile as error:
            self.damaged.append((file, error.problem))
            return None
        return result

    def all(self, record: type[R], pattern: str) -> list[tuple[str, R]]:
        """Every whole result file of a pattern, with its path."""
        return [(file, result) for file in self.find(pattern) if (result := self.read(record, file))]
