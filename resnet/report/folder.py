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
    results, models, data = Folder(runs), dict[str, Any](), dict[str, Any]()

    def settings_of(record: TrainingRecord | ThroughputRecord) -> dict[str, Any]:
        return {"net": record.net, "depth": record.depth} | {part: record.settings.get(part) or {} for part in PARTS}

    for name in results.entries(runs / "throughput", ".json"):
        if throughput := results.read(ThroughputRecord, f"throughput/{name}.json"):
            models[throughput.name] = settings_of(throughput)
    for net in results.entries(runs / "train"):
        files = [f"train/{net}/{seed}/{METRICS}" for seed in results.entries(runs / "train" / net)]
        records = [record for file in files if (record := results.read(TrainingRecord, file)) and record.name == net]
        if records:
            models[net] = settings_of(records[0])
            models[net]["train"] = {**models[net]["train"], "seeds": sorted({record.seed for record in records})}
            data = {"validation": records[0].data.validation_images, "split_seed": records[0].data.split_seed}
    by_depth = sorted(models.items(), key=lambda item: (item[1]["net"], item[1]["depth"], item[0]))
    try:
        return Params.model_validate({"data": data, "models": dict(by_depth)})
    except ValidationError as error:
        raise UserError(f"{runs}: the settings of its results are no plan: {first_problem(error)}") from error


class Folder:
    """The folder of result files; what is read of it is whole."""

    def __init__(self, runs: Path) -> None:
        self.runs = runs
        self.damaged: list[tuple[str, str]] = []
        """Files that were left out, below the folder, and what is wrong with each."""

    def leave_out(self, path: Path, problem: str) -> None:
        self.damaged.append((path.relative_to(self.runs).as_posix(), problem))

    def entries(self, folder: Path, suffix: str = "") -> list[str]:
        """Folders in a folder, or what ends with `suffix`, without it, sorted; hidden ones are not results."""
        try:
            there = list(folder.iterdir()) if os.path.lexists(folder) else []
        except OSError:
            self.leave_out(folder, "not a folder that can be read")
            return []
        names = [path.name for path in there if suffix or path.is_dir()]
        return sorted(name.removesuffix(suffix) for name in names if name.endswith(suffix) and name[0] != ".")

    def read(self, record: type[R], file: str, settings: Settings | None = None) -> R | None:
        """Read a result, if there is one and it is whole; of a net, where its settings are given."""
        path = self.runs / file
        try:
            result = record.read(path) if os.path.lexists(path) else None
            if result and settings and OF_NET(result) != OF_NET(settings):
                name, net, depth = OF_NET(result)
                ours = f"{settings.name} is {settings.net}, depth {settings.depth}"
                raise DamagedFile(path, f"holds {name} ({net}, depth {depth}), but the parameters' {ours}")
        except DamagedFile as error:
            self.leave_out(error.path, error.problem)
            return None
        return result

    def all(self, record: type[R], kind: str) -> list[tuple[str, R]]:
        """Every whole result file of a folder, with its path."""
        files = [f"{kind}/{name}.json" for name in self.entries(self.runs / kind, ".json")]
        return [(file, result) for file in files if (result := self.read(record, file))]
